package filexfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const wantedUnits = ".passeur-0123456789abcdef.units"

// unitsTarget wants content, with a known root.
func unitsTarget(dir, content string) Target {
	return Target{Dir: dir, Name: "x", Size: int64(len(content)), ID: "0123456789abcdef", Root: treeOf(content).Root.String()}
}

func openUnits(t testing.TB, target Target) *Part {
	t.Helper()
	p, err := OpenPart(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// fill gives the bytes from start to end to p, in units.
func fill(p *Part, content string, start, end int64) error {
	r := p.Range(start, end)
	if r.NeedSums() {
		if err := r.SetSums(context.Background(), treeOf(content)); err != nil {
			return err
		}
	}
	for at := start; at < end; at += unit {
		if _, err := r.Write([]byte(content[at:min(at+unit, end)])); errors.Is(err, ErrEnough) {
			break
		} else if err != nil {
			return err
		}
	}
	return r.Commit()
}

func mustFill(t testing.TB, p *Part, content string, start, end int64) {
	t.Helper()
	if err := fill(p, content, start, end); err != nil {
		t.Fatal(err)
	}
}

func wantMissing(t testing.TB, p *Part, want ...Span) {
	t.Helper()
	if got := p.Missing(); !slices.Equal(got, want) {
		t.Fatalf("missing: %v, want %v", got, want)
	}
}

// Units come in any order, over several lives of the part.
func TestPartIsFilledInAnyOrder(t *testing.T) {
	content := noise(4*unit + 100)
	end := int64(len(content))
	target := unitsTarget(t.TempDir(), content)
	for _, step := range []struct {
		span Span
		left []Span
		have int64
	}{
		{Span{3 * unit, end}, []Span{{0, 3 * unit}}, unit + 100},
		{Span{unit, 2 * unit}, []Span{{0, unit}, {2 * unit, 3 * unit}}, 2*unit + 100},
		{Span{0, 2 * unit}, []Span{{2 * unit, 3 * unit}}, 3*unit + 100},
	} {
		p := openUnits(t, target)
		mustFill(t, p, content, step.span.Start, step.span.End)
		if err := p.Finish(); !errors.Is(err, ErrRange) {
			t.Errorf("finished too early: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		p = openUnits(t, target)
		wantMissing(t, p, step.left...)
		if p.Have() != step.have || PartSize(target) != step.have {
			t.Errorf("%d bytes, %d from outside; want %d", p.Have(), PartSize(target), step.have)
		}
		p.Close()
	}
	wantNames(t, target.Dir, wantedPart, wantedUnits)
	p := openUnits(t, target)
	mustFill(t, p, content, 2*unit, 3*unit)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, target.Dir, "x")
	wantContent(t, p.Path(), content)
	if err := errors.Join(p.Close(), p.Remove()); err != nil {
		t.Error(err)
	}
	wantNames(t, target.Dir, "x")
	if _, err := p.Range(0, end).Write([]byte(content[:unit])); !errors.Is(err, ErrEnough) {
		t.Errorf("a unit of a finished file: %v", err)
	}
}

func TestPartOfEmptyFile(t *testing.T) {
	target := unitsTarget(t.TempDir(), "")
	target.Root = ""
	p := openUnits(t, target)
	mustFill(t, p, "", 0, 0)
	wantMissing(t, p)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, p.Path(), "")
}

// What is no unit, or not the right one, is not taken.
func TestPartRefusesUnits(t *testing.T) {
	content := noise(2*unit + 100)
	end := int64(len(content))
	wrong := strings.Repeat("w", unit)
	for name, c := range map[string]struct {
		span Span
		data string
		want error
	}{
		"another unit":           {Span{0, end}, content[unit : 2*unit], ErrBadSum},
		"wrong bytes":            {Span{unit, end}, wrong, ErrBadSum},
		"wrong bytes at the end": {Span{2 * unit, end}, wrong[:100], ErrBadSum},
		"too short":              {Span{0, end}, content[:unit-1], ErrRange},
		"too short at the end":   {Span{2 * unit, end}, content[2*unit : end-1], ErrRange},
		"nothing":                {Span{0, end}, "", ErrRange},
		"two units":              {Span{0, end}, content[:2*unit], ErrRange},
		"not aligned":            {Span{1, end}, content[1 : 1+unit], ErrRange},
		"before the beginning":   {Span{-unit, end}, content[:unit], ErrRange},
		"beyond the end":         {Span{3 * unit, 4 * unit}, wrong, ErrRange},
		"at the very end":        {Span{end, end + 1}, "w", ErrRange},
		"beyond the range":       {Span{0, 0}, content[:unit], ErrRange},
	} {
		t.Run(name, func(t *testing.T) {
			p := openUnits(t, unitsTarget(t.TempDir(), content))
			r := p.Range(c.span.Start, c.span.End)
			if err := r.SetSums(t.Context(), treeOf(content)); err != nil {
				t.Fatal(err)
			}
			if n, err := r.Write([]byte(c.data)); n != 0 || !errors.Is(err, c.want) {
				t.Errorf("%d, %v; want %v", n, err, c.want)
			}
			wantMissing(t, p, Span{0, end})
		})
	}
}

// The first sums count, if they are of the wanted file.
func TestPartTakesTheRightSums(t *testing.T) {
	content := noise(unit + 100)
	other := noise(unit + 200)[100:]
	target := unitsTarget(t.TempDir(), content)
	short := treeOf(content)
	short.List.Sums = short.List.Sums[:32]
	false_ := treeOf(content)
	false_.List.Sums = slices.Clone(treeOf(other).List.Sums)

	p := openUnits(t, target)
	r := p.Range(0, target.Size)
	for name, tree := range map[string]Tree{
		"another file": treeOf(other), "another size": treeOf(content[1:]), "short": short, "not of its root": false_,
	} {
		if err := r.SetSums(t.Context(), tree); !errors.Is(err, ErrBadSum) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Write([]byte(content[:unit])); err == nil || !r.NeedSums() {
		t.Errorf("a unit before the sums: %v", err)
	}
	mustFill(t, p, content, 0, target.Size)
	if err := r.SetSums(t.Context(), treeOf(other)); !errors.Is(err, ErrBadSum) {
		t.Errorf("later: %v", err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}

	target.Root = "" // follows
	p = openUnits(t, target)
	if p.Root() != "" {
		t.Errorf("root %s before the sums", p.Root())
	}
	mustFill(t, p, content, 0, unit)
	if want := treeOf(content).Root.String(); p.Root() != want {
		t.Errorf("root %s, want %s", p.Root(), want)
	}
	if err := p.Range(0, unit).SetSums(t.Context(), treeOf(other)); !errors.Is(err, ErrBadSum) {
		t.Errorf("later, another file: %v", err)
	}
	p.Close()
	if p = openUnits(t, target); p.Root() == "" || p.Have() != unit {
		t.Errorf("root %q, %d bytes after Close", p.Root(), p.Have())
	}
}

// Several ranges fill a part at the same time, and overlap.
func TestPartIsFilledByManyAtOnce(t *testing.T) {
	const units = 8
	content := noise(units * unit)
	p := openUnits(t, unitsTarget(t.TempDir(), content))
	var fills sync.WaitGroup
	for i := range int64(4) {
		fills.Go(func() {
			if err := fill(p, content, i*2*unit, min(units, i*2+4)*unit); err != nil {
				t.Error(err)
			}
		})
	}
	fills.Go(func() {
		for range 20 {
			p.Have()
			p.Missing()
			p.Root()
		}
	})
	fills.Wait()
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, p.Path(), content)
}

// A range whose rest others have brought has enough.
func TestRangeHasEnough(t *testing.T) {
	content := noise(4 * unit)
	p := openUnits(t, unitsTarget(t.TempDir(), content))
	r := p.Range(0, 4*unit)
	mustFill(t, p, content, 2*unit, 4*unit)
	if n, err := r.Write([]byte(content[:unit])); n != unit || err != nil {
		t.Fatal(n, err)
	}
	if err := r.Commit(); !errors.Is(err, ErrRange) {
		t.Errorf("committed with a unit missing: %v", err)
	}
	if n, err := r.Write([]byte(content[unit : 2*unit])); n != unit || !errors.Is(err, ErrEnough) {
		t.Errorf("%d, %v; want enough", n, err)
	}
	if err := errors.Join(r.Commit(), r.Abort()); err != nil {
		t.Error(err)
	}
}

// One Part or sink of an ID at a time.
func TestPartInUse(t *testing.T) {
	content := noise(unit)
	target := unitsTarget(t.TempDir(), content)
	p := openUnits(t, target)
	if _, err := OpenPart(t.Context(), target); !errors.Is(err, ErrInUse) {
		t.Errorf("a second part: %v", err)
	}
	if _, err := NewFileSink(target); !errors.Is(err, ErrInUse) {
		t.Errorf("a sink beside a part: %v", err)
	}
	if err := RemovePart(target); !errors.Is(err, ErrInUse) {
		t.Errorf("removed: %v", err)
	}
	if n, err := SweepParts(target.Dir, nil); n != 0 || err != nil {
		t.Errorf("swept %d (%v)", n, err)
	}
	p.Close()
	s, err := NewFileSink(target)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPart(t.Context(), target); !errors.Is(err, ErrInUse) {
		t.Errorf("a part beside a sink: %v", err)
	}
	s.Abort()
}

// A part that cannot be opened leaves what was there, and nothing else.
func TestPartCannotBeOpened(t *testing.T) {
	content := noise(2 * unit)
	target := unitsTarget(t.TempDir(), content)
	put(t, filepath.Join(target.Dir, "x"), "taken")
	target.Exact = true
	if _, err := OpenPart(t.Context(), target); !errors.Is(err, ErrExists) {
		t.Errorf("the name is taken: %v", err)
	}
	wantNames(t, target.Dir, "x")
	free := target
	free.Exact = false
	p := openUnits(t, free)
	mustFill(t, p, content, 0, unit)
	p.Close()
	if _, err := OpenPart(t.Context(), target); !errors.Is(err, ErrExists) || PartSize(target) != unit {
		t.Errorf("the name is taken: %v, %d bytes are left", err, PartSize(target))
	}
	for name, change := range map[string]func(*Target){
		"root":   func(t *Target) { t.Root = strings.ToUpper(t.Root) },
		"name":   func(t *Target) { t.Name = "a/b" },
		"id":     func(t *Target) { t.ID = "x" },
		"size":   func(t *Target) { t.Size = -1 },
		"folder": func(t *Target) { t.Dir = filepath.Join(t.Dir, "nowhere") },
		"place": func(t *Target) {
			t.Place = func(ctx context.Context, t Target) (Place, error) {
				t.ID, t.Size = "", 5
				return openFilePlace(ctx, t)
			}
		},
	} {
		bad := free
		if change(&bad); name == "place" {
			bad.ID = ""
		}
		if _, err := OpenPart(t.Context(), bad); !errors.Is(err, ErrNotWritable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNames(t, target.Dir, wantedPart, wantedUnits, "x")
	p = openUnits(t, free)
	mustFill(t, p, content, unit, 2*unit)
	if err := p.Finish(); err != nil || filepath.Base(p.Path()) != "x (2)" {
		t.Errorf("finished as %s (%v)", p.Path(), err)
	}
}

// The end of ctx ends the reading of what is there.
func TestPartIsNotRead(t *testing.T) {
	content := noise(unit)
	target := unitsTarget(t.TempDir(), content)
	put(t, filepath.Join(target.Dir, wantedPart), content)
	p := openUnits(t, target) // without sums nothing is read
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrCancelled)
	if err := p.Range(0, unit).SetSums(ctx, treeOf(content)); !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
	wantMissing(t, p, Span{0, unit})
	mustFill(t, p, content, 0, 0) // sets the sums: what is there is right
	wantMissing(t, p)
}

// What is to be swept: the kept ones stay, those of folders go with all that is in
// them.
func TestSweepAndRemoveUnits(t *testing.T) {
	content := noise(unit)
	dir := t.TempDir()
	for _, id := range []string{"00000000000000aa", "00000000000000bb"} {
		target := unitsTarget(dir, content)
		target.ID = id
		p := openUnits(t, target)
		mustFill(t, p, content, 0, unit)
		p.Close()
	}
	folder := filepath.Join(dir, ".passeur-00000000000000cc.part")
	if err := os.MkdirAll(filepath.Join(folder, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, ".passeur-00000000000000dd.units"), "alone")
	keep := func(id string) bool { return id == "00000000000000aa" }
	if n, err := SweepParts(dir, keep); n != 4 || err != nil {
		t.Errorf("swept %d (%v)", n, err)
	}
	wantNames(t, dir, ".passeur-00000000000000aa.part", ".passeur-00000000000000aa.units")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"00000000000000aa", "00000000000000cc", "00000000000000ee"} {
		if err := RemovePart(Target{Dir: dir, ID: id}); err != nil {
			t.Error(err)
		}
	}
	wantNames(t, dir)
}

// A folder that is being filled is neither swept nor removed.
func TestFolderInUse(t *testing.T) {
	target := unitsTarget(t.TempDir(), noise(unit))
	target.Place = openFolderPlace
	p := openUnits(t, target)
	if err := RemovePart(target); !errors.Is(err, ErrInUse) {
		t.Errorf("removed: %v", err)
	}
	if n, err := SweepParts(target.Dir, nil); n != 0 || err != nil {
		t.Errorf("swept %d (%v)", n, err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	wantNames(t, target.Dir)
}

// A place that wants only some units is whole when those are there.
func TestPlaceWantsSomeUnits(t *testing.T) {
	content := noise(4 * unit)
	target := unitsTarget(t.TempDir(), content)
	target.Place = openFolderPlace
	p := openUnits(t, target)
	wantMissing(t, p, Span{0, unit}, Span{2 * unit, 3 * unit})
	mustFill(t, p, content, 0, unit)
	p.Close()
	p = openUnits(t, target)
	wantMissing(t, p, Span{2 * unit, 3 * unit})
	r := p.Range(2*unit, 4*unit)
	if n, err := r.Write([]byte(content[2*unit : 3*unit])); n != unit || !errors.Is(err, ErrEnough) {
		t.Errorf("%d, %v; want enough", n, err)
	}
	if err := errors.Join(r.Commit(), p.Finish()); err != nil {
		t.Error(err)
	}
}

// What the disk lost when the file was flushed is found by the next Part, and fetched.
func TestPartThatCannotBeFlushed(t *testing.T) {
	content := noise(3 * unit)
	target := unitsTarget(t.TempDir(), content)
	failing := target
	failing.Place = func(ctx context.Context, t Target) (Place, error) {
		place, err := openFilePlace(ctx, t)
		return &lossyPlace{place}, err
	}
	p := openUnits(t, failing)
	mustFill(t, p, content, 0, 3*unit)
	if err := p.Finish(); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("finished: %v", err)
	}
	p.Close()
	p = openUnits(t, target)
	wantMissing(t, p, Span{unit, 2 * unit})
	mustFill(t, p, content, unit, 2*unit)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, p.Path(), content)
}

// lossyPlace loses its second unit for want of space, as a disk at the other end of a
// network may: that shows when it is flushed, and then never again.
type lossyPlace struct{ Place }

func (l *lossyPlace) Finish() (string, error) {
	if _, err := l.WriteAt(make([]byte, unit), unit); err != nil {
		return "", err
	}
	return "", syscall.ENOSPC
}

// folderPlace has its bytes in a file inside a folder, and wants the first and
// third unit.
type folderPlace struct {
	*os.File
	dir   string
	size  int64
	fresh bool
}

func openFolderPlace(_ context.Context, t Target) (Place, error) {
	dir := filepath.Join(t.Dir, t.partName())
	made := os.Mkdir(dir, 0o700)
	file, err := os.OpenFile(filepath.Join(dir, "bytes"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &folderPlace{file, dir, t.Size, made == nil}, nil
}

func (f *folderPlace) Size() int64             { return f.size }
func (f *folderPlace) Fresh() bool             { return f.fresh }
func (f *folderPlace) Finish() (string, error) { return f.dir, f.Close() }
func (f *folderPlace) Remove() error           { return errors.Join(f.Close(), os.RemoveAll(f.dir)) }
func (f *folderPlace) Wanted() []Span          { return []Span{{0, unit}, {2 * unit, 3 * unit}} }
