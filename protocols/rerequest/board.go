package rerequest

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// unit is the grain of all ranges: what is verified at once.
const unit int64 = sha3tree.UnitSize

// maxPieces bounds what one source is asked for at a time: what it brings, and
// what it is to bring next.
const maxPieces = 2

// board is who brings which bytes of one file. It is pure: it knows no clock, no
// stream and no disk, and is told what happens and when. Whatever is missing is
// either free or part of a piece; a byte is part of two only where the one is a
// copy of the other.
type board struct {
	size    int64
	free    []span // missing, and asked of nobody; sorted, and apart from each other
	sources []*source
}

// source is one connection to a device that has the file.
type source struct {
	device peer.ID
	conn   network.Conn  // nil: not known, any
	rtt    time.Duration // 0: not known
	pieces []*piece      // in the order in which they were asked for
	meter  meter
	idle   bool // it is asked for nothing more: it does not help

	appearances uint64 // of the device, when it became a source
}

// piece is a range of the file that a source was asked for.
type piece struct {
	source *source
	asked  span      // what it was asked for
	span   span      // what of it is wanted still: the end moves as others take from it
	pos    int64     // the next byte to come
	copyOf *piece    // whose bytes these are, which go on coming from there
	since  time.Time // it last moved, or was asked for
	flows  bool      // the source has offered it
}

// newBoard makes the board of a file of which so much is missing.
func newBoard(size int64, missing []span) *board {
	return &board{size: size, free: slices.Clone(missing)}
}

func (b *board) add(s *source) { b.sources = append(b.sources, s) }

// drop forgets a source; what it was to bring is free.
func (b *board) drop(s *source) {
	for len(s.pieces) > 0 {
		b.release(s.pieces[0])
	}
	b.sources = slices.DeleteFunc(b.sources, func(other *source) bool { return other == s })
}

func newPiece(s *source, asked span, now time.Time) *piece {
	return &piece{source: s, asked: asked, span: asked, pos: asked.Start, since: now}
}

// take gives a source what was chosen for it.
func (b *board) take(me *source, c choice, now time.Time) *piece {
	p := newPiece(me, c.span, now)
	switch {
	case c.copied:
		p.copyOf = c.from
	case c.from != nil:
		c.from.span.End = c.Start
	default:
		b.free = without(b.free, c.span)
	}
	me.pieces = append(me.pieces, p)
	return p
}

// claim gives a source a range that it offers by itself: what is free of it at
// one stretch. Others keep what they were asked for.
func (b *board) claim(me *source, offered span, now time.Time) *piece {
	p := newPiece(me, offered, now)
	p.span.End = p.span.Start
	for _, f := range b.free {
		if f.End > offered.Start && f.Start < offered.End {
			p.span = span{max(f.Start, offered.Start), min(f.End, offered.End)}
			break
		}
	}
	b.free = without(b.free, p.span)
	me.pieces = append(me.pieces, p)
	b.offered(p, now)
	return p
}

// offered notes that a source offers what it was asked for.
func (b *board) offered(p *piece, now time.Time) {
	if !p.source.flows() {
		p.source.meter.begin(now)
	}
	p.flows, p.since = true, now
}

// delivered notes that the next bytes of a piece are there and verified, up to
// end. It tells whether the rest of the range is not wanted.
func (b *board) delivered(p *piece, end int64, now time.Time) (enough bool) {
	came := span{p.pos, end}
	p.source.meter.add(end-p.pos, now)
	p.pos, p.since = end, now
	b.free = without(b.free, came)
	for _, other := range b.pieces() {
		other.lose(came)
	}
	return p.isDone()
}

// lose takes what is there from either end of what is wanted of a piece.
func (p *piece) lose(there span) {
	if there.Start <= p.span.Start && there.End > p.span.Start {
		p.span.Start = min(there.End, p.span.End)
	}
	if there.Start < p.span.End && there.End >= p.span.End {
		p.span.End = max(there.Start, p.span.Start)
	}
}

func (p *piece) isDone() bool { return p.span.Start >= p.span.End }

