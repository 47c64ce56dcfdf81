package rerequest

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// choice is what a source is to be asked for next.
type choice struct {
	span
	from   *piece // who was to bring it; nil: nobody
	copied bool   // from goes on: who is first is taken
}

const (
	// leastPiece is the least that a source is asked for while there is enough for
	// all: below it asking would cost more than what it evens out.
	leastPiece = 4 * unit
	// leastTime is how long a source should have to do with a piece, for the same
	// reason.
	leastTime = 500 * time.Millisecond
	// margin is added to two round trips for the work between them.
	margin = 50 * time.Millisecond
	// maxCopies bounds how many bring the same bytes: each waits twice as long as
	// it would take itself, so that more than two are rare.
	maxCopies = maxSources
)

// pick chooses what a source is to be asked for next; false: nothing now.
//
// A source that is alone gets all that is free at one stretch. Several get
// pieces of what is free: each half of its share of all that is missing, by the
// rates that were measured. So pieces are larger for fast sources, and shrink
// towards the end. When nothing is free, a source takes from the end of what the
// latest one was asked for, as much as lets both be ready at once. What cannot be
// shared any more is brought twice when that is quicker by half.
func (b *board) pick(me *source, now time.Time) (choice, bool) {
	switch {
	case me.idle || len(me.pieces) >= maxPieces || b.missing() == 0:
		return choice{}, false
	case len(b.free) > 0:
		return b.pickFree(me, now)
	}
	for _, victim := range b.latest(me, now) {
		if c, ok := b.rob(me, victim, now); ok {
			return c, true
		}
	}
	return b.duplicate(me, now)
}

// pickFree takes from the beginning of what is free.
func (b *board) pickFree(me *source, now time.Time) (choice, bool) {
	first := b.free[0]
	if b.isAlone(me) {
		return choice{span: first}, true
	}
	n := b.stint(me, now)
	if n <= 0 && len(me.pieces) > 0 {
		return choice{}, false
	}
	n = min(max(unit, n), first.End-first.Start)
	return choice{span: span{first.Start, min(first.End, first.Start+n)}}, true
}

// rob takes from the end of what another was asked for.
func (b *board) rob(me, other *source, now time.Time) (choice, bool) {
	mine, theirs := b.speed(me, now), b.speed(other, now)
	ahead := float64(other.left())/theirs - float64(me.left())/mine - me.lead().Seconds()
	n := min(b.stint(me, now), whole(math.Floor(ahead/(1/mine+1/theirs)/float64(unit))*float64(unit)))
	for i := len(other.pieces) - 1; i >= 0; i-- {
		p := other.pieces[i]
		start := max(p.span.End-n, p.untouched())
		start += (unit - start%unit) % unit
		if n > 0 && start < p.span.End && p.copyOf == nil {
			return choice{span: span{start, p.span.End}, from: p}, true
		}
	}
	return choice{}, false
}

// untouched is the first byte that can be taken from a piece: the unit that is
// coming is left to it.
func (p *piece) untouched() int64 {
	if !p.flows {
		return p.span.Start
	}
	return max(p.span.Start, min(p.pos-p.pos%unit+unit, p.span.End))
}

// duplicate has the last bytes of the latest piece brought by another too, if
// that promises to be quicker by half.
func (b *board) duplicate(me *source, now time.Time) (choice, bool) {
	if len(me.pieces) > 0 {
		return choice{}, false
	}
	var worst *piece
	for _, p := range b.pieces() {
		if !p.isDone() && p.copyOf == nil && b.copies(p) < maxCopies && (worst == nil || b.ready(p, now) > b.ready(worst, now)) {
			worst = p
		}
	}
	if worst == nil {
		return choice{}, false
	}
	start := max(worst.span.Start, worst.span.End-unit)
	start -= start % unit
	soon := me.lead().Seconds() + float64(worst.span.End-start)/b.speed(me, now)
	if 2*soon > b.ready(worst, now) {
		return choice{}, false
	}
	return choice{span: span{start, worst.span.End}, from: worst, copied: true}, true
}

// copies is by how many a piece is brought.
func (b *board) copies(p *piece) (n int) {
	for _, other := range b.pieces() {
		if other == p || other.copyOf == p {
			n++
		}
	}
	return n
}

// ready is in how many seconds the end of a piece will be there, by its source
// or by the first of its copies.
func (b *board) ready(p *piece, now time.Time) float64 {
	soonest := math.Inf(1)
	for _, q := range b.pieces() {
		if q == p || q.copyOf == p {
			soonest = min(soonest, float64(q.span.End-q.span.Start)/b.speed(q.source, now))
		}
	}
	return soonest
}

