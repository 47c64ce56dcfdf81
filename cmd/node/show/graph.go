package show

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

// Graph writes messages, given oldest first, newest first, with lines to the
// entries that each follows: what one wrote without having seen the other stands
// on lines of its own. A void entry is an x. Entries before the first given one
// have no line.
func Graph(w io.Writer, messages []api.Message, o Reading) error {
	g := newGraph(messages)
	for _, m := range slices.Backward(messages) {
		node, links := g.next(m)
		if err := o.graphLine(w, node, m); err != nil {
			return err
		}
		if links == "" {
			continue
		}
		if _, err := fmt.Fprintln(w, o.clip(links)); err != nil {
			return err
		}
	}
	return nil
}

func (o Reading) graphLine(w io.Writer, node string, m api.Message) error {
	node = o.clip(node)
	left := fmt.Sprintf("%s  %s", ID(m.ID), m.Time.In(o.zone()).Format("2 Jan 15:04"))
	text, _, more := strings.Cut(content(m), "\n")
	if more {
		text += " …"
	}
	if !isAct(m) {
		text = Clip(m.Author, maxAuthor) + ": " + text
	}
	text = strings.TrimSpace(Text(text) + " " + marks(m, o))
	if room := o.Width - runewidth.StringWidth(node+left) - 4; o.Width > 0 {
		text = runewidth.Truncate(text, max(room, minText), "…")
	}
	_, err := fmt.Fprintf(w, "%s  %s  %s\n", node, paint(o.Colour, dim, left), paint(o.Colour, style(m), text))
	return err
}

// clip keeps a wide graph from pushing the texts off the terminal.
func (o Reading) clip(lines string) string {
	if o.Width == 0 {
		return lines
	}
	return runewidth.Truncate(lines, max(o.Width/2, minText), "…")
}

// graph draws one entry after the other, newest first. Each lane is a column in
// which a line runs down to an entry that is still to come.
type graph struct {
	given map[string]bool
	lanes []string // the id that each leads to, "" for a free one
}

func newGraph(messages []api.Message) *graph {
	g := &graph{given: make(map[string]bool, len(messages))}
	for _, m := range messages {
		g.given[m.ID] = true
	}
	return g
}

// next draws an entry's own line and the one below it, by which it is linked to
// its parents: "" where a line straight down, or none, is all there is.
func (g *graph) next(m api.Message) (node, links string) {
	at := g.lane(m.ID)
	node = g.draw(at, m.Void)
	before := slices.Clone(g.lanes)
	g.lanes[at] = ""
	var to []int // lanes of the parents
	for _, parent := range m.Parents {
		if g.given[parent] {
			to = append(to, g.laneFor(parent, at))
		}
	}
	switch {
	case to == nil && len(m.Parents) > 0:
		return node, g.link(before, at, nil, '┆')
	case to == nil, len(to) == 1 && to[0] == at:
		return node, ""
	}
	return node, g.link(before, at, to, '│')
}

// lane finds the lane that leads to id, or gives it one.
func (g *graph) lane(id string) int { return g.laneFor(id, 0) }

// laneFor prefers the lane first where id needs a new one.
func (g *graph) laneFor(id string, first int) int {
	i := slices.Index(g.lanes, id)
	if i < 0 && first < len(g.lanes) && g.lanes[first] == "" {
		i = first
	}
	if i < 0 {
		i = slices.Index(g.lanes, "")
	}
	if i < 0 {
		i, g.lanes = len(g.lanes), append(g.lanes, "")
	}
	g.lanes[i] = id
	return i
}

func (g *graph) draw(at int, void bool) string {
	var b strings.Builder
	for i, id := range g.lanes {
		switch {
		case i == at && void:
			b.WriteRune('x')
		case i == at:
			b.WriteRune('*')
		case id != "":
			b.WriteRune('│')
		default:
			b.WriteRune(' ')
		}
		b.WriteRune(' ')
	}
	return strings.TrimRight(b.String(), " ")
}

// link draws lines from the lane at to the lanes to. Lanes that are only passed are
// crossed: │ between two ─ joins nothing. What runs straight down is drawn as down
// where no line branches off.
func (g *graph) link(before []string, at int, to []int, down rune) string {
	left, right := slices.Min(append(to, at)), slices.Max(append(to, at))
	var b strings.Builder
	for i := range g.lanes {
		c := corner{
			up:   i < len(before) && before[i] != "",
			down: g.lanes[i] != "",
		}
		if i == at || slices.Contains(to, i) {
			c.left, c.right = left < i && i <= right, left <= i && i < right
		} else if !c.up && !c.down {
			c.left, c.right = left < i && i < right, left < i && i < right
		}
		r := c.rune()
		if i == at && r == ' ' {
			r = down
		}
		b.WriteRune(r)
		if left <= i && i < right {
			b.WriteRune('─')
		} else {
			b.WriteRune(' ')
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// corner is where lines from these sides meet.
type corner struct{ up, down, left, right bool }

var corners = map[corner]rune{
	{up: true, down: true}:                          '│',
	{up: true, down: true, right: true}:             '├',
	{up: true, down: true, left: true}:              '┤',
	{up: true, down: true, left: true, right: true}: '┼',
	{up: true, right: true}:                         '╰',
	{up: true, left: true}:                          '╯',
	{up: true, left: true, right: true}:             '┴',
	{down: true, right: true}:                       '╭',
	{down: true, left: true}:                        '╮',
	{down: true, left: true, right: true}:           '┬',
	{left: true, right: true}:                       '─',
}

// rune is a blank for a line that ends here.
func (c corner) rune() rune {
	if r, found := corners[c]; found {
		return r
	}
	return ' '
}
