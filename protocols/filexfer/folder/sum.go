package folder

import (
	"context"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// summing is what only reading all files tells. slot holds one token: who takes it
// may read, and write the fields until done is closed; nobody writes them then.
type summing struct {
	slot  chan struct{}
	done  chan struct{}
	whole *Manifest     // with the sums of the files
	head  []byte        // its encoding
	list  sha3tree.List // of the virtual file
}

func newSumming() summing {
	s := summing{slot: make(chan struct{}, 1), done: make(chan struct{})}
	s.slot <- struct{}{}
	return s
}

// Sum reads all files once, so that the sums in the manifest and those of the
// virtual file are known. Who calls it meanwhile waits for that; afterwards it
// returns at once. progress, unless it is nil, is told how many bytes of the virtual
// file are done, if it is this call that reads. It fails with [filexfer.ErrSource]
// or the cause of ctx, and can be called again.
func (f *Folder) Sum(ctx context.Context, progress func(n int64)) error {
	select {
	case <-f.sum.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.sum.slot:
	}
	defer func() { f.sum.slot <- struct{}{} }()
	select {
	case <-f.sum.done: // by who had the slot before
		return nil
	default:
	}
	if err := f.readAll(ctx, progress); err != nil {
		return err
	}
	close(f.sum.done)
	return nil
}

// List gives the sums of the virtual file's units. It calls Sum, which reads nothing
// twice, and fails as that does.
func (f *Folder) List(ctx context.Context) (sha3tree.List, error) {
	err := f.Sum(ctx, nil)
	return f.sum.list, err
}

// File is the folder as the file that is sent. It may be offered before Sum has
// read it.
func (f *Folder) File() filexfer.File {
	open := func() (io.ReadCloser, error) { return f.open(context.Background()), nil }
	tree := func(ctx context.Context) (filexfer.Tree, error) {
		list, err := f.List(ctx)
		return filexfer.Tree{Root: list.Root(), List: list}, err
	}
	file := filexfer.File{Name: f.Name, Size: f.manifest.size, Open: open, Manifest: f.manifest.length, Tree: tree}
	select {
	case <-f.sum.done:
		file.Root = f.sum.list.Root().String()
	default:
	}
	return file
}

// readAll hashes what follows the manifest for two at the same time: the units of
// the virtual file, and the files. Then the manifest is known, and its units.
func (f *Folder) readAll(ctx context.Context, progress func(n int64)) error {
	m := f.manifest
	r := f.open(ctx)
	defer r.Close()
	r.Seek(m.length, io.SeekStart)
	whole := &Manifest{entries: slices.Clone(m.entries), length: m.length, size: m.size}
	sums := &fileSums{m: whole}
	units := make([]byte, sha3tree.Units(m.size)*sha3tree.Size)
	var beside []byte // what shares a unit with the end of the manifest
	buf := make([]byte, sha3tree.UnitSize)
	for off := m.length; off < m.size; {
		n := min(sha3tree.UnitSize-off%sha3tree.UnitSize, m.size-off)
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return err
		}
		if off == m.length && off%sha3tree.UnitSize != 0 {
			beside = append(beside, buf[:n]...)
			sums.write(buf[:n])
		} else {
			both(func() { put(units, off, buf[:n]) }, func() { sums.write(buf[:n]) })
		}
		if off += n; progress != nil {
			progress(off)
		}
	}
	sums.skipEmpty()
	f.sum.whole, f.sum.head = whole, whole.Bytes()
	for off, rest := int64(0), append(f.sum.head[:m.length:m.length], beside...); len(rest) > 0; {
		n := min(sha3tree.UnitSize, len(rest))
		put(units, off, rest[:n])
		off, rest = off+int64(n), rest[n:]
	}
	f.sum.list = sha3tree.List{Size: m.size, Sums: units}
	return nil
}

// put notes the sum of the unit at off.
func put(units []byte, off int64, data []byte) {
	sum := sha3tree.Unit(data)
	copy(units[off/sha3tree.UnitSize*sha3tree.Size:], sum[:])
}

// both does two things at the same time.
func both(one, other func()) {
	var wg sync.WaitGroup
	wg.Go(one)
	other()
	wg.Wait()
}

// fileSums writes the sums of all files into the manifest, as their bytes come.
type fileSums struct {
	m     *Manifest
	next  int32 // the entry whose bytes come
	units []byte
	unit  []byte // the beginning of a unit of it
	got   int64  // bytes of it before unit
}

func (s *fileSums) write(p []byte) {
	for len(p) > 0 {
		p = p[s.wholeFiles(p):]
		if s.skipEmpty(); len(p) > 0 {
			p = p[s.pieceOfFile(p):]
		}
	}
}

// wholeFiles takes the files of which p has all bytes, and tells how many those are.
func (s *fileSums) wholeFiles(p []byte) int {
	if s.got > 0 || len(s.unit) > 0 {
		return 0
	}
	first, n := s.next, int64(0)
	for ; int(s.next) < len(s.m.entries); s.next++ {
		size := s.m.entries[s.next].size
		if n+size > int64(len(p)) {
			break
		}
		n += size
	}
	inParallel(s.m.entries[first:s.next], func(e *entry) {
		if e.kind.IsFile() {
			e.sum = sumOf(p[e.start-s.m.entries[first].start:][:e.size])
		}
	})
	return int(n)
}

// sumOf gives the sum of a file of at most one unit.
func sumOf(content []byte) sha3tree.Sum {
	var units []byte
	if len(content) > 0 {
		sum := sha3tree.Unit(content)
		units = sum[:]
	}
	return sha3tree.List{Size: int64(len(content)), Sums: units}.Root()
}

// inParallel calls do for each entry, many of them by as many goroutines as run.
func inParallel(entries []entry, do func(*entry)) {
	share := max(len(entries)/runtime.GOMAXPROCS(0)+1, 16)
	var wg sync.WaitGroup
	for some := range slices.Chunk(entries, share) {
		wg.Go(func() {
			for i := range some {
				do(&some[i])
			}
		})
	}
	wg.Wait()
}

// pieceOfFile takes the next bytes of a file that is not wholly there: up to the end
// of its unit.
func (s *fileSums) pieceOfFile(p []byte) int {
	e := &s.m.entries[s.next]
	want := int(min(sha3tree.UnitSize, e.size-s.got))
	data := p[:min(want-len(s.unit), len(p))]
	n := len(data)
	if n < want {
		s.unit = append(s.unit, data...)
		data = s.unit
	}
	if len(data) == want {
		sum := sha3tree.Unit(data)
		s.units = append(s.units, sum[:]...)
		s.got, s.unit = s.got+int64(want), s.unit[:0]
	}
	if s.got == e.size {
		s.end()
	}
	return n
}

// skipEmpty goes to the next entry that has bytes.
func (s *fileSums) skipEmpty() {
	for int(s.next) < len(s.m.entries) && s.m.entries[s.next].size == 0 {
		s.end()
	}
}

// end goes to the next entry.
func (s *fileSums) end() {
	e := &s.m.entries[s.next]
	if e.kind.IsFile() {
		e.sum = sha3tree.List{Size: e.size, Sums: s.units}.Root()
	}
	s.units, s.got = s.units[:0], 0
	s.next++
}
