package docs

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

// pageTime bounds the run of one page's script, whose own waits are shorter.
const pageTime = 8 * time.Minute

// TestBlocks types what the pages tell to type.
func TestBlocks(t *testing.T) {
	for _, p := range pages(t) {
		if !hasBlock(p, "sh") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(p.name), ".md"), func(t *testing.T) {
			t.Parallel()
			compare(t, p, typed(t, p))
		})
	}
}

func hasBlock(p *page, kind string) bool {
	for _, b := range p.blocks {
		if b.kind == kind {
			return true
		}
	}
	return false
}

// typed runs a page's script on a machine of its own, in an empty home folder, and gives
// all that was said.
func typed(t *testing.T, p *page) string {
	l := lab.New(t)
	host := l.Host("page", "192.0.2.10/24", "fd00:2::10/64")
	dir, err := os.MkdirTemp("", "p-") // short: a path to a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file, transcript := filepath.Join(dir, ".script"), filepath.Join(dir, ".transcript")
	if err := os.WriteFile(file, []byte(script(p)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(transcript)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), pageTime)
	defer cancel()
	cmd := host.Command(ctx, "bash", "-euxo", "pipefail", file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = environment(dir, transcript)
	err = cmd.Run()
	said, readErr := os.ReadFile(transcript)
	if err != nil || readErr != nil {
		trace, _ := os.ReadFile(filepath.Join(dir, ".trace"))
		t.Fatalf("%s: %v %v; the last commands:\n%s\nand what was said:\n%s", p.name, err, readErr, tail(trace), tail(said))
	}
	return string(said)
}

// environment is that of somebody who has just logged in.
func environment(home, transcript string) []string {
	return []string{
		"HOME=" + home, "TMPDIR=" + home, "TRANSCRIPT=" + transcript, "LC_ALL=C.UTF-8",
		"PATH=" + filepath.Dir(lab.Passeur()) + ":" + os.Getenv("PATH"),
	}
}

func tail(text []byte) []byte { return text[max(0, len(text)-6000):] }

// compare looks for each line of the blocks "output" in what was said from the block
// before it on.
func compare(t *testing.T, p *page, said string) {
	var last block
	for _, b := range p.blocks {
		if b.kind == "sh" {
			last = b
		}
		if b.kind != "output" {
			continue
		}
		_, after, found := strings.Cut(said, mark(p, last)+"\n")
		if !found {
			t.Errorf("%s:%d: an output before anything was typed", p.name, b.line)
		}
		for _, l := range strings.Split(b.text, "\n") {
			if !loosely(l).MatchString(after) {
				t.Errorf("%s:%d: nothing said %q:\n%s", p.name, b.line, l, tail([]byte(after)))
			}
		}
	}
}

// loosely matches a line in which … stands for anything, and some spaces for others.
func loosely(l string) *regexp.Regexp {
	words := strings.Fields(l)
	for i, word := range words {
		words[i] = strings.ReplaceAll(regexp.QuoteMeta(word), "…", ".*")
	}
	return regexp.MustCompile(strings.Join(words, `\s+`))
}

func TestScriptLines(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"passeur send a.jpg bob", "passeur send a.jpg bob"},
		{"passeur send a.jpg bob   # waits for Bob", "passeur send a.jpg bob &"},
		{"passeur run &   # keep it", "passeur run &   # keep it\nready "},
		{"passeur run --home alice &", "passeur run --home alice &\nready --home alice"},
		{"passeur inbox   # until it says it's", `until_says 'it'\''s' 'passeur inbox'`},
		{"passeur cancel 0123456789abcdef", `passeur cancel "$(seen '[0-9a-f]{16}')"`},
	} {
		if got := bashLine(c.line); got != c.want {
			t.Errorf("%s\nis %s\nwant %s", c.line, got, c.want)
		}
	}
	if !loosely("id  FROM … 6 B").MatchString("id FROM alice 6 B hello") || loosely("a.b").MatchString("axb") {
		t.Error("lines are compared wrongly")
	}
}
