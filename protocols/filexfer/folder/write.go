package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// WriteAt puts verified bytes where they belong. Until the manifest is whole it
// takes its units only, whole ones in any order, and fails with [ErrManifestFirst]
// for others; until it is chosen what is wanted, with [ErrUnchosen]. Units that are
// not wanted are taken and dropped. A manifest that is broken fails with
// [ErrManifest] or [ErrLimit] whenever it is written: nothing of this file can be
// had.
func (p *Place) WriteAt(b []byte, off int64) (int, error) {
	if off < 0 || int64(len(b)) > p.target.Size-off {
		return 0, fmt.Errorf("byte %d to %d of a folder of %d bytes", off, off+int64(len(b)), p.target.Size)
	}
	if err := placeError(p.write(b, off)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *Place) write(b []byte, off int64) error {
	p.mu.RLock()
	if p.ended || p.m != nil {
		defer p.mu.RUnlock()
		return p.writeFiles(b, off)
	}
	p.mu.RUnlock()
	return p.writeHead(b, off)
}

// writeHead keeps units of the manifest, and understands it when it is whole.
func (p *Place) writeHead(b []byte, off int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.m != nil { // by now
		return p.writeFiles(b, off)
	}
	whole := off%sha3tree.UnitSize == 0 && int64(len(b)) == min(sha3tree.UnitSize, p.target.Size-off)
	if off >= p.accept.Manifest || !whole {
		return fmt.Errorf("%w: byte %d to %d came", ErrManifestFirst, off, off+int64(len(b)))
	}
	if _, err := p.raw.WriteAt(b, off); err != nil {
		return err
	}
	p.came[off/sha3tree.UnitSize] = true
	if slices.Contains(p.came, false) {
		return nil
	}
	return p.manifestCame()
}

// manifestCame reads the manifest and keeps it. If that fails, all is as if the last
// unit of it had not come.
func (p *Place) manifestCame() error {
	if err := p.understand(io.NewSectionReader(p.raw, 0, p.accept.Manifest)); err != nil {
		return err
	}
	err := p.keep(manifestName, p.m.text)
	if err == nil && !p.accept.Ask {
		err = p.chooseLocked(p.accept.Only)
	}
	if err != nil {
		p.m = nil
	}
	return err
}

// writeFiles writes to files what is in wanted units. Others are not kept.
func (p *Place) writeFiles(b []byte, off int64) error {
	switch {
	case p.ended:
		return fs.ErrClosed
	case p.wanted == nil && off+int64(len(b)) > p.head().End:
		return ErrUnchosen
	case p.wanted == nil:
		_, err := p.raw.WriteAt(b, off)
		return err
	}
	end := off + int64(len(b))
	first := sort.Search(len(p.spans), func(i int) bool { return p.spans[i].End > off })
	for _, span := range p.spans[first:] {
		from, to := max(span.Start, off), min(span.End, end)
		if from >= to {
			break
		}
		if err := p.spread(b[from-off:to-off], from); err != nil {
			return err
		}
	}
	return nil
}

// spread writes bytes to their files: many small ones by two goroutines.
func (p *Place) spread(b []byte, off int64) error {
	if skip := min(p.m.length-off, int64(len(b))); skip > 0 {
		if string(b[:skip]) != p.m.text[off:off+skip] {
			return broken("it is not the one that came before")
		}
		b, off = b[skip:], off+skip
	}
	end := off + int64(len(b))
	from, to := p.m.from(off), p.m.from(end)
	middle := from
	if to-from >= 16 {
		middle = from + (to-from)/2
	}
	half := min(max(p.m.startOf(middle)-off, 0), int64(len(b)))
	var one, other error
	both(func() { one = p.spreadPart(b[:half], off) }, func() { other = p.spreadPart(b[half:], off+half) })
	return errors.Join(one, other)
}

// startOf is where the bytes of entry i begin, or where all end.
func (m *Manifest) startOf(i int32) int64 {
	if int(i) == len(m.entries) {
		return m.size
	}
	return m.entries[i].start
}

// walk is for who writes files or looks at them.
func (p *Place) walk(make bool) *walker {
	root := func(int32) (*os.Root, error) { return p.tree, nil }
	return &walker{m: p.m, name: p.m.savedName, root: root, make: make}
}

func (p *Place) spreadPart(b []byte, off int64) error {
	w := p.walk(true)
	defer w.leave(0)
	return p.m.pieces(b, off, func(i int32, b []byte, off int64) error { return p.writeFile(w, i, b, off) })
}

// writeFile writes some bytes of entry i.
func (p *Place) writeFile(w *walker, i int32, b []byte, off int64) error {
	if !p.wanted[i] {
		_, err := p.raw.WriteAt(b, p.m.entries[i].start+off)
		return err
	}
	dir, err := w.folderOf(i)
	if err != nil {
		return err
	}
	file, err := p.openFile(dir, i)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(b, off)
	return errors.Join(err, file.Close())
}

// openFile opens the file of entry i to write to it, and makes it if need be. The
// space of a large one is claimed then.
func (p *Place) openFile(dir *os.Root, i int32) (*os.File, error) {
	e, name := &p.m.entries[i], p.m.savedName(i)
	file, err := makeFile(dir, e, name)
	if errors.Is(err, fs.ErrExist) {
		return openPlain(dir, name, os.O_WRONLY)
	}
	if err == nil && e.size > sha3tree.UnitSize {
		if err = allocate(file, e.size); err != nil {
			file.Close()
		}
	}
	return file, err
}

// makeFile makes the file of an entry, and follows nothing. The umask holds.
func makeFile(dir *os.Root, e *entry, name string) (*os.File, error) {
	mode := fs.FileMode(0o666)
	if e.kind == Executable {
		mode = 0o777
	}
	return dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// ReadAt gives what was written; zeros where nothing was.
func (p *Place) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= p.target.Size {
		return 0, io.EOF
	}
	n := min(int64(len(b)), p.target.Size-off)
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.ended {
		return 0, fs.ErrClosed
	}
	clear(b[:n])
	var err error
	if p.wanted == nil {
		err = readSparse(p.raw, b[:n], off)
	} else {
		err = p.gather(b[:n], off)
	}
	switch {
	case err != nil:
		return 0, placeError(err)
	case n < int64(len(b)):
		return int(n), io.EOF
	}
	return int(n), nil
}

// gather reads what spread wrote.
func (p *Place) gather(b []byte, off int64) error {
	if head := p.m.length - off; head > 0 {
		n := copy(b, p.m.text[off:])
		b, off = b[n:], off+int64(n)
	}
	w := p.walk(false)
	defer w.leave(0)
	return p.m.pieces(b, off, func(i int32, b []byte, off int64) error { return p.readFile(w, i, b, off) })
}

func (p *Place) readFile(w *walker, i int32, b []byte, off int64) error {
	if !p.wanted[i] {
		return readSparse(p.raw, b, p.m.entries[i].start+off)
	}
	dir, err := w.folderOf(i)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	file, err := openPlain(dir, p.m.savedName(i), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer file.Close()
	return readSparse(file, b, off)
}

// readSparse reads as if a file went on with zeros.
func readSparse(file *os.File, b []byte, off int64) error {
	_, err := file.ReadAt(b, off)
	return ignoreEOF(err)
}
