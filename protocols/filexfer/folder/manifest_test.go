package folder

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/test/vectors"
)

var vectorErrors = map[string]error{"": nil, "manifest": ErrManifest, "limit": ErrLimit}

func TestManifestVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/manifest.txt") {
		text := ""
		if v["manifest"] != "" {
			text = string(v.Hex(t, "manifest"))
		}
		m, err := Parse(text, Limits{})
		if !errors.Is(err, vectorErrors[v["error"]]) || (err == nil) != (v["error"] == "") {
			t.Errorf("%s: %v", v["comment"], err)
		}
		if err != nil {
			continue
		}
		if string(m.Bytes()) != text || m.Length() != int64(len(text)) {
			t.Errorf("%s: encoded %q", v["comment"], m.Bytes())
		}
		n := 0
		for e := range m.All() {
			n++
			if got, want := lineOf(e), v["entry"+strconv.Itoa(n)]; got != want {
				t.Errorf("%s: entry %d is %q, want %q", v["comment"], n, got, want)
			}
		}
		if v["entry"+strconv.Itoa(n+1)] != "" || n != m.Len() {
			t.Errorf("%s: only %d entries", v["comment"], n)
		}
	}
}

// lineOf shows an entry as the vectors do.
func lineOf(e Entry) string {
	line := string(e.Kind) + " " + strings.Trim(strconv.Quote(e.Path), `"`)
	switch {
	case e.Kind.IsFile():
		line += fmt.Sprint(" ", e.Size)
	case e.Kind == Link:
		line += " " + e.Target
	}
	return line
}

// The sums of the vectors are those of their contents.
func TestSumInManifest(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/manifest.txt") {
		if v["entry1"] != "f a.txt 5" {
			continue
		}
		m, err := Parse(string(v.Hex(t, "manifest")), Limits{})
		check(t, err)
		sum := sha3tree.Unit([]byte("hello"))
		e := m.entry(0)
		if want := (sha3tree.List{Size: 5, Sums: sum[:]}).Root(); e.Sum != want || !e.Modified.Equal(longAgo) {
			t.Errorf("sum %v, modified %v", e.Sum, e.Modified)
		}
		return
	}
	t.Fatal("the vector is missing")
}

