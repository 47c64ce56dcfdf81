package docs

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// manual is a command as 'passeur help --json' tells of it.
type manual struct {
	Path     string
	Topic    bool
	Aliases  []string
	Flags    []flag
	Commands []manual
}

type flag struct {
	Name, Shorthand, Value string
	Global                 bool
}

func readManual(t *testing.T) manual {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), lab.Passeur(), "help", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var m manual
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMentions looks for every command, flag and variable that a page names.
func TestMentions(t *testing.T) {
	m := readManual(t)
	variables, targets := variables(t, m), targets(t)
	for _, p := range pages(t) {
		for _, l := range p.code() {
			for _, words := range typedIn(l.text, "passeur") {
				if err := m.check(words); err != nil {
					t.Errorf("%s:%d: `passeur %s`: %v", p.name, l.number, strings.Join(words, " "), err)
				}
			}
			for _, words := range typedIn(l.text, "make") {
				if len(words) > 0 && !targets[words[0]] {
					t.Errorf("%s:%d: there is no `make %s`", p.name, l.number, words[0])
				}
			}
			for _, v := range variable.FindAllString(l.text, -1) {
				if !variables[v] {
					t.Errorf("%s:%d: nothing reads %s", p.name, l.number, v)
				}
			}
		}
		for _, l := range p.prose {
			if unfenced.MatchString(l.text) {
				t.Errorf("%s:%d: commands belong between fences, where they are tried: %s", p.name, l.number, l.text)
			}
		}
		others := p.othersFlags()
		for _, s := range p.spans() {
			name, isFlag := strings.CutPrefix(s.text, "--")
			name, _, _ = strings.Cut(strings.ReplaceAll(name, "=", " "), " ")
			if isFlag && !m.hasFlag(name) && !others["--"+name] {
				t.Errorf("%s:%d: no command has the flag `%s`", p.name, s.number, s.text)
			}
		}
	}
}

// othersFlags are those that a page gives to other programs than passeur.
func (p *page) othersFlags() map[string]bool {
	all := map[string]bool{}
	for _, l := range p.code() {
		if fields := strings.Fields(l.text); len(fields) > 1 && !strings.Contains(l.text, "passeur ") {
			for _, f := range fields[1:] {
				all[f] = true
			}
		}
	}
	return all
}

// code is what a page shows as typed: lines of blocks for a shell, and spans of its
// sentences that are not bytes on a wire.
func (p *page) code() []line {
	all := slices.DeleteFunc(p.spans(), func(l line) bool { return strings.Contains(l.text, `\n`) })
	return append(append(all, p.shown("sh")...), p.shown("console")...)
}

var (
	comment  = regexp.MustCompile(`(^|\s)#.*$`)
	unfenced = regexp.MustCompile(`^ {4,}(\$ )?(passeur|make|sudo)\b [a-z-]`)
	variable = regexp.MustCompile(`\bPASSEUR_[A-Z0-9_]+\b`)
	// command is a name at the beginning of a command, and what follows until that
	// command's end.
	command = regexp.MustCompile(`(?:^|[|;&(] *|\$ )([a-z]+)((?:\s+(?:"[^"]*"|'[^']*'|[^\s|;&()<>"']+))*)`)
)

// before are words after which the command begins.
var before = []string{"sudo", "until", "while", "if", "then", "do", "time", "exec"}

// typedIn finds what is typed after a command's name in a line.
func typedIn(text, name string) (all [][]string) {
	for _, m := range command.FindAllStringSubmatch(text, -1) {
		words := append([]string{m[1]}, strings.Fields(m[2])...)
		for len(words) > 1 && slices.Contains(before, words[0]) {
			words = words[1:]
			for len(words) > 2 && strings.HasPrefix(words[0], "-") { // sudo -u NAME
				words = words[2:]
			}
		}
		if words[0] == name {
			all = append(all, words[1:])
		}
	}
	return all
}

// check says what is wrong with words after "passeur".
func (m manual) check(words []string) error {
	at, flags, takes := m, m.Flags, true
	for i := 0; i < len(words); i++ {
		word := words[i]
		if strings.HasPrefix(word, "-") && word != "-" && word != "--" {
			f, err := findFlag(append(slices.Clone(flags), at.Flags...), word)
			if err != nil {
				return err
			}
			if f.Value != "" && !strings.Contains(word, "=") {
				i++ // its value
			}
			continue
		}
		if next, ok := at.command(word); ok && takes {
			at, flags = next, append(flags, at.Flags...)
			continue
		}
		if takes && len(at.Commands) > 0 && !placeholder(word) {
			return fmt.Errorf("%s has no command %q", at.Path, word)
		}
		takes = false
	}
	return nil
}

func (m manual) command(word string) (manual, bool) {
	for _, c := range m.Commands {
		if path.Base(strings.ReplaceAll(c.Path, " ", "/")) == word || slices.Contains(c.Aliases, word) {
			return c, true
		}
	}
	return manual{}, false
}

// placeholder tells whether a word stands for any command.
func placeholder(word string) bool {
	return word == "…" || word == "help" || word == strings.ToUpper(word)
}

func findFlag(flags []flag, word string) (flag, error) {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range append(flags, flag{Name: "help", Shorthand: "h"}, flag{Name: "version"}) {
		if strings.HasPrefix(word, "--") && f.Name == name || !strings.HasPrefix(word, "--") && f.Shorthand == name {
			return f, nil
		}
	}
	return flag{}, fmt.Errorf("there is no flag %s", word)
}

func (m manual) hasFlag(name string) bool {
	if _, err := findFlag(m.Flags, "--"+name); err == nil {
		return true
	}
	return slices.ContainsFunc(m.Commands, func(c manual) bool { return c.hasFlag(name) })
}

// variables are what the environment may set: for the node, for every command, and for
// tests.
func variables(t *testing.T, m manual) map[string]bool {
	all := map[string]bool{}
	run, ok := m.command("run")
	if !ok {
		t.Fatal("passeur has no command run")
	}
	for _, f := range append(run.Flags, m.Flags...) {
		all["PASSEUR_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))] = true
	}
	for _, text := range sources(t) {
		for _, v := range quotedVariable.FindAllStringSubmatch(text, -1) {
			all[v[1]] = true
		}
	}
	return all
}

var quotedVariable = regexp.MustCompile(`"(PASSEUR_[A-Z0-9_]+)"`)

func TestManualChecks(t *testing.T) {
	m := manual{Path: "passeur", Flags: []flag{{Name: "home", Value: "FOLDER", Global: true}}, Commands: []manual{
		{Path: "passeur run", Flags: []flag{{Name: "verbose", Shorthand: "v"}}},
		{Path: "passeur contact", Commands: []manual{{Path: "passeur contact add"}}},
	}}
	for text, ok := range map[string]bool{
		"passeur run": true, "passeur --home x run -v --home=y": true, "passeur ryn": false, "passeur run --loud": false,
		"x | passeur contact add bob": true, "$(passeur contact ad)": false, "passeur COMMAND --help": true, "sudo -u passeur passeur ryn": false,
	} {
		found := typedIn(text, "passeur")
		if len(found) != 1 {
			t.Errorf("%s: typed %q", text, found)
			continue
		}
		if err := m.check(found[0]); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