// release takes a piece from its source. What it did not bring, and no other is
// to bring, is free.
func (b *board) release(p *piece) {
	p.source.pieces = slices.DeleteFunc(p.source.pieces, func(other *piece) bool { return other == p })
	var rest []span
	if p.copyOf == nil && !p.isDone() {
		rest = []span{p.span}
	}
	for _, other := range b.pieces() {
		if other.copyOf == p {
			other.copyOf = b.owner(other)
		}
		if other.copyOf == nil {
			rest = without(rest, other.span)
		}
	}
	for _, r := range rest {
		b.free = including(b.free, r)
	}
	p.span.End = p.span.Start
}

// owner is who is to bring bytes of a copy first; nil: it is.
func (b *board) owner(p *piece) *piece {
	for _, other := range b.pieces() {
		if other != p && other.copyOf == nil && other.span.Start < p.span.End && p.span.Start < other.span.End {
			return other
		}
	}
	return nil
}

// pieces gives those of all sources.
func (b *board) pieces() (all []*piece) {
	for _, s := range b.sources {
		all = append(all, s.pieces...)
	}
	return all
}

// next is the first byte that is free, or the end of the file.
func (b *board) next() int64 {
	if len(b.free) == 0 {
		return b.size
	}
	return b.free[0].Start
}

// isWhole tells whether nothing is missing.
func (b *board) isWhole() bool { return b.missing() == 0 }

// missing is how many bytes are not there yet.
func (b *board) missing() (n int64) {
	for _, f := range b.free {
		n += f.End - f.Start
	}
	for _, s := range b.sources {
		n += s.left()
	}
	return n
}

// left is how many bytes a source is still to bring, copies left out.
func (s *source) left() (n int64) {
	for _, p := range s.pieces {
		if p.copyOf == nil && !p.isDone() {
			n += p.span.End - p.span.Start
		}
	}
	return n
}

// without gives spans less one.
func without(all []span, less span) (rest []span) {
	for _, s := range all {
		if s.End <= less.Start || s.Start >= less.End {
			rest = append(rest, s)
			continue
		}
		if s.Start < less.Start {
			rest = append(rest, span{s.Start, less.Start})
		}
		if s.End > less.End {
			rest = append(rest, span{less.End, s.End})
		}
	}
	return rest
}

// including gives spans and one more, which touches none of their bytes.
func including(all []span, more span) []span {
	if more.Start >= more.End {
		return all
	}
	i, _ := slices.BinarySearchFunc(all, more.Start, func(s span, start int64) int { return cmp.Compare(s.Start, start) })
	all = slices.Insert(slices.Clone(all), i, more)
	if i+1 < len(all) && all[i+1].Start == more.End {
		all[i].End = all[i+1].End
		all = slices.Delete(all, i+1, i+2)
	}
	if i > 0 && all[i-1].End == more.Start {
		all[i-1].End = all[i].End
		all = slices.Delete(all, i, i+1)
	}
	return all
}

// span is the bytes of a file from Start to the one before End.
type span filexfer.Span

// spansOf converts what a part says.
func spansOf(all []filexfer.Span) (spans []span) {
	for _, s := range all {
		spans = append(spans, span(s))
	}
	return spans
}

// want corrects what is free by what is missing: a place may come to want more.
func (b *board) want(missing []span) {
	b.free = missing
	for _, p := range b.pieces() {
		if p.copyOf == nil {
			b.free = without(b.free, p.span)
		}
	}
}

// extend lets a piece go on with what is free just after its end, if the source
// was asked for that too: others were to bring it, and did not.
func (b *board) extend(p *piece) {
	for _, f := range b.free {
		if p.isDone() && p.pos <= f.Start && f.Start <= p.pos+leastPiece && f.Start < p.asked.End {
			p.span = span{f.Start, min(f.End, p.asked.End)}
			b.free = without(b.free, p.span)
			p.copyOf = nil
			return
		}
	}
}

// flows tells whether a source brings something now.
func (s *source) flows() bool {
	return slices.ContainsFunc(s.pieces, func(p *piece) bool { return p.flows })
}
