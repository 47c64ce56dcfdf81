// Package docs holds README.md and docs/*.md to what is true: what they tell people to
// type runs here, with the binary that people get, in a namespace of each page's own;
// commands, flags, variables, files and headings that they name exist; settings and JSON
// are valid; and messages that docs/troubleshooting.md explains are really said.
//
// Blocks of the kind console are not typed here, for what they need: root and systemd
// (docs/operations.md; test/service does most of it on a system that it boots), Debian's servers or GitHub, a browser or a camera, a second
// machine by ssh, an hour (make bench, make natlab), or somebody at a terminal who answers
// (contact verify, import). Of these, the commands and flags of passeur, the targets of
// make and the variables are looked up, and a command that no page has typed must be
// listed with the reason (console_test.go). Blocks of the kinds text, ini and yaml are not
// looked at.
//
// How a page is written for this is told in docs/README.md.
package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.MainWithPasseur(m.Run)) }

// root is the repository's folder.
const root = "../.."

// pages reads README.md and docs/*.md.
func pages(t *testing.T) []*page {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	var all []*page
	for _, path := range append([]string{filepath.Join(root, "README.md")}, paths...) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(name, string(content))
		if err != nil {
			t.Error(err)
			continue
		}
		all = append(all, p)
	}
	return all
}
