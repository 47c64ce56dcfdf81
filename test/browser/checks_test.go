package browser

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const web = "../../cmd/node/dashboard/web"

// TestTypes has TypeScript check the page's scripts, whose types are in comments.
func TestTypes(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("node_modules/.bin/tsc", "-p", "tsconfig.json").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestVendoredFilesAreThePackages': npm has checked these by package-lock.json.
func TestVendoredFilesAreThePackages(t *testing.T) {
	vendor := filepath.Join(web, "lib")
	err := filepath.WalkDir(vendor, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(vendor, path)
		origin := filepath.Join("node_modules", name)
		switch {
		case err != nil || entry.IsDir() || name == "SHA256SUMS":
			return err
		case name == "lean-qr/index.d.mts":
			origin = "lean-qr.d.mts" // ours
		}
		have, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if want, err := os.ReadFile(origin); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not that of the package: 'make vendor-web' fetches it anew (%v)", name, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// textIsMadeVisible by the page as by commands: both are held to the same vectors.
func textIsMadeVisible(t *testing.T, tab *page) {
	vectors, err := os.ReadFile("../../cmd/node/dashboard/testdata/visible.json")
	if err != nil {
		t.Fatal(err)
	}
	wrong := eval[[]string](tab, `import('/parts/text.js').then(({ visible }) =>
		(`+string(vectors)+`).filter((v) => visible(v.in) !== v.out).map((v) => v.what + ': ' + JSON.stringify(visible(v.in)) + ', not ' + JSON.stringify(v.out)))`)
	for _, what := range wrong {
		t.Error(what)
	}
}

// fault is something that a person with a screen reader, or weak eyes, trips over.
type fault struct {
	ID    string
	Help  string
	Nodes []struct {
		HTML           string
		FailureSummary string
	}
}

// accessible has axe judge what is on the screen.
func (p *page) accessible(where string) {
	p.t.Helper()
	if eval[bool](p, "!window.axe") {
		source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
		if err != nil {
			p.t.Fatal(err)
		}
		eval[bool](p, string(source)+";true")
	}
	found := eval[string](p, `axe.run(document, { resultTypes: ['violations'], preload: false }).then((r) => JSON.stringify(r.violations))`)
	var faults []fault
	if err := json.Unmarshal([]byte(found), &faults); err != nil {
		p.t.Fatal(err)
	}
	for _, f := range faults {
		var nodes []string
		for _, n := range f.Nodes {
			nodes = append(nodes, n.HTML+"\n      "+strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
		p.t.Errorf("%s: %s (%s)\n    %s", where, f.Help, f.ID, strings.Join(nodes, "\n    "))
	}
}

// fits tells whether the page is not wider than the screen.
func (p *page) fits(where string) {
	p.t.Helper()
	if over := eval[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		p.t.Errorf("%s: the page is wider than the screen by %d pixels", where, over)
	}
}
