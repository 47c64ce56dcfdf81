package conversation_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// A vector is one block of a file in testdata: its fields by name.
type vector map[string]string

func (v vector) bytes(t *testing.T, field string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(v[field])
	if err != nil || len(raw) == 0 {
		t.Fatalf("vector %q: field %s: %v", v["comment"], field, err)
	}
	return raw
}

// readVectors reads the blocks of "name: value" lines of a file; "#" begins a
// comment line.
func readVectors(t testing.TB, path string) (all []vector) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(text), "\n\n") {
		v := vector{}
		for line := range strings.Lines(block) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && name[0] != '#' {
				v[name] = value
			}
		}
		if len(v) > 0 {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no vectors", path)
	}
	return all
}
