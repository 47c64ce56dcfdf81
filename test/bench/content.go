package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// newFile makes a file of random bytes, others for each seed, and waits until it is on
// the disk, so that nobody has to write it back while something is measured. It stays
// in the page cache.
func newFile(t testing.TB, path string, bytes int64, seed int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(bytes)})
	if _, err := io.CopyBuffer(f, io.LimitReader(source, bytes), make([]byte, pieceSize)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// island is how much of a sparse file is not a hole, every islandEvery bytes.
const island, islandEvery = 1 << 20, 256 << 20

// newSparse makes a file that is a hole but for some islands of random bytes.
func newSparse(t testing.TB, path string, size int64, seed int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	source := rand.NewChaCha8([32]byte{byte(seed)})
	piece := make([]byte, min(island, size))
	for at := int64(0); at < size; at += islandEvery {
		source.Read(piece)
		if _, err := f.WriteAt(piece[:min(int64(len(piece)), size-at)], at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(size), f.Sync()); err != nil {
		t.Fatal(err)
	}
}

// newFolder makes a folder of n files of random bytes, 100 of them in each folder
// below it.
func newFolder(t testing.TB, path string, n, size, seed int) {
	t.Helper()
	source := rand.NewChaCha8([32]byte{byte(seed), 1})
	content := make([]byte, size)
	for i := range n {
		sub := filepath.Join(path, fmt.Sprintf("folder-%03d", i/100))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		source.Read(content)
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("file-%05d", i)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// same wants two files to have the same bytes.
func same(t testing.TB, want, got string) {
	t.Helper()
	if err := compare(want, got); err != nil {
		t.Fatalf("what arrived is not what was sent: %v", err)
	}
}

func compare(want, got string) error {
	a, err := os.Open(want)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(got)
	if err != nil {
		return err
	}
	defer b.Close()
	p, q := make([]byte, pieceSize), make([]byte, pieceSize)
	for at := int64(0); ; at += pieceSize {
		n, errA := io.ReadFull(a, p)
		m, errB := io.ReadFull(b, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return fmt.Errorf("%s differs from %s within %d bytes from %d", got, want, pieceSize, at)
		}
		switch {
		case errA == io.EOF || errA == io.ErrUnexpectedEOF:
			return nil
		case errors.Join(errA, errB) != nil:
			return errors.Join(errA, errB)
		}
	}
}

// sameFolder wants two folders to have the same files in the same places.
func sameFolder(t testing.TB, want, got string) {
	t.Helper()
	n, m := 0, 0
	err := filepath.WalkDir(want, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		return compareSmall(path, filepath.Join(got, rel))
	})
	if err == nil {
		err = filepath.WalkDir(got, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				m++
			}
			return err
		})
	}
	if err != nil || n != m {
		t.Fatalf("the folder that arrived is not the one that was sent: %d files of %d: %v", m, n, err)
	}
}

func compareSmall(want, got string) error {
	a, err := os.ReadFile(want)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(got)
	if err == nil && !bytes.Equal(a, b) {
		err = fmt.Errorf("%s differs from %s", got, want)
	}
	return err
}

// scan gives a program's first line of output.
func scan(r io.Reader) (string, error) { return bufio.NewReader(r).ReadString('\n') }
