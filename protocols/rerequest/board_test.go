package rerequest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// epoch is when the tables of the pure parts begin.
var epoch = time.Unix(1_000_000, 0)

func mib(n int64) int64 { return n * unit }

// sourceOf makes a source of a rate in units a second.
func sourceOf(rate float64, rtt time.Duration) *source {
	s := &source{rtt: rtt}
	if rate > 0 {
		s.meter.before = rate * float64(unit)
	}
	return s
}

func TestSpans(t *testing.T) {
	all := []span{{0, 10}, {20, 30}}
	for _, tt := range []struct {
		what string
		got  []span
		want []span
	}{
		{"without the middle", without(all, span{5, 25}), []span{{0, 5}, {25, 30}}},
		{"without the inside", without(all, span{2, 8}), []span{{0, 2}, {8, 10}, {20, 30}}},
		{"without nothing", without(all, span{10, 20}), all},
		{"without all", without(all, span{0, 30}), nil},
		{"joined", including(all, span{10, 20}), []span{{0, 30}}},
		{"joined on the left", including(all, span{10, 12}), []span{{0, 12}, {20, 30}}},
		{"joined on the right", including(all, span{18, 20}), []span{{0, 10}, {18, 30}}},
		{"apart", including(all, span{40, 50}), []span{{0, 10}, {20, 30}, {40, 50}}},
		{"first", including([]span{{20, 30}}, span{0, 5}), []span{{0, 5}, {20, 30}}},
		{"empty", including(all, span{15, 15}), all},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, tt.got, tt.want)
		}
	}
}

// What a source is asked for next. The others have what they were asked for, in
// units, and flow.
func TestPick(t *testing.T) {
	type other struct {
		rate     float64
		from, to int64
		waited   time.Duration // since its last unit
		isAsked  bool          // and does not flow
	}
	const size = 1000
	for _, tt := range []struct {
		name   string
		free   []span // in units
		mine   float64
		rtt    time.Duration
		others []other
		want   span // in units; none: nothing
		copied bool
	}{
		{"alone: all at one stretch", []span{{0, 1000}}, 0, 0, nil, span{0, 1000}, false},
		{"alone: what is free first", []span{{3, 5}, {9, 1000}}, 10, 0, nil, span{3, 5}, false},
		{"nothing is missing", nil, 10, 0, nil, span{}, false},
		{"half of the share", []span{{200, 1000}}, 10, 0, []other{{10, 0, 200, 0, false}}, span{200, 450}, false},
		{"faster: more", []span{{200, 1000}}, 30, 0, []other{{10, 0, 200, 0, false}}, span{200, 575}, false},
		{"slower: less", []span{{200, 1000}}, 10, 0, []other{{30, 0, 200, 0, false}}, span{200, 325}, false},
		{"not known: as the others", []span{{200, 1000}}, 0, 0, []other{{30, 0, 200, 0, false}}, span{200, 450}, false},
		{"from the end of another", nil, 10, 0, []other{{10, 0, 400, 0, false}}, span{300, 400}, false},
		{"from the one that is ready last", nil, 10, 0, []other{{10, 0, 100, 0, false}, {1, 500, 600, 0, false}}, span{552, 600}, false},
		{"of one that was asked only", nil, 10, 0, []other{{10, 0, 4, 0, true}}, span{3, 4}, false},
		{"not the unit that is coming", nil, 10, 0, []other{{10, 0, 1, 0, false}}, span{}, false},
		{"a long path gains nothing", nil, 10, time.Second, []other{{10, 0, 20, 0, false}}, span{}, false},
		{"a copy of what hangs", nil, 10, 0, []other{{10, 0, 1, 2 * time.Second, false}}, span{0, 1}, true},
		{"all but one of what hangs", nil, 10, 0, []other{{10, 0, 5, 9 * time.Second, false}}, span{1, 5}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var free []span
			for _, f := range tt.free {
				free = append(free, span{mib(f.Start), mib(f.End)})
			}
			b := newBoard(mib(size), free)
			me := sourceOf(tt.mine, tt.rtt)
			b.add(me)
			for _, o := range tt.others {
				s := sourceOf(o.rate, tt.rtt)
				b.add(s)
				theirs := span{mib(o.from), mib(o.to)}
				b.free = including(b.free, theirs)
				p := b.claim(s, theirs, epoch.Add(-o.waited))
				p.flows = !o.isAsked
			}
			c, ok := b.pick(me, epoch)
			want := span{mib(tt.want.Start), mib(tt.want.End)}
			if ok != (want != span{}) || c.span != want || c.copied != tt.copied {
				t.Errorf("%v to %v (copied %v), %v", float64(c.Start)/float64(unit), float64(c.End)/float64(unit), c.copied, ok)
			}
		})
	}
}

