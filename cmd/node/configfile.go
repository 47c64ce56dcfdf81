package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxConfigFile is the most that a config file may have, in bytes.
const maxConfigFile = 1 << 20

// document is a config file as TOML 1.0 understands it, and where it says what.
type document struct {
	path   string
	text   string
	values map[string]any
	at     map[string]place // of keys: "name", "turn[0].url"
}

// place is a line and a column, both from 1; the zero place is unknown.
type place struct{ line, column int }

// mistake is what is wrong at one place of a document.
type mistake struct {
	place
	key  string // "" where the file as a whole is meant
	what string
}

// mistakes are all that is wrong with a document, from top to bottom. Their text
// shows the lines, but no password.
type mistakes struct {
	of  *document
	all []mistake
}

func (m *mistakes) add(at, what string) {
	m.all = append(m.all, mistake{m.of.placeOf(at), keyOf(at), what})
}

// keyOf is a key without the numbers of tables: "turn.url".
func keyOf(at string) string {
	table, key, isTable := strings.Cut(at, "[")
	if !isTable {
		return table
	}
	_, key, _ = strings.Cut(key, "]")
	return table + key
}

// err is nil if there are none.
func (m *mistakes) err() error {
	if len(m.all) == 0 {
		return nil
	}
	slices.SortStableFunc(m.all, func(x, y mistake) int { return x.line - y.line })
	return configError("%w", m)
}

func (m *mistakes) Error() string {
	var lines []string
	for _, one := range m.all {
		lines = append(lines, m.of.where(one))
		if shown := m.of.shown(one.line); shown != "" {
			lines = append(lines, shown)
		}
	}
	return strings.Join(lines, "\n")
}

// where says in one line what is wrong and where.
func (d *document) where(m mistake) string {
	var b strings.Builder
	b.WriteString(d.path)
	if m.line > 0 {
		fmt.Fprintf(&b, ":%d:%d", m.line, m.column)
	}
	b.WriteString(": ")
	if m.key != "" {
		fmt.Fprintf(&b, "%q: ", m.key)
	}
	return b.String() + m.what
}

// shown is a line of the file as an error shows it: "" of one that may hold a
// password, and so is every line of a [[turn]].
func (d *document) shown(number int) string {
	lines := strings.Split(d.text, "\n")
	if number < 1 || number > len(lines) {
		return ""
	}
	for i := number - 1; i >= 0; i-- {
		line := strings.ToLower(strings.TrimSpace(lines[i]))
		if strings.Contains(line, "turn") || strings.Contains(line, "pass") {
			return ""
		}
		if strings.HasPrefix(line, "[") {
			break
		}
	}
	return fmt.Sprintf("%5d | %s", number, strings.TrimRight(lines[number-1], "\r"))
}

// readDocument understands the text of the file at path.
func readDocument(path string, text []byte) (*document, error) {
	d := &document{path: path, text: string(text), values: map[string]any{}}
	m := &mistakes{of: d}
	switch {
	case len(text) > maxConfigFile:
		return nil, configError("%s has %d bytes; at most %d are allowed", path, len(text), maxConfigFile)
	case !utf8.Valid(text):
		return nil, configError("%s is no text in UTF-8", path)
	}
	if err := toml.Unmarshal(text, &d.values); err != nil {
		m.all = append(m.all, syntaxMistake(err))
		return nil, m.err()
	}
	d.at = placesIn(text)
	return d, nil
}

func syntaxMistake(err error) mistake {
	var wrong *toml.DecodeError
	what := strings.TrimPrefix(err.Error(), "toml: ")
	if !errors.As(err, &wrong) {
		return mistake{what: what}
	}
	line, column := wrong.Position()
	return mistake{place{line, column}, strings.Join(wrong.Key(), "."), what}
}

// placesIn finds where each key of a text that is TOML is named first.
func placesIn(text []byte) map[string]place {
	at, tables, table := map[string]place{}, map[string]int{}, ""
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		path, first := "", place{}
		for it := e.Key(); it.Next(); {
			start := p.Shape(it.Node().Raw).Start
			if path == "" {
				path, first = string(it.Node().Data), place{start.Line, start.Column}
			} else {
				path += "." + string(it.Node().Data)
			}
		}
		switch e.Kind {
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", path, tables[path])
			tables[path]++
			path = table
		case unstable.Table:
			table = path
		default:
			path = join(table, path)
		}
		if _, known := at[path]; !known {
			at[path] = first
		}
	}
	return at
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// placeOf is where a key is named, or else where the table is in which it is.
func (d *document) placeOf(at string) place {
	for {
		if p, known := d.at[at]; known {
			return p
		}
		i := strings.LastIndexAny(at, ".[")
		if i < 0 {
			return d.placeBelow(at)
		}
		at = at[:i]
	}
}

// placeBelow is where something of a table is named first that has no line of its own.
func (d *document) placeBelow(at string) (first place) {
	for key, p := range d.at {
		if (strings.HasPrefix(key, at+".") || strings.HasPrefix(key, at+"[")) && (first.line == 0 || p.line < first.line) {
			first = p
		}
	}
	return first
}

// pointTo is the place of a key as text.
func (d *document) pointTo(key string) string {
	return fmt.Sprintf("%s:%d", d.path, d.placeOf(key).line)
}

// codeConfig is the word for scripts of what is wrong with settings.
const codeConfig = "config"

// configError is about the config file or what it says.
func configError(format string, args ...any) error {
	return &failure{exit: exitUsage, code: codeConfig, err: fmt.Errorf(format, args...)}
}
