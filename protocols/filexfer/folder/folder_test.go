package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

var usual = tree{
	"a.txt": "fhello", "empty": "f", "run.sh": "x#!/bin/sh\n", "none": "d",
	"sub/one": "f1", "sub/deep/er/two": "f2", "sub/deep/link": "l../one", "sub/up": "l../a.txt",
	"large": "f" + noise(3<<20+17, 1), "unit": "f" + noise(1<<20, 2), "zeros": "f" + strings.Repeat("\x00", 2<<20),
}

func TestRoundTrip(t *testing.T) {
	f := scanned(t, usual)
	data := bytesOf(t, f)
	dir := t.TempDir()
	p := place(t, dir, data, Accept{})
	if !p.Fresh() || p.Size() != int64(len(data)) {
		t.Errorf("fresh %v, size %d", p.Fresh(), p.Size())
	}
	fill(t, p, data, random(1))
	path := finish(t, p)
	if want := filepath.Join(dir, "folder"); path != want {
		t.Errorf("it lies at %s, want %s", path, want)
	}
	wantTree(t, path, usual)
	wantNames(t, dir, "folder")
}

func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("in the folder: %q, want %q", names, want)
	}
}

// The sums are those of the bytes that are sent.
func TestSums(t *testing.T) {
	f := scanned(t, usual)
	if root := f.File().Root; root != "" {
		t.Errorf("the root is known before anything is read: %s", root)
	}
	data := bytesOf(t, f)
	want, err := sha3tree.Read(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	check(t, err)
	list, err := f.List(t.Context())
	check(t, err, list.Check(want.Root()))
	if got := f.File().Root; got != want.Root().String() {
		t.Errorf("the file's root is %s, want %v", got, want.Root())
	}
	for e := range f.Manifest().All() {
		if !e.Kind.IsFile() {
			continue
		}
		content := usual[e.Path][1:]
		want, err := sha3tree.Read(t.Context(), strings.NewReader(content), int64(len(content)), nil)
		check(t, err)
		if e.Sum != want.Root() {
			t.Errorf("%s has the sum %v, want %v", e.Path, e.Sum, want.Root())
		}
	}
}

// More files than are hashed by one goroutine.
func TestManyFiles(t *testing.T) {
	tr := tree{}
	for i := range 300 {
		tr[fmt.Sprintf("%d/%d", i%7, i)] = "f" + noise(i*20, uint64(i))
	}
	f := scanned(t, tr)
	data := bytesOf(t, f)
	for e := range f.Manifest().All() {
		if content := tr[e.Path]; e.Kind == File && e.Sum != sumOf([]byte(content[1:])) {
			t.Errorf("%s has the sum %v", e.Path, e.Sum)
		}
	}
	p := place(t, t.TempDir(), data, Accept{})
	fill(t, p, data, random(1))
	wantTree(t, finish(t, p), tr)
}

// Whoever asks for the sums gets the same; who gives up does not hinder the others.
func TestSumOfMany(t *testing.T) {
	f := scanned(t, usual)
	ended, end := context.WithCancelCause(t.Context())
	end(io.ErrNoProgress)
	if err := f.Sum(ended, nil); !errors.Is(err, io.ErrNoProgress) || errors.Is(err, filexfer.ErrSource) {
		t.Errorf("of an ended ctx: %v", err)
	}
	var told atomic.Int64
	roots := make(chan sha3tree.Sum, 4)
	for range cap(roots) {
		go func() {
			f.Sum(t.Context(), told.Store)
			list, _ := f.List(t.Context())
			roots <- list.Root()
		}()
	}
	want := <-roots
	for range cap(roots) - 1 {
		if got := <-roots; got != want {
			t.Errorf("root %v, and %v", got, want)
		}
	}
	if told.Load() != f.Manifest().Size() || f.File().Root != want.String() {
		t.Errorf("%d bytes are done of %d, the root is %s", told.Load(), f.Manifest().Size(), f.File().Root)
	}
}

// drawTree draws names, shapes and sizes; all names are safe.
func drawTree(t *rapid.T) tree {
	tr := tree{}
	name := rapid.StringMatching(`[a-d]{1,2}(\.x)?`)
	elements := rapid.SliceOfN(name, 1, 5)
	size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 5000), rapid.SampledFrom([]int{1<<20 - 1, 1 << 20, 1<<20 + 1}))
	for i := range rapid.IntRange(0, 40).Draw(t, "entries") {
		path := strings.Join(elements.Draw(t, "path"), "/")
		if clash(tr, path) {
			continue
		}
		switch kind := rapid.SampledFrom([]string{"f", "f", "f", "x", "d", "l"}).Draw(t, "kind"); kind {
		case "d":
			tr[path] = "d"
		case "l":
			up := rapid.IntRange(0, strings.Count(path, "/")).Draw(t, "up")
			tr[path] = "l" + strings.Repeat("../", up) + "a"
		default:
			tr[path] = kind + noise(size.Draw(t, "size"), uint64(i))
		}
	}
	return tr
}