func TestManifestLimits(t *testing.T) {
	file := entry{kind: File, parent: top, name: "a", size: 10}
	two := Manifest{entries: []entry{file, {kind: File, parent: top, name: "b", size: 10}}}
	text := string(two.Bytes())
	for _, l := range []Limits{{Entries: 1}, {Manifest: int64(len(text)) - 1}, {Size: int64(len(text)) + 19}} {
		if _, err := Parse(text, l); !errors.Is(err, ErrLimit) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if _, err := Parse(text, Limits{Entries: 2, Manifest: int64(len(text)), Size: int64(len(text)) + 20, Depth: 1}); err != nil {
		t.Errorf("at its limits: %v", err)
	}
	if _, err := Read(strings.NewReader(text), 65<<20, Limits{}); !errors.Is(err, ErrLimit) {
		t.Errorf("65 MiB are announced: %v", err)
	}
	if _, err := Read(strings.NewReader(text), int64(len(text))+1, Limits{}); err == nil || errors.Is(err, ErrManifest) {
		t.Errorf("one byte more is announced: %v", err)
	}
	if m, err := Read(strings.NewReader(text+"files"), int64(len(text)), Limits{}); err != nil || m.Len() != 2 {
		t.Errorf("what follows it: %v", err)
	}
}

// Many names that become one, of invisible characters, take no time to speak of.
func TestInvisibleNames(t *testing.T) {
	const digits = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e" // of 3 bytes, ascending
	m := &Manifest{}
	for i := range 50_000 {
		name := ""
		for n := 10_000; n > 0; n /= 10 {
			at := i / n % 10 * 3
			name += digits[at : at+3]
		}
		m.entries = append(m.entries, entry{kind: File, parent: top, name: name})
	}
	m, err := Parse(string(m.Bytes()), Limits{})
	check(t, err)
	if got := m.savedName(int32(m.Len() - 1)); got != "file (50000)" {
		t.Errorf("the last of them is called %q", got)
	}
}

// Names in one folder that a file system takes for one get numbers.
func TestSavedNames(t *testing.T) {
	for _, c := range []struct{ sent, saved []string }{
		{[]string{"README", "readme"}, []string{"README", "readme (2)"}},
		{[]string{"a.TXT", "a.txt", "a (2).txt"}, []string{"a (2).txt", "a.TXT", "a (3).txt"}},
		{[]string{"stra\u00dfe", "strasse", "STRASSE"}, []string{"STRASSE", "strasse (2)", "stra\u00dfe (3)"}},
		{[]string{"\u00e9", "e\u0301"}, []string{"\u00e9", "\u00e9 (2)"}},
		{[]string{"\u0130", "i\u0307"}, []string{"i\u0307", "\u0130 (2)"}},
		{[]string{"I", "\u0131"}, []string{"I", "\u0131 (2)"}},
		{[]string{"\uff21", "a"}, []string{"a", "\uff21 (2)"}},
		{[]string{"con", "_con"}, []string{"_con", "_con (2)"}},
		{[]string{".bashrc", "-rf", "nul.txt", "a\x1b[2J", "x ", "desktop.ini"}, []string{"_-rf", "_.bashrc", "a_[2J", "_desktop.ini", "_nul.txt", "x"}},
		{[]string{".passeur-0123456789abcdef.part", `c:\x`, "a\u202etxt.exe"}, []string{"_.passeur-0123456789abcdef.part", "atxt.exe", "x"}},
	} {
		m := &Manifest{}
		for _, name := range c.sent {
			m.entries = append(m.entries, entry{kind: File, parent: top, name: name})
		}
		sortEntries(m)
		var got []string
		for e := range m.All() {
			got = append(got, e.Saved)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.saved) {
			t.Errorf("%q are saved as %q, want %q", c.sent, got, c.saved)
		}
	}
}

// Names of which a folder of somebody's making has twenty thousand pairs, and which differ
// only where they are cut to be numbered, do not take much longer than others.
func TestSavedNamesOfManyAlike(t *testing.T) {
	m := &Manifest{}
	for _, first := range []string{"A", "a"} {
		for i := range 20_000 {
			name := fmt.Sprintf("%s%0249d%05d", first, 0, i)
			m.entries = append(m.entries, entry{kind: File, parent: top, name: name})
		}
	}
	began, seen := time.Now(), map[string]bool{}
	for i := range m.entries {
		name := m.savedName(int32(i))
		if key := folded(name); seen[key] || len(name) > maxName {
			t.Fatalf("%q is the name of two, or too long", name)
		} else {
			seen[key] = true
		}
	}
	if took := time.Since(began); took > 30*time.Second { // a second; minutes if each tries every number before its own
		t.Errorf("it took %v", took)
	}
}

func FuzzManifest(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/manifest.txt") {
		if v["manifest"] != "" {
			f.Add(v.Hex(f, "manifest"))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(string(text), Limits{})
		if err != nil {
			if !errors.Is(err, ErrManifest) && !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			return
		}
		if string(m.Bytes()) != string(text) {
			t.Fatal("it is encoded otherwise")
		}
		wantSound(t, m)
	})
}

// wantSound holds for every manifest that parses.
func wantSound(t rapid.TB, m *Manifest) {
	paths := map[string]bool{}
	end := m.Length()
	for i := range m.entries {
		e, shown := &m.entries[i], m.entry(int32(i))
		if e.start != end || e.size < 0 || e.end() < e.start || e.end() > m.Size() {
			t.Fatalf("%q lies from %d to %d", shown.Path, e.start, e.end())
		}
		end = e.end()
		if e.parent >= int32(i) || e.parent != top && m.entries[e.parent].kind != Dir {
			t.Fatalf("%q is in no folder", shown.Path)
		}
		if paths[folded(shown.Saved)] || shown.Saved == "" {
			t.Fatalf("%q is saved where another is: %q", shown.Path, shown.Saved)
		}
		paths[folded(shown.Saved)] = true
		for _, name := range strings.Split(shown.Saved, "/") {
			if filexfer.SafeName(name) != name {
				t.Fatalf("%q is saved as %q", shown.Path, shown.Saved)
			}
		}
		if e.kind == Link && !staysInside(savedTarget(e.target), strings.Count(shown.Saved, "/")) {
			t.Fatalf("%q points to %q", shown.Saved, savedTarget(e.target))
		}
	}
	if end != m.Size() {
		t.Fatalf("its files end at %d of %d", end, m.Size())
	}
}

func sortEntries(m *Manifest) {
	for i := range m.entries {
		for j := i; j > 0 && m.entries[j].name < m.entries[j-1].name; j-- {
			m.entries[j], m.entries[j-1] = m.entries[j-1], m.entries[j]
		}
	}
}
