package api

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/schema_validation"
)

// documentFile is the document in the repository.
const documentFile = "../../../docs/openapi.yaml"

// TestTheDocument: docs/openapi.yaml says what the code does, in the words of its
// comments. With UPDATE=1 it writes both.
func TestTheDocument(t *testing.T) {
	texts := textsOfTypes(t)
	asJSON, err := json.MarshalIndent(texts, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "texts.json", append(asJSON, '\n'))
	s := NewServer(Options{})
	defer s.Close()
	describeWith(s.api.OpenAPI(), texts)
	golden(t, documentFile, s.document())
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says; write it with 'go generate ./cmd/node/api' (%v)", path, err)
	}
}

func TestTheDocumentIsValid(t *testing.T) {
	text, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	if valid, errs := schema_validation.ValidateOpenAPIDocument(document); !valid {
		for _, e := range errs {
			t.Error(e)
		}
	}
}

// TestTheDocumentIsComplete: whoever reads it finds a summary of each operation, and
// words for each thing that he can send or get.
func TestTheDocumentIsComplete(t *testing.T) {
	s := NewServer(Options{})
	defer s.Close()
	d := s.api.OpenAPI()
	for name, schema := range d.Components.Schemas.Map() {
		if schema.Description == "" {
			t.Errorf("no word about %s", name)
		}
		for key, p := range schema.Properties {
			if p.Description == "" && !strings.Contains(schema.Description, "`"+key+"`") && !speaksForItself[key] {
				t.Errorf("no word about %s.%s", name, key)
			}
		}
	}
	for path, item := range d.Paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			op := operationOf(item, method)
			if op == nil {
				continue
			}
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("no summary, id or tag of %s %s", method, path)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("no word about the parameter %s of %s %s", p.Name, method, path)
				}
			}
		}
	}
}

// speaksForItself are keys that say what they are.
var speaksForItself = map[string]bool{
	"account": true, "name": true, "size": true, "contact": true, "device": true, "error": true, "detail": true, "title": true, "status": true,
	"message": true, "text": true,
}

// textsOfTypes reads the comments of this package's structs: "Transfer" is the type's,
// "Transfer.size" that of a field, by its key in JSON.
func textsOfTypes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.TYPE {
				takeTexts(d, texts)
			}
			return true
		})
	}
	names := schemaNames()
	maps.DeleteFunc(texts, func(key, text string) bool { return text == "" || !slices.Contains(names, strings.Split(key, ".")[0]) })
	return texts
}

func schemaNames() []string {
	s := NewServer(Options{})
	defer s.Close()
	return slices.Collect(maps.Keys(s.api.OpenAPI().Components.Schemas.Map()))
}

func takeTexts(d *ast.GenDecl, texts map[string]string) {
	for _, spec := range d.Specs {
		s := spec.(*ast.TypeSpec)
		fields, ok := s.Type.(*ast.StructType)
		if !ok {
			continue
		}
		keys := keysOf(fields)
		texts[s.Name.Name] = inKeys(d.Doc, keys)
		for _, f := range fields.Fields.List {
			if f.Tag != nil && len(f.Names) == 1 {
				key := keys[f.Names[0].Name]
				texts[s.Name.Name+"."+key] = inKeys(commentOn(f, key, fields, keys), keys)
			}
		}
	}
}

// commentOn is a field's own comment, or that of another field that speaks of it too.
func commentOn(f *ast.Field, key string, all *ast.StructType, keys map[string]string) *ast.CommentGroup {
	if f.Doc != nil {
		return f.Doc
	}
	if f.Comment != nil {
		return f.Comment
	}
	for _, other := range all.Fields.List {
		if other.Doc != nil && strings.Contains(inKeys(other.Doc, keys), "`"+key+"`") {
			return other.Doc
		}
	}
	return nil
}

// keysOf gives the keys in JSON of a struct's fields.
func keysOf(s *ast.StructType) map[string]string {
	keys := map[string]string{}
	for _, f := range s.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		keys[f.Names[0].Name], _, _ = strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	}
	return keys
}

var goName = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]+\b`)

// inKeys is a comment's text that calls fields as JSON does.
func inKeys(c *ast.CommentGroup, keys map[string]string) string {
	text := strings.Join(strings.Fields(c.Text()), " ")
	return goName.ReplaceAllStringFunc(text, func(name string) string {
		if key := keys[name]; key != "" && name != strings.ToUpper(name) {
			return "`" + key + "`"
		}
		return name
	})
}
