package filexfer

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/sha3"
)

// vector is one block of a file in testdata: "key: value" lines, ended by an
// empty line. A value in double quotes is a string with Go's escapes (JSON's,
// and \x for a single byte). Lines that begin with '#' are for people.
type vector struct {
	line   int
	fields map[string]string
}

func (v vector) name() string { return fmt.Sprintf("line %d: %s", v.line, v.fields["comment"]) }

// text gives a quoted field; "" when it is missing.
func (v vector) text(t *testing.T, key string) string {
	t.Helper()
	quoted, ok := v.fields[key]
	if !ok {
		return ""
	}
	s, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("line %d: %s is no quoted string", v.line, key)
	}
	return s
}

// number gives a decimal field; 0 when it is missing.
func (v vector) number(t *testing.T, key string) int64 {
	t.Helper()
	if v.fields[key] == "" {
		return 0
	}
	n, err := strconv.ParseInt(v.fields[key], 10, 64)
	if err != nil {
		t.Fatalf("line %d: %s is no number", v.line, key)
	}
	return n
}

func readVectors(t *testing.T, file string) []vector {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	current := vector{}
	for i, line := range strings.Split(string(content)+"\n", "\n") {
		switch key, value, found := strings.Cut(line, ": "); {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if current.fields != nil {
				vectors = append(vectors, current)
			}
			current = vector{}
		case !found:
			t.Fatalf("%s, line %d: not key: value", file, i+1)
		default:
			if current.fields == nil {
				current = vector{i + 1, make(map[string]string)}
			}
			current.fields[key] = value
		}
	}
	if len(vectors) == 0 {
		t.Fatalf("%s has no vectors", file)
	}
	return vectors
}

// zerosSum is the sum of n zero bytes.
func zerosSum(n int64) string {
	sum := sha3.New512()
	io.CopyN(sum, zeros{}, n)
	return hex.EncodeToString(sum.Sum(nil))
}
