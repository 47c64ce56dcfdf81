package docs

import (
	"strings"
	"testing"
)

// untyped are the commands of passeur that blocks of the kind console show and that no
// page has typed, and why.
var untyped = map[string]string{
	"passeur contact verify": "it asks on a terminal; cmd/node/testdata/contacts.txt does it",
	"passeur export":         "cmd/node/testdata/backup.txt does it",
	"passeur import":         "cmd/node/testdata/backup.txt does it",
	"passeur log":            "cmd/node/testdata/reload.txt does it",
}

// TestConsoleIsTypedElsewhere: what stands in a block that is not typed is a command that
// another block has typed, or it is said why none has.
func TestConsoleIsTypedElsewhere(t *testing.T) {
	m, typed := readManual(t), map[string]bool{}
	all := pages(t)
	for _, p := range all {
		for _, l := range p.shown("sh") {
			for _, words := range typedIn(l.text, "passeur") {
				typed[m.named(words)] = true
			}
		}
	}
	for _, p := range all {
		for _, l := range p.shown("console") {
			for _, words := range typedIn(l.text, "passeur") {
				if name := m.named(words); !typed[name] && untyped[name] == "" {
					t.Errorf("%s:%d: no page has typed %s", p.name, l.number, name)
				}
			}
		}
	}
}

// shown are the lines of a page's blocks of a kind, without comments.
func (p *page) shown(kind string) (lines []line) {
	for _, b := range p.blocks {
		if b.kind != kind {
			continue
		}
		for i, l := range strings.Split(b.text, "\n") {
			lines = append(lines, line{b.line + 1 + i, comment.ReplaceAllString(l, "")})
		}
	}
	return lines
}

// named is the command that words after "passeur" name: "passeur contact add".
func (m manual) named(words []string) string {
	at := m
	for i := 0; i < len(words); i++ {
		if strings.HasPrefix(words[i], "-") {
			if f, err := findFlag(m.Flags, words[i]); err == nil && f.Value != "" && !strings.Contains(words[i], "=") {
				i++ // its value
			}
			continue
		}
		next, ok := at.command(words[i])
		if !ok {
			break
		}
		at = next
	}
	return at.Path
}
