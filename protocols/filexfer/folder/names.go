package folder

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// savedName is the name under which entry i is created.
func (m *Manifest) savedName(i int32) string {
	m.saving.Do(m.saveNames)
	return m.saved[i]
}

// saveNames chooses a name for each entry: safe, and in its folder the only one
// that a file system could take for it. They depend on the manifest alone.
func (m *Manifest) saveNames() {
	m.saved = make([]string, len(m.entries))
	taken := map[int32]*names{}
	for i := range m.entries {
		e := &m.entries[i]
		for last := int32(i) - 1; last >= 0 && last != e.parent; last = m.entries[last].parent {
			delete(taken, last) // a folder that has ended
		}
		siblings := taken[e.parent]
		if siblings == nil {
			siblings = &names{taken: map[string]bool{}, next: map[series]int{}}
			taken[e.parent] = siblings
		}
		m.saved[i] = siblings.choose(filexfer.SafeName(e.name), e.kind != Dir)
	}
}

// names are those that are taken in one folder, folded.
type names struct {
	taken map[string]bool
	next  map[series]int // the first number that may be free
}

// series is what names with a number are the same for: the first of them, and its
// number, which has as many digits as those of the others.
type series struct {
	name  string
	first int
}

// choose gives the name, or the first numbered one that is free.
func (s *names) choose(name string, isFile bool) string {
	if s.take(name) {
		return name
	}
	for first, end := 2, 10; ; first, end = end, end*10 {
		if choice, found := s.chooseOf(name, isFile, first, end); found {
			return choice
		}
	}
}

// chooseOf gives the first name that is free with a number from first to the one before
// end; all of these have as many digits. Long names are cut for the number, so that many
// which differ only at their ends are to have the same ones: they all go on where the last
// one ended, or a hostile folder would have each of them try every number before its own.
func (s *names) chooseOf(name string, isFile bool, first, end int) (choice string, found bool) {
	like := series{folded(numbered(name, first, isFile)), first}
	for n := max(s.next[like], first); n < end; n++ {
		s.next[like] = n + 1
		if choice := numbered(name, n, isFile); s.take(choice) {
			return choice, true
		}
	}
	return "", false
}

// take takes a name, if it is free.
func (s *names) take(name string) bool {
	key := folded(name)
	free := !s.taken[key]
	s.taken[key] = true
	return free
}

var foldCase = cases.Fold()

// folded is the same for all names that some file system takes for one: upper and
// lower case of any script, composed and decomposed, wide and narrow.
func folded(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	return norm.NFKC.String(strings.ToLower(strings.ToUpper(foldCase.String(norm.NFKC.String(name)))))
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// numbered gives the n-th choice for a name that is taken: "photo (2).jpg", and for
// a folder "v1.0 (2)".
func numbered(name string, n int, isFile bool) string {
	if n == 1 {
		return name
	}
	ext := path.Ext(name)
	if !isFile || len(ext) > 32 {
		ext = ""
	}
	tail := fmt.Sprintf(" (%d)%s", n, ext)
	base := strings.TrimSuffix(name, ext)
	end := min(len(base), maxName-len(tail))
	for end > 0 && end < len(base) && !utf8.RuneStart(base[end]) {
		end--
	}
	return base[:end] + tail
}

// savedTarget is where a link points by the names under which entries are created.
func savedTarget(target string) string {
	elements := strings.Split(target, "/")
	for i, name := range elements {
		if name != ".." {
			elements[i] = filexfer.SafeName(name)
		}
	}
	return strings.Join(elements, "/")
}
