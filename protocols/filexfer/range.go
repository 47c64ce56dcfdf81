package filexfer

import (
	"context"
	"fmt"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// RangeSink takes a range of a [Part] from one transfer. A wrong unit is not
// taken; those before it stay, whatever becomes of the transfer. Commit flushes
// nothing: that is for Finish of the Part.
type RangeSink struct {
	part *Part
	span Span
	next int64 // where the next unit lies; the transfer's
}

var _ TreeSink = (*RangeSink)(nil)

// Span is the range. An offer of any other is refused with [ErrRange].
func (r *RangeSink) Span() Span { return r.span }

// NeedSums tells whether the Part has no list yet.
func (r *RangeSink) NeedSums() bool {
	r.part.mu.Lock()
	defer r.part.mu.Unlock()
	return !r.part.known
}

// SetSums fails with [ErrBadSum] when t is not the tree of the wanted file. The
// first that comes to a Part whose root is not known counts.
func (r *RangeSink) SetSums(ctx context.Context, t Tree) error { return r.part.setSums(ctx, t) }

// Write verifies and takes the next unit. It fails with [ErrBadSum] when it is
// not the right one, and with ErrEnough when all that follows is there already.
func (r *RangeSink) Write(data []byte) (int, error) {
	unit, err := r.unit(len(data))
	if err != nil {
		return 0, err
	}
	if err := r.part.take(unit, data); err != nil {
		return 0, err
	}
	if r.next += int64(len(data)); r.next < r.span.End && r.part.hasAll(Span{r.next, r.span.End}) {
		return len(data), ErrEnough
	}
	return len(data), nil
}

// unit is the number of the unit that n bytes from r.next on are.
func (r *RangeSink) unit(n int) (int64, error) {
	unit := r.next / sha3tree.UnitSize
	if r.next < 0 || r.next >= r.part.target.Size || r.next >= r.span.End || r.part.span(unit) != (Span{r.next, r.next + int64(n)}) {
		return 0, fmt.Errorf("%w: %d bytes from byte %d on are no unit of bytes %d to %d", ErrRange, n, r.next, r.span.Start, r.span.End)
	}
	return unit, nil
}

// Commit fails with [ErrRange] while something of the range is missing.
func (r *RangeSink) Commit() error {
	if !r.part.hasAll(r.span) {
		return fmt.Errorf("%w: of bytes %d to %d some are missing", ErrRange, r.span.Start, r.span.End)
	}
	return nil
}

// Abort leaves what was verified where it is.
func (r *RangeSink) Abort() error { return nil }

// take writes a unit if it is the right one, and then says so in the sidecar.
func (p *Part) take(unit int64, data []byte) error {
	p.running.RLock()
	defer p.running.RUnlock()
	if p.ended != nil {
		return sinkError(p.ended)
	}
	p.mu.Lock()
	known, there := p.known, p.there[unit]
	p.mu.Unlock()
	switch {
	case !known:
		return fmt.Errorf("%w: a unit before the sums", ErrNotWritable)
	case there:
		return nil
	case sha3tree.Unit(data) != p.list.Unit(unit): // list never changes once it is known
		return fmt.Errorf("%w: unit %d", ErrBadSum, unit)
	}
	if err := p.disk.wrote(p.target, p.side.file, len(data)); err != nil {
		return err
	}
	if _, err := p.place.WriteAt(data, p.span(unit).Start); err != nil {
		return sinkError(err)
	}
	if err := p.side.mark(unit); err != nil {
		return sinkError(err)
	}
	p.mu.Lock()
	p.haveLocked(unit)
	p.mu.Unlock()
	return nil
}

// hasAll tells whether nothing of s is missing.
func (p *Part) hasAll(s Span) bool {
	wanted := p.place.Wanted()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range wanted {
		for at := max(w.Start, s.Start); at < min(w.End, s.End); {
			unit := at / sha3tree.UnitSize
			if !p.there[unit] {
				return false
			}
			at = p.span(unit).End
		}
	}
	return true
}