// latest gives the others, those first that will be ready last.
func (b *board) latest(me *source, now time.Time) (others []*source) {
	for _, s := range b.sources {
		if s != me && s.left() > 0 {
			others = append(others, s)
		}
	}
	slices.SortStableFunc(others, func(x, y *source) int {
		return cmp.Compare(float64(y.left())/b.speed(y, now), float64(x.left())/b.speed(x, now))
	})
	return others
}

// stint is how many bytes a source should be asked for: half of its share of
// what is missing, or all of it when the half would be too little. It is a
// number of units, and may be negative.
func (b *board) stint(me *source, now time.Time) int64 {
	mine := b.speed(me, now)
	all := mine
	for _, s := range b.sources {
		if s != me && !s.idle && len(s.pieces) > 0 {
			all += b.speed(s, now)
		}
	}
	share := float64(b.missing())*mine/all - float64(me.left())
	least := max(float64(leastPiece), mine*max(leastTime, 2*me.lead()).Seconds())
	return whole(max(share/2, min(share, least)))
}

// whole rounds up to units.
func whole(bytes float64) int64 {
	return int64(math.Ceil(bytes/float64(unit))) * unit
}

// isAlone tells whether nobody else brings anything.
func (b *board) isAlone(me *source) bool {
	for _, s := range b.sources {
		if s != me && len(s.pieces) > 0 {
			return false
		}
	}
	return true
}

// speed is how many bytes a second a source brings, as far as is known: what was
// measured, the mean of the others before that, and less and less while nothing
// comes that should.
func (b *board) speed(s *source, now time.Time) float64 {
	speed := s.meter.rate()
	if speed == 0 {
		speed = b.usual()
	}
	if waited := s.waited(now); waited > 0 {
		speed = min(speed, float64(unit)/waited.Seconds())
	}
	return max(speed, slowest)
}

// usual is the mean of the rates that are known.
func (b *board) usual() float64 {
	var sum float64
	var n int
	for _, s := range b.sources {
		if rate := s.meter.rate(); rate > 0 {
			sum += rate
			n++
		}
	}
	if n == 0 {
		return float64(unit) // nobody knows: all are the same
	}
	return sum / float64(n)
}

// waited is for how long a source has brought nothing, though it was to.
func (s *source) waited(now time.Time) time.Duration {
	var flowing, asked time.Time // when something last happened
	for _, p := range s.pieces {
		if p.flows && p.since.After(flowing) {
			flowing = p.since
		}
		if until := p.since.Add(s.lead()); !p.flows && until.After(asked) {
			asked = until
		}
	}
	switch {
	case !flowing.IsZero():
		return max(0, now.Sub(flowing))
	case !asked.IsZero():
		return max(0, now.Sub(asked))
	default:
		return 0
	}
}

// lead is how long before its end a source must be asked for more, so that its
// path stays full: a request, an offer, GO and the first byte are two round
// trips.
func (s *source) lead() time.Duration { return 2*s.rtt + s.rtt/2 + margin }

// due tells whether a source is to be asked for more now, and if not, after
// which time to look again.
func (b *board) due(s *source, now time.Time) (wait time.Duration) {
	var left float64
	for _, p := range s.pieces {
		left += float64(p.span.End - p.span.Start)
	}
	if left <= 0 {
		return 0
	}
	seconds := left/b.speed(s, now) - s.waited(now).Seconds() - s.lead().Seconds()
	return time.Duration(max(0, min(seconds, maxLook.Seconds())) * float64(time.Second))
}

// leastLook and maxLook bound the time until all is looked at anew.
const (
	leastLook = 5 * time.Millisecond
	maxLook   = time.Second
)

// order is one thing to be done: ask the source of the piece for it.
type order = *piece

// deal has every source that is due asked for more, and says after which time to
// look again.
func (b *board) deal(now time.Time) (orders []order, look time.Duration) {
	look = maxLook
	for _, s := range b.sources {
		wait := b.due(s, now)
		if wait > 0 {
			look = min(look, max(wait, leastLook))
			continue
		}
		if c, ok := b.pick(s, now); ok {
			orders = append(orders, b.take(s, c, now))
		}
	}
	return orders, look
}

const (
	// stallAmongOthers is for how long a source may bring no unit while others do;
	// ten times as long as theirs takes, if that is more.
	stallAmongOthers = 10 * time.Second
	// stallAlone is for how long one may that nobody else can replace: a unit in
	// this time is 3.5 KB/s.
	stallAlone = 5 * time.Minute
)

// isStalled tells whether a source is to be given up.
func (b *board) isStalled(s *source, now time.Time) bool {
	limit := stallAlone
	for _, other := range b.sources {
		if rate := other.meter.rate(); other != s && rate > 0 && other.waited(now) < stallAmongOthers {
			limit = max(stallAmongOthers, time.Duration(10*float64(unit)/rate*float64(time.Second)))
			break
		}
	}
	return s.waited(now) > limit
}
