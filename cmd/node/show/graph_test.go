package show

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
	"rsc.io/qr"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func qrOf(t *testing.T, text string) *qr.Code {
	t.Helper()
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// modules tells which are light in a drawing of half blocks.
func modules(t *testing.T, drawing string, width int) (light [][]bool) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSuffix(drawing, "\n"), "\n") {
		row := []rune(line)
		if len(row) != width {
			t.Fatalf("a line of %d columns, want %d", len(row), width)
		}
		above, below := make([]bool, width), make([]bool, width)
		for x, r := range row {
			above[x], below[x] = r == '█' || r == '▀', r == '█' || r == '▄'
		}
		light = append(light, above, below)
	}
	return light
}

// history makes messages, oldest first, that follow those of the given numbers.
func history(parents [][]int) (all []api.Message) {
	for i, of := range parents {
		m := said(i, i, "alice", fmt.Sprintf("entry %d", i))
		for _, p := range of {
			m.Parents = append(m.Parents, entryID(p))
		}
		all = append(all, m)
	}
	return all
}

func TestGraph(t *testing.T) {
	for name, parents := range map[string][][]int{
		"line":     {{}, {0}, {1}},
		"fork":     {{}, {0}, {0}, {1, 2}, {3}},
		"heads":    {{}, {0}, {0}, {0}},
		"older":    {{100}, {0, 101}, {102}},
		"octopus":  {{}, {0}, {0}, {0}, {1, 2, 3}, {4}},
		"crossing": {{}, {0}, {0}, {0}, {1}, {2, 4}, {1, 3}, {5, 6}},
		"reuse":    {{}, {0}, {0}, {1, 2}, {3}, {3}, {4, 5}},
	} {
		var b bytes.Buffer
		messages := history(parents)
		if name == "fork" {
			messages[2].Void, messages[2].Reason = true, "bob was banned"
		}
		if err := Graph(&b, messages, Reading{Zone: time.UTC, Width: 80, All: true}); err != nil {
			t.Fatal(err)
		}
		golden(t, "graph-"+name+".txt", b.String())
	}
}

// TestGraphTellsTheParents follows the lines of drawings of any histories.
func TestGraphTellsTheParents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "entries")
		parents := make([][]int, n)
		for i := 1; i < n; i++ {
			parents[i] = rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 1, min(i, 5), rapid.ID[int]).Draw(t, "parents")
		}
		messages := history(parents)
		drawing := draw(messages)
		for i, row := range nodes(drawing) {
			at := n - 1 - i // newest first
			got := trace(t, drawing, row)
			want := slices.Sorted(slices.Values(parents[at]))
			for k, node := range got {
				got[k] = n - 1 - node
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("entry %d follows %v, the drawing says %v:\n%s", at, want, got, show(drawing))
			}
		}
	})
}

// draw gives the bare lines.
func draw(messages []api.Message) (lines [][]rune) {
	g := newGraph(messages)
	for _, m := range slices.Backward(messages) {
		node, links := g.next(m)
		lines = append(lines, []rune(node))
		if links != "" {
			lines = append(lines, []rune(links))
		}
	}
	return lines
}

func show(drawing [][]rune) string {
	var b strings.Builder
	for _, line := range drawing {
		b.WriteString(string(line) + "\n")
	}
	return b.String()
}

// nodes gives the row of each entry.
func nodes(drawing [][]rune) (rows []int) {
	for y, line := range drawing {
		if slices.Contains(line, '*') {
			rows = append(rows, y)
		}
	}
	return rows
}

// trace follows all lines down from the entry in a row, and gives the numbers, from
// above, of the entries in which they end.
func trace(t *rapid.T, drawing [][]rune, row int) (ends []int) {
	at := slices.Index(drawing[row], '*')
	below := row + 1
	if below >= len(drawing) || slices.Contains(drawing[below], '*') { // no links: straight down, or the end
		if end := fall(drawing, row, at); end >= 0 {
			ends = append(ends, end)
		}
		return ends
	}
	c := sides(cell(drawing, below, at))
	if !c.up {
		t.Fatalf("nothing leaves the entry of row %d:\n%s", row, show(drawing))
	}
	if c.down {
		ends = append(ends, fall(drawing, below, at))
	}
	for _, step := range []int{-1, 1} {
		if step < 0 && !c.left || step > 0 && !c.right {
			continue
		}
		for x := at + step; ; x += step {
			r := cell(drawing, below, x)
			s := sides(r)
			if r == ' ' || x < 0 {
				t.Fatalf("a line ends in the air, row %d:\n%s", below, show(drawing))
			}
			if r == '─' || r == '│' { // a crossing
				continue
			}
			if s.down {
				ends = append(ends, fall(drawing, below, x))
			}
			if step < 0 && !s.left || step > 0 && !s.right {
				break
			}
		}
	}
	return ends
}

// fall follows a lane down to the next entry in it, and gives its number; -1 if
// there is none.
func fall(drawing [][]rune, row, x int) int {
	for y := row + 1; y < len(drawing); y++ {
		switch r := cell(drawing, y, x); {
		case r == '*':
			return slices.Index(nodes(drawing), y)
		case !sides(r).up || !sides(r).down:
			return -1
		}
	}
	return -1
}

func cell(drawing [][]rune, y, x int) rune {
	if x < 0 || x >= len(drawing[y]) {
		return ' '
	}
	return drawing[y][x]
}

func sides(r rune) corner {
	for c, is := range corners {
		if is == r {
			return c
		}
	}
	return corner{}
}
