package layers

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/exported.txt anew")

const listing = "../../docs/exported.txt"

// public are the packages that others import, with all below them.
var public = []string{"conversation", "node", "protocols"}

// What others can use does not change by accident.
func TestExported(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("What passeur exports, for those who embed it; docs/embedding.md tells how.\n" +
		"Written by: go test ./test/layers -run Exported -update\n")
	for _, dir := range packageDirs(t) {
		fmt.Fprintf(&text, "\n== %s\n\n", dir)
		declarations(t, &text, dir)
	}
	if *update {
		if err := os.WriteFile(listing, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(listing)
	if err != nil {
		t.Fatal(err)
	}
	if was, is, differ := firstDifference(string(kept), text.String()); differ {
		t.Errorf("the exported names have changed: %q stands in docs/exported.txt, %q in the sources.\n"+
			"If others may have to change their programs, say so in the commit; then: go test ./test/layers -run Exported -update", was, is)
	}
}

func firstDifference(a, b string) (lineA, lineB string, differ bool) {
	if a == b {
		return "", "", false
	}
	linesA, linesB := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(linesA), len(linesB)) {
		if linesA[i] != linesB[i] {
			return linesA[i], linesB[i], true
		}
	}
	return "", "more or fewer lines", true
}

// packageDirs are the folders of the public packages, from the root of the module.
func packageDirs(t *testing.T) (dirs []string) {
	t.Helper()
	for _, top := range public {
		err := filepath.WalkDir("../../"+top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			switch d.Name() {
			case "testdata", "internal":
				return fs.SkipDir
			}
			if p, err := build.ImportDir(path, 0); err == nil && len(p.GoFiles) > 0 { // not only tests
				dir, _ := filepath.Rel("../..", path)
				dirs = append(dirs, filepath.ToSlash(dir))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

// declarations writes the exported ones of a package, as on linux/amd64.
func declarations(t *testing.T, w *bytes.Buffer, dir string) {
	t.Helper()
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = "linux", "amd64", false
	found, err := context.ImportDir("../../"+dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(found.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(fset, files, module+dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Doc == "" {
		t.Errorf("%s has no package comment", dir)
	}
	l := lister{t, w, fset, dir}
	l.values(p.Consts, p.Vars)
	l.funcs(p.Funcs)
	for _, typ := range p.Types {
		l.one(typ.Name, typ.Doc, typ.Decl)
		l.values(typ.Consts, typ.Vars)
		l.funcs(typ.Funcs, typ.Methods)
	}
}

// lister writes declarations, and fails where one says nothing of itself.
type lister struct {
	t    *testing.T
	w    *bytes.Buffer
	fset *token.FileSet
	dir  string
}

func (l lister) values(groups ...[]*doc.Value) {
	for _, group := range groups {
		for _, v := range group {
			l.one(strings.Join(v.Names, ", "), v.Doc, v.Decl)
		}
	}
}

func (l lister) funcs(groups ...[]*doc.Func) {
	for _, group := range groups {
		for _, f := range group {
			l.one(f.Name, f.Doc, f.Decl)
		}
	}
}

// silent are methods that need no words: the interface they fit has them.
var silent = map[string]bool{"Error": true, "Unwrap": true, "String": true, "Is": true}

func (l lister) one(name, comment string, decl ast.Decl) {
	if comment == "" && !silent[name] && !hasComments(decl) {
		l.t.Errorf("%s: %s says nothing of itself", l.dir, name)
	}
	strip(decl)
	var out bytes.Buffer
	if err := format.Node(&out, l.fset, decl); err != nil {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(out.String() + "\n") {
		if strings.TrimSpace(line) != "" {
			l.w.WriteString(line)
		}
	}
}

// hasComments tells whether the members of a declaration have some.
func hasComments(decl ast.Decl) (has bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		if v, is := n.(*ast.ValueSpec); is {
			has = has || v.Doc != nil || v.Comment != nil
		}
		return true
	})
	return has
}

// strip takes away what is not for the compiler, and what variables begin with.
func strip(decl ast.Decl) {
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			n.Doc = nil
			for _, s := range n.Specs {
				if v, is := s.(*ast.ValueSpec); is && n.Tok == token.VAR {
					v.Values = nil
				}
			}
		case *ast.FuncDecl:
			n.Doc, n.Body = nil, nil
		case *ast.Field:
			n.Doc, n.Comment = nil, nil
		case *ast.ValueSpec:
			n.Doc, n.Comment = nil, nil
		case *ast.TypeSpec:
			n.Doc, n.Comment = nil, nil
		}
		return true
	})
}
