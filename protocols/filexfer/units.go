package filexfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Part is the temporary file of a wanted file with a tree. It is filled unit by
// unit, in any order, by several transfers at a time; each unit is verified before
// it is written, and outlives the Part, the process, and a crash of it.
//
// Beside the Place of the bytes (".passeur-<id>.part", which has the whole size)
// lies a sidecar, ".passeur-<id>.units": the list of the units' sums, and which of
// them are verified. It is believed as long as the system has not started anew
// since; otherwise, or where it is missing or damaged, what is there is read and
// verified once more. It also has the lock: there is one Part of an ID at a time.
//
// A Part is safe for use by many goroutines.
type Part struct {
	target Target
	place  Place
	side   *sidecar

	// running is held for reading while a unit is taken, for writing by who ends
	// the Part.
	running sync.RWMutex
	ended   error  // guarded by running: why nothing is taken any more
	path    string // guarded by running

	disk    guard
	setting chan struct{} // has room for who sets the list

	mu    sync.Mutex
	root  sha3tree.Sum  // guarded by mu; zero: not known
	list  sha3tree.List // guarded by mu; without Sums: not known
	known bool          // guarded by mu: list is
	there []bool        // guarded by mu: the verified units
	have  int64         // guarded by mu: bytes of them
}

// OpenPart makes the Part of a Target, or opens the one that is there: t.Size,
// t.Dir, t.Name and t.ID count as for a [FileSink], and t.Root, which may be ""
// until the first sums come. It claims the space for what is missing.
//
// If what is there must be verified by reading, that happens here, and takes as
// long as hashing the file; the end of ctx ends it, with its cause. It fails with
// ErrInUse while another Part or FileSink of this ID is open, ErrNoSpace when the
// rest cannot fit, ErrExists when t.Exact and the name is taken, and with
// ErrNotWritable otherwise.
func OpenPart(ctx context.Context, t Target) (*Part, error) {
	p, err := newUnits(t)
	if err != nil {
		return nil, sinkError(err)
	}
	if err := p.open(ctx); err != nil {
		p.giveUp()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, sinkError(err)
	}
	return p, nil
}

// newUnits locks the sidecar.
func newUnits(t Target) (*Part, error) {
	p := &Part{setting: make(chan struct{}, 1)}
	if t.Root != "" {
		root, err := sha3tree.Parse(t.Root)
		if err != nil {
			return nil, fmt.Errorf("Target.Root: %w", err)
		}
		p.root = root
	}
	t, root, err := t.open()
	if err != nil {
		return nil, err
	}
	p.target, p.there = t, make([]bool, sha3tree.Units(t.Size))
	p.side, err = openSidecar(root, t)
	return p, err
}

// giveUp ends a Part that could not be opened, and leaves what was there before.
func (p *Part) giveUp() {
	switch {
	case p.place != nil && p.place.Fresh():
		p.Remove()
	case p.place == nil && p.side.isEmpty():
		p.side.remove()
	default:
		p.Close()
	}
}

// open opens the place, and finds out what is there.
func (p *Part) open(ctx context.Context) error {
	if err := p.side.suitPlace(p.target.partName()); err != nil {
		return err
	}
	opener := p.target.Place
	if opener == nil {
		opener = openFilePlace
	}
	place, err := opener(ctx, p.target)
	if err != nil {
		return err
	}
	if p.place = place; place.Size() != p.target.Size {
		return fmt.Errorf("a place of %d bytes for a file of %d", place.Size(), p.target.Size)
	}
	if err := p.load(ctx); err != nil {
		return err
	}
	return p.claim()
}

// load takes over what the sidecar says, if it is about this file.
func (p *Part) load(ctx context.Context) error {
	saved, ok := p.side.read()
	if !ok || !p.root.IsZero() && saved.root != p.root {
		return nil
	}
	if p.place.Fresh() || !saved.certain || isPadded(p.place) {
		return p.adopt(ctx, saved.list, saved.root)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.root, p.list, p.known = saved.root, saved.list, true
	for unit, there := range saved.there {
		if there {
			p.haveLocked(int64(unit))
		}
	}
	return nil
}

// adopt makes list the one of the file, and verifies what is there.
func (p *Part) adopt(ctx context.Context, list sha3tree.List, root sha3tree.Sum) error {
	there := make([]bool, len(p.there))
	if !p.place.Fresh() {
		read, err := sha3tree.Read(ctx, io.NewSectionReader(p.place, 0, list.Size), list.Size, nil)
		if err != nil {
			return fmt.Errorf("read what is there of the file: %w", err)
		}
		for i := range there {
			there[i] = read.Unit(int64(i)) == list.Unit(int64(i))
		}
	}
	if err := p.side.write(root, list, there); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.root, p.list, p.known = root, list, true
	for i, is := range there {
		if is {
			p.haveLocked(int64(i))
		}
	}
	return nil
}

// setSums is SetSums of any of the ranges. The first one that comes counts, if it
// is of the wanted file.
func (p *Part) setSums(ctx context.Context, t Tree) error {
	if t.List.Size != p.target.Size {
		return fmt.Errorf("%w: sums of a file of %d bytes, want %d", ErrBadSum, t.List.Size, p.target.Size)
	}
	if err := t.List.Check(t.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrBadSum, err)
	}
	select {
	case p.setting <- struct{}{}:
		defer func() { <-p.setting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.running.RLock()
	defer p.running.RUnlock()
	if p.ended != nil {
		return p.ended
	}
	p.mu.Lock()
	root, known := p.root, p.known
	p.mu.Unlock()
	if !root.IsZero() && root != t.Root {
		return fmt.Errorf("%w: sums of %v, want %v", ErrBadSum, t.Root, root)
	}
	if known {
		return nil
	}
	return sinkError(p.adopt(ctx, t.List, t.Root))
}

func (p *Part) haveLocked(unit int64) {
	if !p.there[unit] {
		p.there[unit] = true
		p.have += p.span(unit).Len()
	}
}

func (p *Part) span(unit int64) Span { return unitSpan(unit, p.target.Size) }

// unitSpan is where a unit of a file of size bytes lies.
func unitSpan(unit, size int64) Span {
	start := unit * sha3tree.UnitSize
	return Span{start, min(start+sha3tree.UnitSize, size)}
}

// Root is the root in hex of the file's tree; "" when it is not known yet.
func (p *Part) Root() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.root.IsZero() {
		return ""
	}
	return p.root.String()
}

// Tree is the file's tree, as it came; zero when it is not known yet.
func (p *Part) Tree() Tree {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		return Tree{}
	}
	return Tree{Root: p.root, List: p.list}
}

