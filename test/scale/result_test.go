package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// asked is what came of requests.
type asked struct {
	asked, answered int
	cold, warm      []time.Duration // sorted
	errors          []error
}

func (a asked) String() string {
	text := fmt.Sprintf("%d of %d answered; from the account %v p50, %v p95; again %v p50, %v p95",
		a.answered, a.asked, at(a.cold, .5), at(a.cold, .95), at(a.warm, .5), at(a.warm, .95))
	for i, err := range a.errors {
		if i < 3 {
			text += fmt.Sprintf("\n    %v", err)
		}
	}
	return text
}

// at is a quantile.
func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(time.Millisecond)
}

// total is what all nodes have sent.
type total struct{ messages, bytes, dials, vain int64 }

func (t *total) add(c *counts) {
	t.messages += c.messages.Load()
	t.bytes += c.bytes.Load()
	t.dials += c.dials.Load()
	t.vain += c.vain.Load()
}

func (w *world) traffic() total {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.gone
	for _, n := range w.nodes {
		t.add(n.sent)
	}
	return t
}

// rate is what a node sends a minute.
type rate struct{ messages, bytes, dials, vain float64 }

func (t total) since(before total, d time.Duration, nodes int) rate {
	per := func(n int64) float64 { return float64(n) / float64(nodes) / d.Minutes() }
	return rate{per(t.messages - before.messages), per(t.bytes - before.bytes), per(t.dials - before.dials), per(t.vain - before.vain)}
}

func (r rate) String() string {
	return fmt.Sprintf("%.0f messages, %.1f kB, %.1f dials (%.1f in vain) a node and minute", r.messages, r.bytes/1000, r.dials, r.vain)
}

// stored is what the nodes that serve keep for others.
type stored struct {
	recordsMean, bytesMean, bytesMost int
}

func (w *world) stored() (s stored) {
	servers := 0
	for _, n := range w.all() {
		if !n.serves {
			continue
		}
		servers++
		records, bytes := n.kept()
		s.recordsMean += records
		s.bytesMean += bytes
		s.bytesMost = max(s.bytesMost, bytes)
	}
	s.recordsMean /= max(servers, 1)
	s.bytesMean /= max(servers, 1)
	return s
}

// result is what was seen of one network.
type result struct {
	plan        plan
	servers     int
	calm, churn asked
	idle, busy  rate
	memory      int64
	stored      stored
	replaced    int
	took        time.Duration
}

func (r result) String() string {
	return fmt.Sprintf(`%d nodes, %d of them servers; computed in %.0f s
  calm:  %v
         %v
  churn: %v
         %v; %d nodes replaced
  kept:  %d records, %.1f kB a server, %.1f kB at most; %d KiB of memory a node`,
		r.plan.nodes, r.servers, r.took.Seconds(), r.calm, r.idle, r.churn, r.busy, r.replaced,
		r.stored.recordsMean, float64(r.stored.bytesMean)/1000, float64(r.stored.bytesMost)/1000, r.memory>>10)
}

// laws fits each figure to a + b·log2(nodes) and says what that makes of a million.
func laws(all []result) string {
	if len(all) < 2 {
		return ""
	}
	var b strings.Builder
	for _, f := range []struct {
		name  string
		value func(result) float64
	}{
		{"calm, from the account, p50, ms", func(r result) float64 { return ms(at(r.calm.cold, .5)) }},
		{"calm, from the account, p95, ms", func(r result) float64 { return ms(at(r.calm.cold, .95)) }},
		{"calm, again, p50, ms", func(r result) float64 { return ms(at(r.calm.warm, .5)) }},
		{"churn, from the account, p50, ms", func(r result) float64 { return ms(at(r.churn.cold, .5)) }},
		{"churn, from the account, p95, ms", func(r result) float64 { return ms(at(r.churn.cold, .95)) }},
		{"idle, messages a node and minute", func(r result) float64 { return r.idle.messages }},
		{"idle, kB a node and minute", func(r result) float64 { return r.idle.bytes / 1000 }},
		{"churn, messages a node and minute", func(r result) float64 { return r.busy.messages }},
	} {
		a, slope, off := fit(all, f.value)
		fmt.Fprintf(&b, "%-36s %8.1f %+8.1f·log2(n)   off by %.0f%% at most; a million: %.0f\n", f.name, a, slope, 100*off, a+slope*math.Log2(1e6))
	}
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// fit is the line of least squares through value over log2(nodes), and how far off it is
// at most, as a share of the value.
func fit(all []result, value func(result) float64) (a, b, off float64) {
	var n, sx, sy, sxx, sxy float64
	for _, r := range all {
		x, y := math.Log2(float64(r.plan.nodes)), value(r)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	b = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	a = (sy - b*sx) / n
	offs := make([]float64, 0, len(all))
	for _, r := range all {
		y := value(r)
		offs = append(offs, math.Abs(a+b*math.Log2(float64(r.plan.nodes))-y)/max(y, 1e-9))
	}
	return a, b, slices.Max(offs)
}