// Whatever happens, each byte that is missing is free or somebody's, and of two
// only where one copies the other; in the end the file is whole.
func TestBoardKeepsCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.Int64Range(1, 60).Draw(t, "units")
		size := mib(units) - rapid.Int64Range(0, unit-1).Draw(t, "short")
		b := newBoard(size, []span{{0, size}})
		there := make([]bool, units)
		now := epoch
		for range rapid.IntRange(1, 4).Draw(t, "sources") {
			b.add(sourceOf(rapid.Float64Range(0, 50).Draw(t, "rate"), time.Duration(rapid.IntRange(0, 200).Draw(t, "rtt"))*time.Millisecond))
		}
		for !b.isWhole() {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "wait")) * time.Millisecond)
			if len(b.sources) == 0 {
				b.add(sourceOf(0, 0))
			}
			b.deal(now)
			step(t, b, there, now)
			check(t, b, there)
		}
	})
}

// step lets one of the things happen that may.
func step(t *rapid.T, b *board, there []bool, now time.Time) {
	pieces := b.pieces()
	if len(pieces) == 0 {
		return
	}
	p := rapid.SampledFrom(pieces).Draw(t, "piece")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		b.release(p)
	case 1:
		b.drop(p.source)
	default:
		if !p.flows {
			b.offered(p, now)
		}
		if p.isDone() {
			b.release(p)
			return
		}
		end := min(p.pos+unit, b.size)
		there[p.pos/unit] = true
		if b.delivered(p, end, now) {
			b.release(p)
		}
	}
}

func check(t *rapid.T, b *board, there []bool) {
	for i := range there {
		at := int64(i) * unit
		free, own, copies := 0, 0, 0
		for _, f := range b.free {
			if f.Start <= at && at < f.End {
				free++
			}
		}
		for _, p := range b.pieces() {
			switch {
			case p.span.Start > at || at >= p.span.End:
			case p.copyOf != nil:
				copies++
			default:
				own++
			}
		}
		isMissing := free+own > 0
		if isMissing == there[i] || free+own > 1 || copies > 0 && there[i] || copies >= maxCopies {
			t.Fatalf("unit %d, there %v: free %d, somebody's %d, copies %d", i, there[i], free, own, copies)
		}
	}
}

func TestMeter(t *testing.T) {
	var m meter
	if m.rate() != 0 {
		t.Error("a rate of nothing")
	}
	now := epoch
	m.begin(now)
	for range 100 {
		now = now.Add(10 * time.Millisecond)
		m.add(1000, now)
	}
	if r := m.rate(); r < 99_000 || r > 101_000 {
		t.Errorf("%v bytes a second, not 100000", r)
	}
	for range 100 {
		now = now.Add(time.Second)
		m.add(1000, now)
	}
	if r := m.rate(); r < 999 || r > 1001 {
		t.Errorf("%v bytes a second, not 1000", r)
	}
	m.begin(now.Add(time.Hour))
	if r := m.rate(); r < 999 || r > 1001 {
		t.Errorf("after a pause %v bytes a second, not 1000", r)
	}
	if len(m.seen) > meterSlots {
		t.Errorf("it remembers %d moments", len(m.seen))
	}
}

// The rule for connections, a moment a line.
func TestLinkRule(t *testing.T) {
	type moment struct {
		after   time.Duration
		total   int64 // units
		missing int64 // units
		want    linkOrder
	}
	const long = 100 * time.Millisecond
	for _, tt := range []struct {
		name    string
		rtt     time.Duration
		moments []moment
	}{
		{"a short path", time.Millisecond, []moment{{0, 0, 1000, linkNothing}, {time.Hour, 100, 1000, linkNothing}}},
		{"not known", 0, []moment{{0, 0, 1000, linkNothing}}},
		{"a small file", long, []moment{{0, 0, 16, linkNothing}}},
		{"the second at once", long, []moment{{0, 0, 1000, linkOpen}, {0, 0, 1000, linkNothing}}},
		{"while it grows, up to four", long, []moment{
			{0, 0, 1000, linkOpen}, {time.Second, 20, 1000, linkNothing},
			{time.Second, 50, 1000, linkOpen}, {time.Second, 100, 1000, linkOpen}, {time.Second, 200, 1000, linkNothing}, {time.Hour, 900, 1000, linkNothing},
		}},
		{"what does not help rests", long, []moment{
			{0, 0, 1000, linkOpen}, {time.Second, 20, 1000, linkNothing},
			{time.Second, 50, 1000, linkOpen}, {time.Second, 81, 1000, linkRest}, {time.Hour, 900, 1000, linkNothing},
		}},
		{"not after an instant", long, []moment{{0, 0, 1000, linkOpen}, {399 * time.Millisecond, 100, 1000, linkNothing}, {time.Millisecond, 100, 1000, linkNothing}, {399 * time.Millisecond, 900, 1000, linkNothing}}},
		{"not after a few units", long, []moment{{0, 0, 1000, linkOpen}, {time.Hour, 15, 1000, linkNothing}, {time.Second, 100, 1000, linkNothing}, {time.Second, 130, 1000, linkOpen}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l linkRule
			now := epoch
			for i, m := range tt.moments {
				now = now.Add(m.after)
				got := l.look(now, tt.rtt, mib(m.total), mib(m.missing))
				if got != m.want {
					t.Fatalf("moment %d: %v, want %v", i, got, m.want)
				}
				if got == linkOpen {
					l.opened(now, mib(m.total))
				}
			}
		})
	}
}