// Have is how many bytes are there and verified.
func (p *Part) Have() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.have
}

// Missing is what is wanted and not there: spans of whole units, in order. The
// file is whole when there are none. Until the sums are known everything is
// missing.
func (p *Part) Missing() []Span {
	wanted := p.place.Wanted()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missingLocked(wanted)
}

func (p *Part) missingLocked(wanted []Span) (missing []Span) {
	for _, w := range wanted {
		for at := w.Start; at < w.End; {
			unit := p.span(at / sha3tree.UnitSize)
			if !p.there[at/sha3tree.UnitSize] {
				missing = appendSpan(missing, unit)
			}
			at = unit.End
		}
	}
	return missing
}

// appendSpan adds s, which begins where the last one ends or later.
func appendSpan(spans []Span, s Span) []Span {
	if last := len(spans) - 1; last >= 0 && spans[last].End == s.Start {
		spans[last].End = s.End
		return spans
	}
	return append(spans, s)
}

// Range gives what takes the bytes from start to the one before end, which begin
// and end with a unit or with the file. Ranges may overlap.
func (p *Part) Range(start, end int64) *RangeSink {
	return &RangeSink{part: p, span: Span{start, end}, next: start}
}

// Finish makes the whole file durable and gives it its name, as Commit of a
// [FileSink] does. When bytes are missing it fails with [ErrRange]. After another
// failure the Part is still there; unless the name was taken ([ErrExists]), the next one
// of this ID reads again what is there of the file.
func (p *Part) Finish() error {
	p.running.Lock()
	defer p.running.Unlock()
	if p.ended != nil {
		return p.ended
	}
	if missing := p.Missing(); len(missing) > 0 {
		return fmt.Errorf("%w: byte %d is missing", ErrRange, missing[0].Start)
	}
	path, err := p.place.Finish()
	if err != nil {
		if !errors.Is(err, ErrExists) {
			p.doubt()
		}
		return sinkError(err)
	}
	p.path, p.ended = path, ErrEnough
	p.side.remove() // what is left of it is swept
	return nil
}

// doubt lets no mark be believed any more, and keeps them. What could not be flushed
// may be lost: a system forgets it, and says only once that it has (fsync(2)).
func (p *Part) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.side.era = [32]byte{}; p.known {
		p.side.write(p.root, p.list, p.there) // half a sidecar says nothing either
	}
}

// Path is where the file lies after Finish; "" before.
func (p *Part) Path() string {
	p.running.RLock()
	defer p.running.RUnlock()
	return p.path
}

// Close keeps what is verified for the next Part of this ID, without the space
// that was claimed for the rest. It waits for units that are just being taken.
func (p *Part) Close() error {
	p.running.Lock()
	defer p.running.Unlock()
	if p.ended != nil {
		return nil
	}
	p.ended = fmt.Errorf("%w: the part is closed", fs.ErrClosed)
	var err error
	if p.place != nil {
		err = errors.Join(p.unclaim(), p.place.Close())
	}
	return sinkError(errors.Join(err, p.side.close()))
}

// Remove forgets the file, with all that is there of it.
func (p *Part) Remove() error {
	p.running.Lock()
	defer p.running.Unlock()
	if p.ended != nil {
		return nil
	}
	p.ended = fmt.Errorf("%w: the part is removed", fs.ErrClosed)
	return sinkError(errors.Join(p.place.Remove(), p.side.remove()))
}

// claimer is a Place that takes space beforehand for what will come, and gives
// back what has not come.
type claimer interface {
	claim(missing []Span) error
	unclaim(missing []Span) error
}

// claim takes space for what is missing. While the sums are not known, what is
// there may be right, and the space for it has been claimed.
func (p *Part) claim() error {
	place, ok := p.place.(claimer)
	if !ok || !p.sure() {
		return nil
	}
	return place.claim(p.Missing())
}

func (p *Part) unclaim() error {
	place, ok := p.place.(claimer)
	if !ok || !p.sure() {
		return nil
	}
	return place.unclaim(p.Missing())
}

// sure tells whether what counts as missing is not there.
func (p *Part) sure() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known || p.place.Fresh()
}

// isPadded tells whether a temporary file had lost its end.
func isPadded(place Place) bool {
	file, ok := place.(*filePlace)
	return ok && file.padded
}
