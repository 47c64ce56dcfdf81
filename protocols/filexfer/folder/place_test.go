package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// forged is the virtual file of a folder that nobody scanned.
func forged(entries ...entry) []byte {
	m := &Manifest{entries: entries}
	data := m.Bytes()
	for _, e := range entries {
		data = append(data, strings.Repeat("!", int(e.size))...)
	}
	return data
}

// What a peer calls its files leads nowhere else.
func TestHostileNames(t *testing.T) {
	hostile := []string{
		"..\\x", "C:\\x", "C:x", "\\\\srv\\share", "%2e%2e%2f", "\x1b[2J", "a\nb", "\u202egpj.exe", "\xff\xfe", "CON", "com1.log",
		"x.", " x", "f:stream", ".ssh", ".bashrc", "autorun.inf", "-rf", "$(id)", "`id`", "<b>", "=cmd", "\u3164", ".passeur-0123456789abcdef.units",
	}
	slices.Sort(hostile)
	var entries []entry
	for i, name := range hostile {
		entries = append(entries, entry{kind: Dir, parent: top, name: name}, entry{kind: File, parent: int32(2 * i), name: name, size: 1})
	}
	dir := t.TempDir()
	p := place(t, dir, forged(entries...), Accept{})
	fill(t, p, forged(entries...), random(1))
	path := finish(t, p)
	wantNames(t, dir, "folder")
	check(t, filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err == nil && filexfer.SafeName(d.Name()) != d.Name() {
			err = fmt.Errorf("%q is there", at)
		}
		return err
	}))
	for e := range p.Manifest().All() {
		if info, err := os.Lstat(filepath.Join(path, filepath.FromSlash(e.Saved))); err != nil || info.IsDir() != (e.Kind == Dir) {
			t.Errorf("%q is not at %q: %v", e.Path, e.Saved, err)
		}
	}
}

// A manifest that is broken, or that of another folder, creates nothing.
func TestBrokenManifest(t *testing.T) {
	good := forged(entry{kind: File, parent: top, name: "a", size: 10})
	for what, c := range map[string]struct {
		data   []byte
		length int64
		want   error
	}{
		"no manifest":          {append([]byte("x"), good...), int64(len(good)) - 10, ErrManifest},
		"it ends earlier":      {good, int64(len(good)) - 9, ErrManifest},
		"it ends later":        {good, int64(len(good)) - 11, ErrManifest},
		"more bytes than said": {append(good, '!'), int64(len(good)) - 10, ErrManifest},
		"fewer":                {good[:len(good)-1], int64(len(good)) - 10, ErrManifest},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			p := place(t, dir, c.data, Accept{Manifest: c.length})
			if _, err := p.WriteAt(c.data, 0); !errors.Is(err, c.want) {
				t.Errorf("written: %v, want %v", err, c.want)
			}
			if _, err := p.Finish(); !errors.Is(err, ErrManifestFirst) {
				t.Errorf("finished: %v", err)
			}
			check(t, p.Remove())
			wantNames(t, dir)
		})
	}
	for _, length := range []int64{-1, 0, 17, int64(len(good)) + 1} {
		if _, err := OpenPlace(t.Context(), targetIn(t.TempDir(), int64(len(good))), Accept{Manifest: length}); !errors.Is(err, ErrManifest) {
			t.Errorf("%d bytes of manifest: %v", length, err)
		}
	}
	if _, err := OpenPlace(t.Context(), targetIn(t.TempDir(), 65<<20), Accept{Manifest: 65 << 20}); !errors.Is(err, ErrLimit) {
		t.Errorf("65 MiB of manifest: %v", err)
	}
	target := targetIn(t.TempDir(), 100)
	target.Name = "../up"
	if _, err := OpenPlace(t.Context(), target, Accept{Manifest: 50}); err == nil {
		t.Error("an unsafe name is taken")
	}
}

