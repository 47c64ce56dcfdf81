package yamux

import "sync"

const (
	segmentSize = 64 << 10
	// smallSegment is enough for what most streams ever have unread.
	smallSegment = 4 << 10
)

// segment is pooled memory with bytes that nobody has read yet: buf[r:w].
type segment struct {
	buf  []byte
	r, w int
}

var (
	segments      = sync.Pool{New: func() any { return &segment{buf: make([]byte, segmentSize)} }}
	smallSegments = sync.Pool{New: func() any { return &segment{buf: make([]byte, smallSegment)} }}
)

func newSegment(want int) *segment {
	if want <= smallSegment {
		return smallSegments.Get().(*segment)
	}
	return segments.Get().(*segment)
}

func (g *segment) free() {
	g.r, g.w = 0, 0
	if len(g.buf) == smallSegment {
		smallSegments.Put(g)
		return
	}
	segments.Put(g)
}

// inbox is what a stream has received and nobody has read. It holds no memory
// while it is empty. The stream's lock guards it, except that the bytes lent by
// room belong to who borrowed them until commit.
type inbox struct {
	segs []*segment
	size int
	lent bool // the end of the last segment is being filled
}

// room lends memory for up to want bytes more. It must be followed by commit.
func (b *inbox) room(want int) []byte {
	if len(b.segs) == 0 || b.last().w == len(b.last().buf) {
		b.segs = append(b.segs, newSegment(want))
	}
	b.lent = true
	free := b.last().buf[b.last().w:]
	return free[:min(want, len(free))]
}

func (b *inbox) last() *segment { return b.segs[len(b.segs)-1] }

// commit takes back what room lent, with n bytes in it. What was dropped
// meanwhile stays away.
func (b *inbox) commit(n int) {
	if !b.lent {
		return
	}
	b.lent = false
	b.last().w += n
	b.size += n
	b.trim()
}

// take moves bytes to p and tells how many.
func (b *inbox) take(p []byte) (n int) {
	for n < len(p) && b.size > 0 {
		g := b.segs[0]
		k := copy(p[n:], g.buf[g.r:g.w])
		g.r += k
		n += k
		b.size -= k
		b.trim()
	}
	return n
}

// trim frees the first segment if it has been read, and is not being filled.
func (b *inbox) trim() {
	g := b.segs[0]
	if g.r < g.w || b.lent && len(b.segs) == 1 {
		return
	}
	g.free()
	b.segs[0] = nil
	b.segs = b.segs[1:]
	if len(b.segs) == 0 {
		b.segs = nil
	}
}

// drop forgets all. A segment that is being filled is left to its borrower.
func (b *inbox) drop() {
	for i, g := range b.segs {
		if !b.lent || i < len(b.segs)-1 {
			g.free()
		}
	}
	*b = inbox{}
}
