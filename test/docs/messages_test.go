package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// quoted is a message of passeur's in docs/troubleshooting.md.
var quoted = regexp.MustCompile(`“([^”]+)”`)

// TestMessages looks in the sources for every message that docs/troubleshooting.md
// quotes. What differs from time to time is … there.
func TestMessages(t *testing.T) {
	said := literals(t)
	for _, p := range pages(t) {
		if filepath.Base(p.name) != "troubleshooting.md" {
			continue
		}
		for _, l := range p.prose {
			for _, m := range quoted.FindAllStringSubmatch(l.text, -1) {
				if !isSaid(said, m[1]) {
					t.Errorf("%s:%d: nothing says “%s”", p.name, l.number, m[1])
				}
			}
		}
	}
}

// isSaid tells whether one text has all pieces of a message, in their order.
func isSaid(said []string, message string) bool {
	var pieces []string
	for _, piece := range strings.Split(message, "…") {
		pieces = append(pieces, regexp.QuoteMeta(strings.TrimSpace(piece)))
	}
	want := regexp.MustCompile("(?s)" + strings.Join(pieces, ".*"))
	for _, text := range said {
		if want.MatchString(text) {
			return true
		}
	}
	return false
}

// literals are the texts in the sources, and the dashboard's and the API's. Texts that
// are put together by + are one.
func literals(t *testing.T) (all []string) {
	for name, text := range sources(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if !strings.HasSuffix(name, ".go") {
			all = append(all, text)
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := literal(n)
			if ok {
				all = append(all, s)
			}
			return !ok
		})
	}
	return all
}

// literal is the text of a literal, or of literals and other things with + between.
func literal(n ast.Node) (string, bool) {
	switch e := n.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, okX := literal(e.X)
		y, okY := literal(e.Y)
		return x + " " + y, e.Op == token.ADD && (okX || okY)
	}
	return "", false
}

// sources are the texts of all Go files, and of what else speaks to people.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all, err := readSources()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var readSources = sync.OnceValues(func() (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "vendor") {
			return fs.SkipDir
		}
		switch filepath.Ext(name) {
		case ".go", ".js", ".json", ".html":
			text, err := os.ReadFile(name)
			all[name] = string(text)
			return err
		}
		return nil
	})
	return all, err
})
