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
			siblings = &names{taken: map[string]bool{}, count: map[string]int{}}
			taken[e.parent] = siblings
		}
		m.saved[i] = siblings.choose(filexfer.SafeName(e.name), e.kind != Dir)
	}
}

// names are those that are taken in one folder, folded.
type names struct {
	taken map[string]bool
	count map[string]int // the last number that a name got
}

// choose gives the name, or the first numbered one that is free.
func (s *names) choose(name string, isFile bool) string {
	key := folded(name)
	if !s.taken[key] {
		s.taken[key] = true
		return name
	}
	for n := max(s.count[key], 1) + 1; ; n++ {
		choice := numbered(name, n, isFile)
		if other := folded(choice); !s.taken[other] {
			s.taken[other], s.count[key] = true, n
			return choice
		}
	}
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
