package manual

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// File is one man page: its name, as "passeur-contact.1", and what is in it.
type File struct {
	Name, Text string
}

// Files gives the pages of root and all below it. Date stands at the foot of each; the
// zero date is left out.
func Files(root Page, date time.Time) []File {
	w := writer{root: root, foot: root.Path}
	if !date.IsZero() {
		w.date = date.UTC().Format(time.DateOnly)
	}
	return w.files(root, nil)
}

type writer struct {
	root       Page
	date, foot string
	b          strings.Builder
}

func (w *writer) files(p Page, above *Page) []File {
	all := []File{{fmt.Sprintf("%s.%d", nameOf(p), section(p)), w.page(p, above)}}
	for _, c := range p.Commands {
		all = append(all, w.files(c, &p)...)
	}
	return all
}

func nameOf(p Page) string { return strings.ReplaceAll(p.Path, " ", "-") }

// section is 1 for a command, 7 for a topic (man(1)).
func section(p Page) int {
	if p.Topic {
		return 7
	}
	return 1
}

func (w *writer) page(p Page, above *Page) string {
	w.b.Reset()
	w.line(`.TH "%s" "%d" "%s" "%s" "%s"`, code(strings.ToUpper(nameOf(p))), section(p), w.date, code(w.foot), "passeur manual")
	w.line(".SH NAME\n%s \\- %s", code(nameOf(p)), text(p.Short))
	if !p.Topic {
		w.synopsis(p)
	}
	w.line(".SH DESCRIPTION")
	w.prose(strings.TrimSpace(p.Long+"\n") + "\n")
	if p.Long == "" {
		w.line("%s.", text(p.Short))
	}
	w.commands(p)
	w.flags("OPTIONS", p, false)
	if above == nil {
		w.flags("OPTIONS OF EVERY COMMAND", p, true)
		w.exits()
	}
	if p.Example != "" {
		w.line(".SH EXAMPLES")
		w.verbatim(strings.Split(p.Example, "\n"))
	}
	w.seeAlso(p, above)
	return w.b.String()
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

func (w *writer) synopsis(p Page) {
	arguments := strings.TrimPrefix(p.Usage, p.Path)
	if len(p.Commands) > 0 {
		arguments = " COMMAND"
	}
	w.line(".SH SYNOPSIS\n.B %s\n%s", code(p.Path), code("[OPTION...]"+arguments))
}

// prose writes paragraphs, and lines that begin with two blanks as they are.
func (w *writer) prose(long string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(long), "\n\n") {
		lines := strings.Split(strings.Trim(paragraph, "\n"), "\n")
		switch {
		case paragraph == "":
		case strings.HasPrefix(lines[0], "  "):
			w.verbatim(lines)
		default:
			if i > 0 {
				w.line(".PP")
			}
			w.paragraph(lines)
		}
	}
}

// paragraph writes lines that are filled, up to one that is indented.
func (w *writer) paragraph(lines []string) {
	for i, l := range lines {
		if strings.HasPrefix(l, "  ") {
			w.verbatim(lines[i:])
			return
		}
		w.line("%s", text(l))
	}
}

func (w *writer) verbatim(lines []string) {
	w.line(".PP\n.RS 2\n.EX")
	for _, l := range lines {
		w.line("%s", code(strings.TrimPrefix(l, "  ")))
	}
	w.line(".EE\n.RE")
}

func (w *writer) commands(p Page) {
	groups := p.Groups
	if len(groups) == 0 && len(p.Commands) > 0 {
		groups = []Group{{"", nil}}
		for _, c := range p.Commands {
			groups[0].Commands = append(groups[0].Commands, lastWord(c))
		}
	}
	if len(groups) > 0 {
		w.line(".SH COMMANDS")
	}
	for _, g := range groups {
		if g.Title != "" {
			w.line(".SS %s", text(g.Title))
		}
		for _, c := range p.Commands {
			if slices.Contains(g.Commands, lastWord(c)) {
				w.line(".TP\n.BR %s (%d)\n%s", code(nameOf(c)), section(c), text(c.Short))
			}
		}
	}
}

func lastWord(p Page) string { return p.Path[strings.LastIndexByte(p.Path, ' ')+1:] }

func (w *writer) flags(title string, p Page, global bool) {
	if !slices.ContainsFunc(p.Flags, func(f Flag) bool { return f.Global == global }) {
		return
	}
	w.line(".SH %s", title)
	for _, f := range p.Flags {
		if f.Global != global {
			continue
		}
		name := `\fB` + code("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + code("-"+f.Shorthand) + `\fR, ` + name
		}
		if f.Value != "" {
			name += ` \fI` + code(f.Value) + `\fR`
		}
		w.line(".TP\n%s\n%s", name, text(f.Says))
	}
}

func (w *writer) exits() {
	w.line(".SH EXIT STATUS")
	for _, e := range w.root.Exits {
		w.line(".TP\n.B %d\n%s", e.Code, text(e.Means))
	}
}

func (w *writer) seeAlso(p Page, above *Page) {
	var names []string
	if above != nil {
		names = append(names, reference(*above))
		for _, c := range above.Commands {
			if c.Path != p.Path && (c.Topic || above.Path != w.root.Path) {
				names = append(names, reference(c))
			}
		}
	}
	for _, c := range p.Commands {
		names = append(names, reference(c))
	}
	if names != nil {
		w.line(".SH SEE ALSO\n%s", strings.Join(names, ",\n"))
	}
}

func reference(p Page) string {
	return fmt.Sprintf(`\fB%s\fR(%d)`, code(nameOf(p)), section(p))
}

// text makes s one line of prose, in which nothing is a request or an escape.
func text(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// code is text that can be copied and typed: dashes and quotes stay what they are.
func code(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
