package folder

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// tree is what lies in a folder: paths with what is there, as the tests write it:
// "d" a folder, "f" or "x" and the bytes of a file, "l" and the target of a link.
type tree map[string]string

// long ago, so that what a test does just now cannot have the same time.
var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 700_000_000, time.UTC)

func (tr tree) make(t rapid.TB, dir string) {
	t.Helper()
	tr = tr.withDirs()
	for _, path := range slices.Sorted(maps.Keys(tr)) {
		what, at := tr[path], filepath.Join(dir, path)
		check(t, os.MkdirAll(filepath.Dir(at), 0o755))
		switch what[0] {
		case 'd':
			check(t, os.MkdirAll(at, 0o755))
		case 'f':
			check(t, os.WriteFile(at, []byte(what[1:]), 0o644))
		case 'x':
			check(t, os.WriteFile(at, []byte(what[1:]), 0o755))
		case 'l':
			check(t, os.Symlink(what[1:], at))
		}
		if what[0] != 'l' {
			check(t, os.Chtimes(at, longAgo, longAgo))
		}
	}
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(tr))) {
		if tr[path][0] == 'd' {
			check(t, os.Chtimes(filepath.Join(dir, path), longAgo, longAgo))
		}
	}
}

// read gives what lies in dir. It fails where a time is not that of make.
func read(t rapid.TB, dir string) tree {
	t.Helper()
	tr := tree{}
	check(t, filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || at == dir {
			return err
		}
		path, _ := filepath.Rel(dir, at)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			tr[path] = "d"
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(at)
			tr[path] = "l" + target
			return err
		default:
			content, err := os.ReadFile(at)
			if tr[path] = "f" + string(content); info.Mode()&0o100 != 0 {
				tr[path] = "x" + string(content)
			}
			if err != nil {
				return err
			}
		}
		if !info.ModTime().Equal(longAgo) {
			return fmt.Errorf("%s is of %v", path, info.ModTime())
		}
		return nil
	}))
	return tr
}

// withDirs adds the folders around everything.
func (tr tree) withDirs() tree {
	all := maps.Clone(tr)
	for path := range tr {
		for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
			all[dir] = "d"
		}
	}
	return all
}

func wantTree(t rapid.TB, dir string, want tree) {
	t.Helper()
	got := read(t, dir)
	for path := range maps.Keys(want.withDirs()) {
		if got[path] != want.withDirs()[path] {
			t.Errorf("%q is %.60q, want %.60q", path, got[path], want.withDirs()[path])
		}
	}
	for path := range got {
		if want.withDirs()[path] == "" {
			t.Errorf("%q should not be there", path)
		}
	}
}

func check(t rapid.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// scanned makes the tree in a folder "sent" and scans it.
func scanned(t testing.TB, tr tree) *Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sent")
	check(t, os.Mkdir(dir, 0o755))
	tr.make(t, dir)
	f, err := Scan(t.Context(), Config{}, dir)
	check(t, err)
	return f
}

// bytesOf reads the whole virtual file.
func bytesOf(t rapid.TB, f *Folder) []byte {
	t.Helper()
	r, err := f.File().Open()
	check(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	check(t, err)
	if int64(len(b)) != f.Manifest().Size() {
		t.Fatalf("%d bytes, want %d", len(b), f.Manifest().Size())
	}
	return b
}

const testID = "0123456789abcdef"

func targetIn(dir string, size int64) filexfer.Target {
	return filexfer.Target{Dir: dir, Name: "folder", ID: testID, Size: size}
}

func place(t rapid.TB, dir string, data []byte, a Accept) *Place {
	t.Helper()
	if a.Manifest == 0 {
		a.Manifest = lengthOf(t, data)
	}
	p, err := OpenPlace(context.Background(), targetIn(dir, int64(len(data))), a)
	check(t, err)
	return p
}

// lengthOf finds the manifest at the beginning of data.
func lengthOf(t rapid.TB, data []byte) int64 {
	t.Helper()
	p := parser{rest: string(data), limits: Limits{}.orDefaults(), m: new(Manifest), left: 1 << 60}
	if err := p.parse(); err != nil && !strings.HasSuffix(err.Error(), "something follows it") {
		t.Fatal(err)
	}
	return int64(len(data) - len(p.rest))
}

// fill writes what is wanted of data, unit by unit: any that is wanted at the time,
// as the random numbers say.
func fill(t rapid.TB, p *Place, data []byte, r *rand.Rand) {
	t.Helper()
	done := map[int64]bool{}
	for {
		var units []int64
		for _, span := range p.Wanted() {
			for at := span.Start; at < span.End; at += sha3tree.UnitSize {
				if !done[at] {
					units = append(units, at)
				}
			}
		}
		if len(units) == 0 {
			return
		}
		at := units[r.IntN(len(units))]
		end := min(at+sha3tree.UnitSize, int64(len(data)))
		n, err := p.WriteAt(data[at:end], at)
		check(t, err)
		if n != int(end-at) {
			t.Fatalf("%d bytes written of %d", n, end-at)
		}
		done[at] = true
		back := make([]byte, end-at)
		if _, err := p.ReadAt(back, at); err != nil || !bytes.Equal(back, data[at:end]) {
			t.Fatalf("unit at %d is read back otherwise: %v", at, err)
		}
	}
}

func finish(t rapid.TB, p *Place) string {
	t.Helper()
	path, err := p.Finish()
	check(t, err, p.Close())
	return path
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// noise is n bytes that compress badly.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return string(b)
}
