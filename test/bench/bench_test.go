package main

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-role" { // a process that a test starts
		main()
		return
	}
	os.Exit(lab.MainWithPasseur(m.Run))
}

// tiny is enough to try a row.
func tiny(t *testing.T) options { return options{rounds: 1, part: 1024, dir: t.TempDir(), alone: true} }

// Every way carries bytes from one process to another, whole, from a file into a file.
func TestWays(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	newFile(t, from, 8<<20, 1)
	for _, w := range ways("") {
		t.Run(w.name, func(t *testing.T) {
			s, err := here().transmit(t.Context(), load{way: w.name, size: 8 << 20, from: from, to: to})
			if err != nil {
				t.Fatal(err)
			}
			if s.speed <= 0 || s.send+s.recv <= 0 {
				t.Errorf("measured %+v", s)
			}
			same(t, from, to)
		})
	}
}

// A row with whole nodes measures them.
func TestRow(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == "disk" })
	res := rows[i].run(t.Context(), tiny(t))
	for _, c := range res.contenders {
		if !c.rival && len(measured(res.values(c.name, seconds))) != 1 {
			t.Errorf("%s was not measured: %v", c.title, res.notes)
		}
	}
	t.Log(text(tiny(t), []results{res}))
}

// What fails is said, and stops nothing else; what is missing is left out.
func TestFailures(t *testing.T) {
	var s *stage
	closed := false
	r := row{name: "r", title: "a row", goals: []goal{{of: "bad", in: seconds, atMost: 1}, {of: "good", to: "bad", in: seconds, atMost: 1}},
		field: func(on *stage, _ options) []contender {
			s = on
			s.Cleanup(func() { closed = true })
			return []contender{
				{name: "bad", title: "bad", run: func(int) figures { s.Fatalf("it broke"); return nil }},
				{name: "good", title: "good", run: func(round int) figures { return figures{seconds: float64(round)} }},
				{name: "none", title: "none", missing: "a package"},
			}
		}}
	res := r.run(t.Context(), options{rounds: 3})
	if got := res.values("good", seconds); !slices.Equal(got, []float64{0, 1, 2}) {
		t.Errorf("what goes well shows %v", got)
	}
	if len(res.notes) != maxFailures+1 || !strings.Contains(res.notes[0], "a package") || !strings.Contains(res.notes[1], "it broke") {
		t.Errorf("notes %q", res.notes)
	}
	for _, v := range res.judge() {
		if v.word() != "not measured" {
			t.Errorf("%s: %s", res.claim(v.goal), v.word())
		}
	}
	if !closed {
		t.Error("the stage was not undone")
	}
	res = row{name: "r", field: func(s *stage, _ options) []contender { s.Fatal("no ground"); return nil }}.run(t.Context(), options{rounds: 1})
	if len(res.notes) != 1 || !strings.Contains(res.notes[0], "no ground") {
		t.Errorf("notes %q", res.notes)
	}
}

// A program that is run so may sync what it likes.
func TestUnsynced(t *testing.T) {
	out, err := exec.Command(unsyncedBy(t)[0], append(unsyncedBy(t)[1:], "sync", "/proc/self/status")...).CombinedOutput()
	if err != nil { // a file of /proc cannot be synced: fsync fails on it
		t.Errorf("sync: %v %s", err, out)
	}
	if err := exec.Command("sync", "/proc/self/status").Run(); err == nil {
		t.Error("without the filter it does not fail: the test shows nothing")
	}
}

func TestStamp(t *testing.T) {
	piece := randomPiece()
	stamp(piece, 7)
	if !stamped(piece, 7) || stamped(piece, 8) {
		t.Error("a piece is not known by its stamps")
	}
	copy(piece[pageSize:], piece[2*pageSize:3*pageSize])
	if stamped(piece, 7) {
		t.Error("a page at the wrong place is not noticed")
	}
}

// Ratios are taken within a round: what hits all rows alike leaves no trace.
func TestGoals(t *testing.T) {
	var ours, theirs []figures
	for _, noise := range []float64{1, 0.5, 2} {
		ours = append(ours, figures{seconds: 3 * noise})
		theirs = append(theirs, figures{seconds: 2 * noise})
	}
	theirs[1] = nil // failed
	res := results{
		row:        row{title: "a row", goals: []goal{{of: "a", to: "b", in: seconds, atMost: 1.6}, {of: "a", in: seconds, atLeast: 4}}},
		contenders: []contender{{name: "a", title: "A"}, {name: "b", title: "B"}},
		figures:    map[string][]figures{"a": ours, "b": theirs},
	}
	got := markdown(options{rounds: 3}, []results{res})
	want := `| work | goal | shown (min-max) | |
|---|---|---|---|
| a row | A: ≤ 1.60 × B (s) | 1.50 (1.50-1.50) | met |
|  | A: ≥ 4.00 s | 3.00 (1.50-6.00) | **not met** |

| work | by | medians (min-max) |
|---|---|---|
| a row | A | 3.00 (1.50-6.00) s |
|  | B | 3.00 (2.00-4.00) s |
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCompare(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	newFile(t, a, 3<<20+5, 1)
	content, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p []byte) []byte{
		"shorter":       func(p []byte) []byte { return p[:len(p)-1] },
		"longer":        func(p []byte) []byte { return append(p, 0) },
		"a whole piece": func(p []byte) []byte { return append(p, make([]byte, pieceSize)...) },
		"one bit":       func(p []byte) []byte { p[2<<20] ^= 1; return p },
	} {
		if err := os.WriteFile(b, change(bytes.Clone(content)), 0o600); err != nil {
			t.Fatal(err)
		}
		if compare(a, b) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	if err := compare(a, a); err != nil {
		t.Error(err)
	}
}

func TestSortTop(t *testing.T) {
	top := `File: bench
Type: cpu
Duration: 1s, Total samples = 1000ms (100%)
Showing nodes accounting for 1000ms, 100% of 1000ms total
      flat  flat%   sum%        cum   cum%
     500ms 50.00% 50.00%      500ms 50.00%  internal/runtime/syscall/linux.Syscall6
     250ms 25.00% 75.00%      250ms 25.00%  crypto/internal/fips140/aes/gcm.gcmAesEnc
     125ms 12.50% 87.50%      125ms 12.50%  runtime.memmove
     100ms 10.00% 97.50%      100ms 10.00%  runtime.futex
      25ms  2.50%   100%       25ms  2.50%  main.stamp (inline)
         0     0%   100%     1000ms   100%  main.main
`
	shares, err := sortTop([]byte(top))
	if err != nil {
		t.Fatal(err)
	}
	want := []share{
		{"socket reads and writes in the kernel", 0.5}, {"AES-GCM", 0.25}, {"copying", 0.125},
		{"scheduling and garbage collection", 0.1}, {otherWork, 0.025},
	}
	if len(shares) != len(want) {
		t.Fatalf("shares %v, want %v", shares, want)
	}
	for i := range want {
		if shares[i].work != want[i].work || math.Abs(shares[i].part-want[i].part) > 1e-9 {
			t.Errorf("share %d is %v, want %v", i, shares[i], want[i])
		}
	}
	if _, err := sortTop([]byte("nothing")); err == nil {
		t.Error("an empty profile gave shares")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"1MiB": 1 << 20, "256MiB": 256 << 20, "2GiB": 2 << 30} {
		var s size
		if err := s.Set(text); err != nil || s != want || s.String() != text {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "1GB", "-1GiB", "0MiB", "1.5GiB"} {
		if err := new(size).Set(text); err == nil {
			t.Errorf("%q is taken for a size", text)
		}
	}
}
