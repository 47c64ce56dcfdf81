package lan

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hugeFile makes a file of zeros that takes no room here and, over a slow cable, a
// minute to send.
func hugeFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 64<<20); err != nil {
		t.Fatal(err)
	}
	return path
}

// slowCable carries so many bits per second.
const slowCable = 8_000_000

// sourceTar packs the sources of Go's standard library.
func sourceTar(t *testing.T, path string) string {
	t.Helper()
	src := filepath.Join(output(t, "go", "env", "GOROOT"), "src")
	output(t, "tar", "-cf", path, "-C", src, ".")
	return path
}

// opensslSum is SHA3-512 by somebody else's implementation.
func opensslSum(t *testing.T, path string) string {
	t.Helper()
	return strings.Fields(output(t, "openssl", "dgst", "-r", "-sha3-512", path))[0]
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	fa, err := os.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer fb.Close()
	ra, rb := bufio.NewReaderSize(fa, 1<<20), bufio.NewReaderSize(fb, 1<<20)
	pa, pb := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		na, ea := io.ReadFull(ra, pa)
		nb, eb := io.ReadFull(rb, pb)
		if !bytes.Equal(pa[:na], pb[:nb]) || ea != eb {
			t.Fatalf("%s and %s differ", a, b)
		}
		if ea != nil {
			return // the end of both
		}
	}
}

// names lists a folder.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