// clash tells whether path cannot be beside what is in the tree.
func clash(tr tree, path string) bool {
	for other := range tr {
		if other == path || strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") && tr[other] != "d" {
			return true
		}
	}
	return false
}

// Folders of any shape come as they are, in any order of units, and can be sent on.
func TestRandomFolders(t *testing.T) {
	for seed := range rounds(t, 12) {
		tr := rapid.Custom(drawTree).Example(seed)
		f := scanned(t, tr)
		data := bytesOf(t, f)
		p := place(t, t.TempDir(), data, Accept{})
		fill(t, p, data, random(uint64(seed)))
		path := finish(t, p)
		wantTree(t, path, tr)

		list, err := f.List(t.Context())
		check(t, err)
		again, err := Reopen(t.Context(), data[:f.Manifest().Length()], list, path, true)
		check(t, err)
		if !bytes.Equal(bytesOf(t, again), data) {
			t.Fatalf("seed %d: who received it sends something else on", seed)
		}
	}
}

// rounds is how often a random test runs: FOLDER_TEST_ROUNDS, or a few times.
func rounds(t *testing.T, few int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("FOLDER_TEST_ROUNDS")); err == nil {
		return n
	}
	return few
}

// A set of files has each path at its top.
func TestSet(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	tree{"a": "f1", "b/c": "f2"}.make(t, one)
	tree{"z": "x3", "to": "l../" + filepath.Base(one) + "/b"}.make(t, two)
	f, err := Scan(t.Context(), Config{}, filepath.Join(two, "z"), filepath.Join(two, "to"), filepath.Join(one, "a"))
	check(t, err)
	if f.Name != "z and 2 more" || f.Dir != "" {
		t.Errorf("name %q, dir %q", f.Name, f.Dir)
	}
	data := bytesOf(t, f)
	p := place(t, t.TempDir(), data, Accept{})
	fill(t, p, data, random(1))
	wantTree(t, finish(t, p), tree{"a": "f1", "to/c": "f2", "z": "x3"})

	if _, err := Scan(t.Context(), Config{}, filepath.Join(one, "a"), filepath.Join(one, ".", "a")); !errors.Is(err, filexfer.ErrSource) {
		t.Errorf("the same path twice: %v", err)
	}
	if f, err = Scan(t.Context(), Config{Name: "mine"}, filepath.Join(one, "a"), filepath.Join(one, "b")); err != nil || f.Name != "mine" || filepath.Base(f.Dir) != filepath.Base(one) {
		t.Errorf("two of one folder: %+v, %v", f, err)
	}
}

