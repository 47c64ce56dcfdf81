package rerequest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// simSource is a source of a simulation: it brings what the board deals it, one
// unit after the other.
type simSource struct {
	*source
	name    string
	rate    float64       // units a second
	dies    time.Duration // after this time it is gone; 0: never
	joins   time.Duration // when it is there
	lies    int           // its so many-th unit is wrong; 0: none
	mute    bool          // it never brings a unit
	brought int
}

// sim is a file that is filled from several sources, on a clock of its own.
type sim struct {
	mu      sync.Mutex
	board   *board
	sources []*simSource
	began   time.Time
	twice   int           // units that came twice
	early   time.Duration // when the first of these did
	there   map[int64]bool
	asked   map[*source]int
	wake    chan struct{}
	lines   map[*source]chan *piece
	running sync.WaitGroup
}

// fills simulates and gives how long it took until the file was whole.
func fills(t *testing.T, units int64, sources ...*simSource) (*sim, time.Duration) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // see bubble
	s := &sim{
		board: newBoard(mib(units), []span{{0, mib(units)}}), sources: sources, there: make(map[int64]bool),
		asked: make(map[*source]int), lines: make(map[*source]chan *piece),
	}
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		s.began, s.wake = time.Now(), make(chan struct{}, 1)
		took = s.run(t)
	})
	return s, took
}

func (s *sim) run(t testing.TB) time.Duration {
	for _, src := range s.sources {
		s.running.Go(func() { s.line(src) })
	}
	var took time.Duration
	for {
		s.mu.Lock()
		now := time.Now()
		for _, src := range slices.Clone(s.board.sources) {
			if s.board.isStalled(src, now) {
				s.board.drop(src)
			}
		}
		whole := s.board.isWhole()
		orders, look := s.board.deal(now)
		for _, p := range orders {
			s.asked[p.source]++
			s.lines[p.source] <- p
		}
		s.mu.Unlock()
		if whole {
			took = time.Since(s.began)
			break
		}
		if time.Since(s.began) > 24*time.Hour {
			t.Error("the file never comes")
			break
		}
		select {
		case <-s.wake:
		case <-time.After(look):
		}
	}
	s.mu.Lock()
	for _, line := range s.lines {
		close(line)
	}
	s.lines = nil
	s.mu.Unlock()
	s.running.Wait()
	return took
}

func (s *sim) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// line is the path of one source: what was asked for comes in its order.
func (s *sim) line(src *simSource) {
	<-time.After(src.joins)
	line := make(chan *piece, 100)
	s.mu.Lock()
	if s.lines == nil {
		s.mu.Unlock()
		return
	}
	s.lines[src.source] = line
	s.board.add(src.source)
	s.mu.Unlock()
	s.poke()
	var free time.Time // when the path has nothing more to bring
	for p := range line {
		first := p.since.Add(2 * src.rtt)
		if free.Before(first) {
			<-time.After(time.Until(first))
		}
		if !s.bring(src, p) {
			break
		}
		free = time.Now()
	}
	for range line { // gone
	}
}

// bring brings one piece; false when the source is gone.
func (s *sim) bring(src *simSource, p *piece) bool {
	s.mu.Lock()
	s.board.offered(p, time.Now())
	s.mu.Unlock()
	each := time.Duration(float64(time.Second) / src.rate)
	if src.mute {
		each = 48 * time.Hour
	}
	for p.pos < p.asked.End {
		<-time.After(each)
		switch s.unit(src, p) {
		case simGone:
			return false
		case simEnough:
			<-time.After(src.rtt) // what is under way still comes, for nothing
			return true
		}
	}
	return true
}

type simOutcome int

const (
	simMore simOutcome = iota
	simEnough
	simGone
)

// unit is the arrival of one.
func (s *sim) unit(src *simSource, p *piece) simOutcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.poke()
	src.brought++
	isDead := src.dies > 0 && time.Since(s.began) >= src.dies
	switch {
	case s.lines == nil || !slices.Contains(s.board.sources, src.source):
		return simGone
	case isDead || src.brought == src.lies:
		s.board.drop(src.source)
		return simGone
	}
	if s.there[p.pos/unit] {
		s.twice++
		if s.early == 0 {
			s.early = time.Since(s.began)
		}
	}
	s.there[p.pos/unit] = true
	if s.board.delivered(p, min(p.pos+unit, p.asked.End), time.Now()) {
		s.board.release(p)
		return simEnough
	}
	return simMore
}

func src(name string, rate float64, rtt time.Duration) *simSource {
	return &simSource{source: &source{rtt: rtt}, name: name, rate: rate}
}

// ideal is how long the file takes if nothing is lost.
func ideal(units int64, sources ...*simSource) time.Duration {
	var all float64
	for _, s := range sources {
		if s.dies == 0 && s.lies == 0 && !s.mute {
			all += s.rate
		}
	}
	return time.Duration(float64(units) / all * float64(time.Second))
}