// Nothing but the manifest has a place before it is whole.
func TestManifestFirst(t *testing.T) {
	var entries []entry
	for i := range 6000 { // more than a unit of manifest
		entries = append(entries, entry{kind: Link, parent: top, name: fmt.Sprintf("%0200d", i), target: "x"})
	}
	entries = append(entries, entry{kind: File, parent: top, name: "x", size: 2 << 20})
	data := forged(entries...)
	if length := lengthOf(t, data); length < sha3tree.UnitSize || length > 2*sha3tree.UnitSize {
		t.Fatalf("the manifest has %d bytes", length)
	}
	p := place(t, t.TempDir(), data, Accept{})
	if got, want := fmt.Sprint(p.Wanted()), fmt.Sprint([]filexfer.Span{{End: 2 << 20}}); got != want {
		t.Errorf("wanted %s, want %s", got, want)
	}
	third := data[2<<20 : 3<<20]
	if _, err := p.WriteAt(third, 2<<20); !errors.Is(err, ErrManifestFirst) {
		t.Errorf("the third unit: %v", err)
	}
	if _, err := p.WriteAt(data[:1000], 0); !errors.Is(err, ErrManifestFirst) {
		t.Errorf("half a unit: %v", err)
	}
	for _, at := range []int{1 << 20, 0, 2 << 20} {
		_, err := p.WriteAt(data[at:at+1<<20], int64(at))
		check(t, err)
	}
	if got, want := fmt.Sprint(p.Wanted()), fmt.Sprint([]filexfer.Span{{End: int64(len(data))}}); got != want {
		t.Errorf("wanted %s, want %s", got, want)
	}
	if _, err := p.Finish(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("finished: %v", err)
	}
	check(t, p.Remove())
}

// Whenever the process dies, what it wrote is continued, to the same folder.
func TestContinue(t *testing.T) {
	f := scanned(t, usual)
	data := bytesOf(t, f)
	for seed := range uint64(rounds(t, 5)) {
		r := random(seed)
		dir := t.TempDir()
		done := map[int64]bool{}
		for {
			p := place(t, dir, data, Accept{})
			if p.Fresh() {
				clear(done)
			}
			if writeSome(t, p, data, done, r) {
				path := finish(t, p)
				wantTree(t, path, usual)
				wantNames(t, dir, "folder")
				break
			}
			p.Close() // as good as a death: nothing is flushed by it
		}
	}
}

// writeSome writes up to three units that are wanted and not done, and tells whether
// none is left.
func writeSome(t *testing.T, p *Place, data []byte, done map[int64]bool, r *rand.Rand) bool {
	t.Helper()
	for range 1 + r.IntN(3) {
		var left []int64
		for _, span := range p.Wanted() {
			for at := span.Start; at < span.End; at += sha3tree.UnitSize {
				if !done[at] {
					left = append(left, at)
				}
			}
		}
		if len(left) == 0 {
			return true
		}
		at := left[r.IntN(len(left))]
		_, err := p.WriteAt(data[at:min(at+sha3tree.UnitSize, int64(len(data)))], at)
		check(t, err)
		done[at] = true
	}
	return false
}

// A death while the manifest is kept leaves nothing that is believed.
func TestHalfAManifestIsForgotten(t *testing.T) {
	data := bytesOf(t, scanned(t, usual))
	for _, left := range [][]string{{manifestName}, {manifestName, onlyName}, {treeName}} {
		dir := t.TempDir()
		p := place(t, dir, data, Accept{})
		_, err := p.WriteAt(data[:1<<20], 0)
		check(t, err, p.Close())
		for _, name := range left {
			check(t, os.RemoveAll(filepath.Join(dir, partNameOf(testID), name)))
		}
		again := place(t, dir, data, Accept{})
		if !again.Fresh() {
			t.Errorf("without %v it is believed", left)
		}
		fill(t, again, data, random(1))
		wantTree(t, finish(t, again), usual)
	}
}