func TestScanFails(t *testing.T) {
	dir := t.TempDir()
	tree{"a/b/c": "f123"}.make(t, dir)
	ended, end := context.WithCancelCause(t.Context())
	end(io.ErrNoProgress)
	for _, c := range []struct {
		ctx   context.Context
		l     Limits
		paths []string
		want  error
	}{
		{t.Context(), Limits{}, nil, filexfer.ErrSource},
		{t.Context(), Limits{}, []string{filepath.Join(dir, "x")}, filexfer.ErrSource},
		{t.Context(), Limits{Entries: 2}, []string{dir}, ErrLimit},
		{t.Context(), Limits{Depth: 2}, []string{dir}, ErrLimit},
		{t.Context(), Limits{Size: 60}, []string{dir}, ErrLimit},
		{t.Context(), Limits{Manifest: 60}, []string{dir}, ErrLimit},
		{ended, Limits{}, []string{dir}, io.ErrNoProgress},
	} {
		if _, err := Scan(c.ctx, Config{Limits: c.l}, c.paths...); !errors.Is(err, c.want) {
			t.Errorf("%v %v: %v, want %v", c.l, c.paths, err, c.want)
		}
	}
}

// What changes after it was looked at is not sent.
func TestChangedSource(t *testing.T) {
	for what, change := range map[string]func(path string) error{
		"touched": func(path string) error { return os.Chtimes(path, longAgo, longAgo.Add(1)) },
		"longer":  func(path string) error { return os.WriteFile(path, []byte("more than it was"), 0o644) },
		"gone":    os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path+"2", path), os.Chtimes(path, longAgo, longAgo))
		},
		"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
		"a link":   func(path string) error { return errors.Join(os.Remove(path), os.Symlink("file2", path)) },
	} {
		t.Run(what, func(t *testing.T) {
			f := scanned(t, tree{"file": "f12", "file2": "f12"})
			check(t, change(filepath.Join(f.Dir, "file")))
			if err := f.Sum(t.Context(), nil); !errors.Is(err, filexfer.ErrSource) {
				t.Errorf("Sum: %v", err)
			}
			r, err := f.File().Open()
			check(t, err)
			defer r.Close()
			if _, err := io.ReadAll(r); !errors.Is(err, filexfer.ErrSource) {
				t.Errorf("Read: %v", err)
			}
		})
	}
}

// A stamp shows every change, and none where there is none.
func TestStamp(t *testing.T) {
	f := scanned(t, usual)
	data := bytesOf(t, f)
	list, err := f.List(t.Context())
	check(t, err)
	reopen := func() Stamp {
		again, err := Reopen(t.Context(), data[:f.Manifest().Length()], list, f.Dir, false)
		check(t, err)
		return again.Stamp
	}
	if got := reopen(); got != f.Stamp {
		t.Errorf("nothing changed: %+v, was %+v", got, f.Stamp)
	}
	check(t, os.Chtimes(filepath.Join(f.Dir, "sub/one"), longAgo, longAgo.Add(-1)))
	if got := reopen(); got == f.Stamp || got.Size != f.Stamp.Size {
		t.Errorf("a file was touched: %+v, was %+v", got, f.Stamp)
	}
	check(t, os.Truncate(filepath.Join(f.Dir, "sub/one"), 2))
	if _, err := Reopen(t.Context(), data[:f.Manifest().Length()], list, f.Dir, false); !errors.Is(err, filexfer.ErrSource) {
		t.Errorf("a file is longer: %v", err)
	}
}

// Seeking and reading anywhere gives the same bytes.
func TestReaderAnywhere(t *testing.T) {
	f := scanned(t, usual)
	data := bytesOf(t, f)
	r := f.open(t.Context())
	defer r.Close()
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(data)).Draw(t, "at")
		b := make([]byte, rapid.IntRange(0, 3<<20).Draw(t, "length"))
		_, err := r.Seek(int64(at), io.SeekStart)
		check(t, err)
		n, err := io.ReadFull(r, b)
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF || !bytes.Equal(b[:n], data[at:at+n]) || n < min(len(b), len(data)-at) {
			t.Fatalf("%d bytes from %d: %v", n, at, err)
		}
		clear(b)
		if n, err = r.ReadAt(b, int64(at)); !bytes.Equal(b[:n], data[at:at+n]) || n < len(b) && err != io.EOF {
			t.Fatalf("%d bytes at %d: %v", n, at, err)
		}
	})
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("there is something before the beginning")
	}
	check(t, r.Close())
	if _, err := r.Read(make([]byte, 1)); err == nil || errors.Is(err, filexfer.ErrSource) {
		t.Errorf("a closed one: %v", err)
	}
}
