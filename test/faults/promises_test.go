package faults

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// promises looks at what must hold after each round, and tidies up.
func (r *round) promises() {
	r.t.Helper()
	for _, m := range r.w.members {
		lab.Eventually(r.t, "every transfer of "+m.name+" has ended", func() bool { return m.idle(r.t) })
		m.settles(r.t)
	}
	for _, m := range r.to {
		r.whole(m)
	}
	if err := os.Remove(r.file); err != nil {
		r.t.Error(err)
	}
}

// whole wants the file to be there once, with the right bytes, and removes it.
func (r *round) whole(m *member) {
	r.t.Helper()
	dir := filepath.Join(m.Home, "received")
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || sumOf(r.t, path) != r.sum {
			r.t.Errorf("%s has %s, which is not the file", m.name, path)
		}
		if err := os.Remove(path); err != nil {
			r.t.Error(err)
		}
	}
	syncDir(r.t, dir) // else the next power cut brings them back
	if len(entries) != 1 {
		r.t.Errorf("%s has %d files, want one: %v", m.name, len(entries), entries)
	}
}

// syncDir has the disk know what has become of the names in a directory.
func syncDir(t testing.TB, dir string) {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
}

// unfinished wants nothing wrong to have a name while the fault lasts.
func (r *round) unfinished(m *member) {
	r.t.Helper()
	dir := filepath.Join(m.Home, "received")
	entries, _ := os.ReadDir(dir) // a broken disk shows nothing
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && sumOf(r.t, filepath.Join(dir, e.Name())) != r.sum {
			r.t.Errorf("%s has %s already, which is not the file", m.name, e.Name())
		}
	}
}

func sumOf(t testing.TB, path string) (sum [32]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	h.Sum(sum[:0])
	return sum
}
