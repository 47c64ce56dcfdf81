package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is a file in Markdown, as far as it matters here.
type page struct {
	name     string // relative to the repository
	blocks   []block
	prose    []line // what is in no block
	headings []string
}

// block is what stands between two fences.
type block struct {
	line int    // of its first fence
	kind string // the first word after the fence
	whom string // the second, "" if there is none
	text string
}

type line struct {
	number int
	text   string
}

// kinds are what blocks may be. The words after sh and output are told in
// docs/README.md.
var kinds = []string{"sh", "output", "console", "text", "toml", "json", "go", "ini", "yaml"}

var (
	fence   = regexp.MustCompile("^( *)```(.*)$")
	heading = regexp.MustCompile(`^#{1,6} +(.*?) *$`)
)

// parse reads a page. A block of no known kind, or one that does not end, is an error.
func parse(name, content string) (*page, error) {
	p := &page{name: name}
	var open *block
	indent := ""
	for i, text := range strings.Split(content, "\n") {
		f := fence.FindStringSubmatch(text)
		switch {
		case open != nil && f != nil && f[2] == "":
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(text, indent) + "\n"
		case f != nil:
			words := append(strings.Fields(f[2]), "", "")
			open, indent = &block{line: i + 1, kind: words[0], whom: words[1]}, f[1]
			if !slices.Contains(kinds, open.kind) {
				return nil, fmt.Errorf("%s:%d: a block of the kind %q; known are %v", name, i+1, open.kind, kinds)
			}
		default:
			p.prose = append(p.prose, line{i + 1, text})
			if h := heading.FindStringSubmatch(text); h != nil {
				p.headings = append(p.headings, anchor(h[1]))
			}
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s:%d: a block that does not end", name, open.line)
	}
	return p, nil
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchor is what a link to a heading is called.
func anchor(heading string) string {
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var span = regexp.MustCompile("`([^`]+)`")

// spans are the pieces of code in a page's sentences. One may go on in the next line.
func (p *page) spans() []line {
	var all []line
	for start := 0; start < len(p.prose); {
		end := start // a paragraph
		for end+1 < len(p.prose) && p.prose[end].text != "" && p.prose[end+1].number == p.prose[end].number+1 {
			end++
		}
		text := ""
		for _, l := range p.prose[start : end+1] {
			text += strings.TrimSpace(l.text) + " "
		}
		for _, s := range span.FindAllStringSubmatch(text, -1) {
			all = append(all, line{p.prose[start].number, s[1]})
		}
		start = end + 1
	}
	return all
}

func TestParse(t *testing.T) {
	p, err := parse("p.md", "# A page, `too`\n\n- one `span that\n  goes on`\n\n  ```sh bob\n  echo hi\n  ```\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (block{line: 6, kind: "sh", whom: "bob", text: "echo hi\n"}); len(p.blocks) != 1 || p.blocks[0] != want {
		t.Errorf("blocks %+v, want %+v", p.blocks, want)
	}
	if s := p.spans(); len(s) != 2 || s[1].text != "span that goes on" {
		t.Errorf("spans %+v", s)
	}
	if !slices.Equal(p.headings, []string{"a-page-too"}) {
		t.Errorf("headings %q", p.headings)
	}
	for _, bad := range []string{"```\nplain\n```\n", "```sh\n", "```shell\n```\n"} {
		if _, err := parse("bad.md", bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