// The time is near the ideal one, whoever the sources are.
func TestManySources(t *testing.T) {
	const ms = time.Millisecond
	long := func(s *simSource, change func(*simSource)) *simSource { change(s); return s }
	for _, tt := range []struct {
		name    string
		units   int64
		sources []*simSource
		within  float64       // of the ideal time
		more    time.Duration // and this
		maxAsks int           // of each
	}{
		{"one", 300, []*simSource{src("a", 12, 0)}, 1, ms, 1},
		{"one on a long path", 300, []*simSource{src("a", 12, 100*ms)}, 1, 250 * ms, 1},
		{"three equal", 300, []*simSource{src("a", 12, 0), src("b", 12, 0), src("c", 12, 0)}, 1.03, 200 * ms, 12},
		{"three equal, long paths", 300, []*simSource{src("a", 12, 100*ms), src("b", 12, 100*ms), src("c", 12, 100*ms)}, 1.04, 600 * ms, 12},
		{"ten to one", 300, []*simSource{src("slow", 1, 0), src("fast", 10, 0)}, 1.02, 1500 * ms, 16},
		{"a hundred to one", 300, []*simSource{src("slow", 0.1, 0), src("fast", 10, 0)}, 1.02, 1500 * ms, 16},
		{"many of all kinds", 2000, []*simSource{
			src("a", 1, 200*ms), src("b", 3, 10*ms), src("c", 10, 50*ms), src("d", 30, 0), src("e", 100, 20*ms), src("f", 0.5, 300*ms),
		}, 1.03, 700 * ms, 20},
		{"one never brings a unit", 300, []*simSource{src("a", 10, 0), long(src("mute", 1, 0), func(s *simSource) { s.mute = true })}, 1.05, 1500 * ms, 16},
		{"two never bring a unit", 300, []*simSource{
			src("a", 10, 0), long(src("mute", 1, 0), func(s *simSource) { s.mute = true }), long(src("mute too", 1, 0), func(s *simSource) { s.mute = true }),
		}, 1.05, 1500 * ms, 16},
		{"one lies", 300, []*simSource{src("a", 10, 0), long(src("liar", 10, 0), func(s *simSource) { s.lies = 1 })}, 1.03, 500 * ms, 12},
		{"one dies", 300, []*simSource{src("a", 10, 0), long(src("mortal", 10, 0), func(s *simSource) { s.dies = 5 * time.Second })}, 1.03, 500 * ms, 12},
		{"one joins in the middle", 300, []*simSource{src("a", 10, 0), long(src("late", 10, 0), func(s *simSource) { s.joins = 10 * time.Second })}, 1.36, 500 * ms, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, took := fills(t, tt.units, tt.sources...)
			best := ideal(tt.units, tt.sources...)
			if bound := time.Duration(tt.within*float64(best)) + tt.more; took > bound {
				t.Errorf("%v, ideal %v, bound %v", took, best, bound)
			}
			if s.twice > 2*len(tt.sources) || s.early > 0 && took-s.early > time.Second {
				t.Errorf("%d units came twice, the first %v before the end", s.twice, took-s.early)
			}
			for _, src := range s.board.sources {
				if s.asked[src] > tt.maxAsks {
					t.Errorf("asked %d times", s.asked[src])
				}
			}
			t.Logf("%v of %v, %d twice, asked %v", took, best, s.twice, s.asked)
		})
	}
}

// Three sources are nearly three times as fast as one.
func TestThreeTimesAsFast(t *testing.T) {
	_, one := fills(t, 256, src("a", 12, 10*time.Millisecond))
	_, three := fills(t, 256, src("a", 12, 10*time.Millisecond), src("b", 12, 10*time.Millisecond), src("c", 12, 10*time.Millisecond))
	if ratio := float64(one) / float64(three); ratio < 2.7 {
		t.Errorf("%.2f times as fast", ratio)
	}
}

// Whoever the sources are, as long as one is honest: the time is within a bound
// of the ideal one.
func TestAnySources(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		units := rapid.Int64Range(1, 400).Draw(r, "units")
		seed := rapid.Uint64().Draw(r, "seed")
		rng := rand.New(rand.NewPCG(seed, 0))
		sources := []*simSource{src("honest", 1+math.Exp(rng.Float64()*4), time.Duration(rng.IntN(200))*time.Millisecond)}
		for i := range rng.IntN(5) {
			s := src(fmt.Sprint(i), math.Exp(rng.Float64()*6-2), time.Duration(rng.IntN(200))*time.Millisecond)
			switch rng.IntN(5) {
			case 0:
				s.mute = true
			case 1:
				s.lies = 1 + rng.IntN(20)
			case 2:
				s.dies = time.Duration(1 + rng.IntN(10)*int(time.Second))
			case 3:
				s.joins = time.Duration(rng.IntN(10)) * time.Second
			}
			sources = append(sources, s)
		}
		_, took := fills(t, units, sources...)
		// Up to four others hold what they never bring, one after the other, for two
		// seconds each while no rate is known.
		bound := 2*ideal(units, sources[0]) + 15*time.Second
		if took > bound {
			r.Fatalf("%d units took %v, more than %v", units, took, bound)
		}
	})
}
