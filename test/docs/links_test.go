package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	target = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	// inTree is a path that begins with one of the repository's folders.
	inTree = regexp.MustCompile(`^(cmd|conversation|docs|node|packaging|protocols|test)(/[\w.+-]+)+/?$`)
	aTest  = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	// testFunc declares a test.
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// TestLinks looks for every file and heading that a page links to, and for every file
// and every test of the repository that it names.
func TestLinks(t *testing.T) {
	tests := testNames(t)
	all := map[string]*page{}
	for _, p := range pages(t) {
		all[p.name] = p
	}
	for _, p := range all {
		for _, l := range p.prose {
			for _, m := range link.FindAllStringSubmatch(l.text, -1) {
				if problem := follow(all, p, m[1]); problem != "" {
					t.Errorf("%s:%d: %s", p.name, l.number, problem)
				}
			}
		}
		for _, s := range p.spans() {
			if inTree.MatchString(s.text) && !exists(s.text) {
				t.Errorf("%s:%d: there is no %s", p.name, s.number, s.text)
			}
			if aTest.MatchString(s.text) && !tests[s.text] {
				t.Errorf("%s:%d: there is no test %s", p.name, s.number, s.text)
			}
		}
	}
}

// testNames are those of all tests, fuzz targets and benchmarks.
func testNames(t *testing.T) map[string]bool {
	all := map[string]bool{}
	for _, text := range sources(t) {
		for _, m := range testFunc.FindAllStringSubmatch(text, -1) {
			all[m[1]] = true
		}
	}
	return all
}

// follow says what is wrong with a link on a page, "" if nothing is. Links to elsewhere
// are not followed.
func follow(all map[string]*page, from *page, to string) string {
	if strings.Contains(to, "://") {
		return ""
	}
	file, heading, _ := strings.Cut(to, "#")
	name := from.name
	if file != "" {
		name = path.Join(path.Dir(from.name), file)
	}
	if !exists(name) {
		return "there is no " + name
	}
	if p := all[name]; heading != "" && p != nil && !slices.Contains(p.headings, heading) {
		return name + " has no heading #" + heading
	}
	return ""
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil
}

// TestPagesAreListed holds docs/README.md to be the list of all pages.
func TestPagesAreListed(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		name := path.Base(p.name)
		if path.Dir(p.name) == "docs" && name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not link to %s", name)
		}
	}
}

// targets are what make can make.
func targets(t *testing.T) map[string]bool {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		all[m[1]] = true
	}
	return all
}
