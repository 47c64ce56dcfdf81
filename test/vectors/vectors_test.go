package vectors_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/passeur-p2p/passeur/test/vectors"
)

func TestBlocksOfNamesAndValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.txt")
	text := "# a comment: of the file\n\ncomment: first\nkey: 00ff\nnothing:\n# between: fields\nspaced:  a: b \n\n\n\ncomment: last"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := vectors.Read(t, path)
	want := []vectors.Vector{
		{"comment": "first", "key": "00ff", "nothing": "", "spaced": " a: b "},
		{"comment": "last"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	if raw := got[0].Hex(t, "key"); string(raw) != "\x00\xff" {
		t.Errorf("key: %x", raw)
	}
}