func TestOnly(t *testing.T) {
	tr := tree{
		"a.jpg": "f1", "b.txt": "f2", "pics/c.jpg": "f" + noise(3<<20, 1), "pics/d.txt": "f4", "pics/e/f.jpg": "f5",
		"z/large": "f" + noise(5<<20, 2), "z/link": "l../b.txt", "z/none": "d",
	}
	data := bytesOf(t, scanned(t, tr))
	for _, c := range []struct {
		only, want []string
		units      int
	}{
		{nil, slices.Collect(maps.Keys(tr)), 9},
		{[]string{"*.jpg"}, []string{"a.jpg", "pics/c.jpg", "pics/e/f.jpg"}, 4},
		{[]string{"pics"}, []string{"pics/c.jpg", "pics/d.txt", "pics/e/f.jpg"}, 4},
		{[]string{"pics/*.txt", "b.*"}, []string{"b.txt", "pics/d.txt"}, 2},
		{[]string{"e"}, []string{"pics/e/f.jpg"}, 2},
		{[]string{"z/l*"}, []string{"z/large", "z/link"}, 7},
		{[]string{"none"}, []string{"z/none"}, 1},
	} {
		dir, want := t.TempDir(), tree{}
		for _, path := range c.want {
			want[path] = tr[path]
		}
		for _, ask := range []bool{false, true} {
			p := place(t, dir, data, Accept{Only: c.only, Ask: ask})
			_, err := p.WriteAt(data[:1<<20], 0)
			check(t, err)
			if ask {
				if _, err := p.Finish(); !errors.Is(err, ErrUnchosen) {
					t.Errorf("finished without a choice: %v", err)
				}
				if _, err := p.WriteAt(data[1<<20:2<<20], 1<<20); !errors.Is(err, ErrUnchosen) {
					t.Errorf("written without a choice: %v", err)
				}
				check(t, p.Close())
				p = place(t, dir, data, Accept{Ask: true})
				check(t, p.Choose(c.only))
			}
			check(t, p.Close())
			p = place(t, dir, data, Accept{Only: []string{"something else"}}) // the choice is kept
			writeUnwanted(t, p, data)
			fill(t, p, data, random(1))
			units := 0
			for _, span := range p.Wanted() {
				units += int(sha3tree.Units(span.Len()))
			}
			if units != c.units {
				t.Errorf("%q needs %d units, want %d", c.only, units, c.units)
			}
			wantTree(t, finish(t, p), want)
		}
		wantNames(t, dir, "folder", "folder (2)")
	}
}

// writeUnwanted writes everything, as one transfer of the whole does: what is not
// wanted takes no room.
func writeUnwanted(t *testing.T, p *Place, data []byte) {
	t.Helper()
	for at := int64(0); at < int64(len(data)); at += sha3tree.UnitSize {
		unit := filexfer.Span{Start: at, End: min(at+sha3tree.UnitSize, int64(len(data)))}
		if _, err := p.WriteAt(data[unit.Start:unit.End], at); err != nil {
			t.Fatal(err)
		}
		isWanted := slices.ContainsFunc(p.Wanted(), func(s filexfer.Span) bool { return s.Start <= at && at < s.End })
		back := make([]byte, unit.Len())
		if _, err := p.ReadAt(back, at); err != nil || !isWanted && !bytes.Equal(back, make([]byte, len(back))) {
			t.Errorf("the unit at %d is kept: %v", at, err)
		}
	}
}

