// Package threats holds docs/threat-model.md to the tests that it names: each of them
// exists, and in the table of what was thrown at a node each is where the table says.
package threats

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root = "../.."
	page = "docs/threat-model.md"
	// thrown is the heading above the tables of what was thrown.
	thrown = "\n## What was thrown at it\n"
)

// named is a test or fuzz target in the page, with or without one of its cases.
var named = regexp.MustCompile("`(?:([a-z][a-z0-9/]*) )?((?:Test|Fuzz)[A-Za-z0-9_]+)[^`]*`")

// known are the tests of each package, by its folder.
func known(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	eachFile(t, func(dir string, file *ast.File, isTest bool) {
		for _, d := range file.Decls {
			f, is := d.(*ast.FuncDecl)
			if is && isTest && f.Recv == nil {
				tests[dir] = append(tests[dir], f.Name.Name)
			}
		}
	})
	return tests
}

// eachFile parses every Go file of the module.
func eachFile(t *testing.T, see func(dir string, file *ast.File, isTest bool)) {
	t.Helper()
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		see(filepath.ToSlash(dir), file, strings.HasSuffix(path, "_test.go"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryTestExists that the page names, wherever it does.
func TestEveryTestExists(t *testing.T) {
	tests := known(t)
	all := map[string]bool{}
	for _, list := range tests {
		for _, name := range list {
			all[name] = true
		}
	}
	mentions := named.FindAllStringSubmatch(read(t), -1)
	if len(mentions) < 300 {
		t.Fatalf("%s names %d tests only", page, len(mentions))
	}
	for _, m := range mentions {
		if dir, name := m[1], m[2]; dir != "" && !slices.Contains(tests[dir], name) || !all[name] {
			t.Errorf("%s names %s, which %q does not have", page, m[0], dir)
		}
	}
}

// TestEveryRowIsProven: what was thrown at a node has a test with its package, or says
// why there can be none.
func TestEveryRowIsProven(t *testing.T) {
	_, section, found := strings.Cut(read(t), thrown)
	if !found {
		t.Fatalf("%s has no section%s", page, thrown)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| thrown |") {
			continue
		}
		rows++
		if len(cells) != 3 {
			t.Errorf("a row has %d cells: %s", len(cells), line)
			continue
		}
		proof := strings.TrimSuffix(cells[2], " |")
		tests := named.FindAllStringSubmatch(proof, -1)
		for _, m := range tests {
			if m[1] == "" {
				t.Errorf("%s of %q has no package", m[0], cells[0])
			}
		}
		if len(tests) == 0 && !strings.HasPrefix(proof, "cannot be: ") {
			t.Errorf("%q has neither a test nor a reason: %q", cells[0], proof)
		}
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
}

// TestNothingIsUnpacked: what comes from others is never decompressed, so there is no
// bomb; an archive is read only where its owner gives it with a passphrase.
func TestNothingIsUnpacked(t *testing.T) {
	eachFile(t, func(dir string, file *ast.File, isTest bool) {
		if isTest || strings.HasPrefix(dir, "packaging") || strings.HasPrefix(dir, "test/") {
			return
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "compress/") || strings.Contains(name, "/zstd") || strings.HasPrefix(name, "archive/") && dir != "cmd/node/backup" {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	})
}
