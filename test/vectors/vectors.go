// Package vectors reads test vectors: text files in testdata folders that
// programs in any language can run. A file consists of blocks between empty
// lines, a block of lines "name: value"; lines that begin with "#" are comments.
package vectors

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// Vector is one block: its values by name.
type Vector map[string]string

// Hex gives the bytes that a value says in hex digits; an empty or missing one
// ends the test.
func (v Vector) Hex(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(v[name])
	if err != nil || len(raw) == 0 {
		t.Fatalf("vector %q: %s: %q is not hex: %v", v["comment"], name, v[name], err)
	}
	return raw
}

// Read gives the blocks of a file; a file that has none, a line of another shape
// and a name that comes twice in a block end the test.
func Read(t testing.TB, path string) (all []Vector) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := Vector{}
	for line := range strings.SplitSeq(string(text)+"\n\n", "\n") {
		name, value, isField := strings.Cut(line, ":")
		_, doubled := v[name]
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "" && len(v) > 0:
			all, v = append(all, v), Vector{}
		case line == "":
		case !isField || doubled:
			t.Fatalf("%s: the line %q is not \"name: value\", or the name comes twice", path, line)
		default:
			v[name] = strings.TrimPrefix(value, " ")
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no vectors", path)
	}
	return all
}