func TestChooseFails(t *testing.T) {
	data := bytesOf(t, scanned(t, usual))
	p := place(t, t.TempDir(), data, Accept{Ask: true})
	if err := p.Choose(nil); !errors.Is(err, ErrManifestFirst) {
		t.Errorf("before the manifest: %v", err)
	}
	_, err := p.WriteAt(data[:1<<20], 0)
	check(t, err)
	for _, only := range [][]string{{"nothing"}, {"a.txt", "nothing"}, {"["}, {"/a.txt"}, {"../*"}} {
		if err := p.Choose(only); !errors.Is(err, ErrNoMatch) {
			t.Errorf("%q: %v", only, err)
		}
	}
	if n, err := p.ReadAt(make([]byte, 100), int64(len(data))-10); n != 10 || err != io.EOF {
		t.Errorf("%d bytes at the end: %v", n, err)
	}
	check(t, p.Choose([]string{"a.txt"}))
	if err := p.Choose(nil); !errors.Is(err, filexfer.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	check(t, p.Remove())
}

// The name that is free is taken, and nothing is replaced.
func TestNameIsTaken(t *testing.T) {
	tr := tree{"a": "f1"}
	data := bytesOf(t, scanned(t, tr))
	dir := t.TempDir()
	tree{"folder": "fa file", "folder (2)/x": "fa folder", "folder (3)": "lnowhere"}.make(t, dir)
	p := place(t, dir, data, Accept{})
	fill(t, p, data, random(1))
	path := finish(t, p)
	if filepath.Base(path) != "folder (4)" {
		t.Errorf("it lies at %s", path)
	}
	wantTree(t, path, tr)
	wantNames(t, dir, "folder", "folder (2)", "folder (3)", "folder (4)")

	target := targetIn(dir, int64(len(data)))
	target.Exact = true
	if _, err := OpenPlace(t.Context(), target, Accept{Manifest: lengthOf(t, data)}); !errors.Is(err, filexfer.ErrExists) {
		t.Errorf("an exact name: %v", err)
	}
}

// A link that somebody planted in the hidden folder is not followed.
func TestPlantedLinks(t *testing.T) {
	tr := tree{"dir/file": "f" + noise(3<<20, 1), "other": "fabc"}
	data := bytesOf(t, scanned(t, tr))
	for _, planted := range []string{"tree/dir", "tree/dir/file", "tree/other", "raw", "manifest.new", "only.new"} {
		t.Run(planted, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			secret := filepath.Join(outside, "file")
			check(t, os.WriteFile(secret, []byte("secret"), 0o600))
			hidden := filepath.Join(dir, partNameOf(testID))
			p := place(t, dir, data, Accept{Ask: true})
			_, err := p.WriteAt(data[:1<<20], 0)
			check(t, err)
			at, to := filepath.Join(hidden, planted), secret
			if planted == "tree/dir" {
				to = outside
			}
			check(t, os.RemoveAll(at), os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(to, at))
			p.Choose(nil)
			for at := 0; at < len(data); at += 1 << 20 {
				p.WriteAt(data[at:min(at+1<<20, len(data))], int64(at))
			}
			path, err := p.Finish()
			if err == nil && planted != "raw" && planted != "manifest.new" { // which are not opened again
				t.Errorf("finished at %s", path)
			}
			check(t, p.Close())
			content, err := os.ReadFile(secret)
			check(t, err)
			if string(content) != "secret" {
				t.Errorf("the file outside was written: %.20q", content)
			}
			wantNames(t, outside, "file")
		})
	}
}

// The hidden folder itself may be a link.
func TestPlantedFolder(t *testing.T) {
	data := bytesOf(t, scanned(t, usual))
	dir, outside := t.TempDir(), t.TempDir()
	check(t, os.WriteFile(filepath.Join(outside, "mine"), nil, 0o600))
	check(t, os.Symlink(outside, filepath.Join(dir, partNameOf(testID))))
	if p, err := OpenPlace(t.Context(), targetIn(dir, int64(len(data))), Accept{Manifest: lengthOf(t, data)}); !errors.Is(err, filexfer.ErrNotWritable) {
		t.Errorf("%v, %v", p, err)
	}
	wantNames(t, outside, "mine")
}

// Several transfers write at a time.
func TestParallel(t *testing.T) {
	data := bytesOf(t, scanned(t, usual))
	p := place(t, t.TempDir(), data, Accept{})
	_, err := p.WriteAt(data[:1<<20], 0)
	check(t, err)
	var group sync.WaitGroup
	errs := make(chan error, len(data)>>20+1)
	for at := 1 << 20; at < len(data); at += 1 << 20 {
		group.Go(func() {
			_, err := p.WriteAt(data[at:min(at+1<<20, len(data))], int64(at))
			errs <- errors.Join(err, readsBack(p, at))
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		check(t, err)
	}
	wantTree(t, finish(t, p), usual)
}

func readsBack(p *Place, at int) error {
	p.Wanted()
	p.Manifest()
	_, err := p.ReadAt(make([]byte, 1000), int64(at))
	return ignoreEOF(err)
}

// The Part of filexfer fills a Place, verifies it and continues it.
func TestPart(t *testing.T) {
	f := scanned(t, usual)
	data := bytesOf(t, f)
	list, err := f.List(t.Context())
	check(t, err)
	dir := t.TempDir()
	target := targetIn(dir, int64(len(data)))
	target.Root = list.Root().String()
	target.Place = Accept{Manifest: f.Manifest().Length()}.Open
	for i := 0; ; i++ {
		part, err := filexfer.OpenPart(t.Context(), target)
		check(t, err)
		missing := part.Missing()
		if len(missing) == 0 {
			check(t, part.Finish(), part.Close())
			wantTree(t, part.Path(), usual)
			wantNames(t, dir, "folder")
			return
		}
		start := missing[len(missing)-1].End - 1
		start -= start % sha3tree.UnitSize // the last unit that is missing
		sink := part.Range(start, min(start+sha3tree.UnitSize, int64(len(data))))
		if sink.NeedSums() {
			check(t, sink.SetSums(context.Background(), filexfer.Tree{Root: list.Root(), List: list}))
		}
		_, err = sink.Write(data[start:min(start+sha3tree.UnitSize, int64(len(data)))])
		check(t, err, sink.Commit(), part.Close())
		if i > len(data)/sha3tree.UnitSize {
			t.Fatal("it does not end")
		}
	}
}

// What an unfinished folder leaves is filexfer's to sweep.
func TestSweep(t *testing.T) {
	data := bytesOf(t, scanned(t, usual))
	dir := t.TempDir()
	target := targetIn(dir, int64(len(data)))
	target.Place = Accept{Manifest: lengthOf(t, data)}.Open
	part, err := filexfer.OpenPart(t.Context(), target)
	check(t, err)
	if n, err := filexfer.SweepParts(dir, nil); n != 0 || err != nil {
		t.Errorf("while it is open: %d, %v", n, err)
	}
	check(t, part.Close())
	_, err = filexfer.SweepParts(dir, nil)
	check(t, err)
	wantNames(t, dir)
}

// Any order of units, and any cut, gives the same folder.
func FuzzSpread(f *testing.F) {
	f.Add([]byte{3, 1, 2, 0}, uint64(1))
	base := f.TempDir()
	tr := tree{"a": "f" + noise(700_000, 1), "b/c": "x" + noise(2_000_000, 2), "b/d": "f", "b/e": "f" + noise(10, 3), "f": "f" + noise(400_000, 4)}
	from := filepath.Join(base, "from")
	check(f, os.Mkdir(from, 0o755))
	tr.make(f, from)
	sent, err := Scan(context.Background(), Config{}, from)
	check(f, err)
	data := bytesOf(f, sent)
	f.Fuzz(func(t *testing.T, cuts []byte, seed uint64) {
		dir := t.TempDir()
		p := place(t, dir, data, Accept{})
		_, err := p.WriteAt(data[:sha3tree.UnitSize], 0)
		check(t, err)
		r := random(seed)
		for _, cut := range cuts { // pieces that overlap, and are no units
			at := sha3tree.UnitSize + r.IntN(len(data)-sha3tree.UnitSize)
			_, err := p.WriteAt(data[at:min(at+int(cut)<<8, len(data))], int64(at))
			check(t, err)
		}
		fill(t, p, data, r)
		wantTree(t, finish(t, p), tr)
	})
}
