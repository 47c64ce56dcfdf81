package scale

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

func (a asked) String() string {
	text := fmt.Sprintf("%d of %d answered; from the account %v p50, %v p95; again %v p50, %v p95\n         by step, p50/p95: record %s, key and servers %s, taken %s, answer %s",
		a.answered, a.asked, at(a.cold, .5), at(a.cold, .95), at(a.warm, .5), at(a.warm, .95),
		both(a.steps[gotRecord]), both(a.steps[gotServers]), both(a.steps[gotTaken]), both(a.steps[gotAnswer]))
	for _, reason := range slices.Sorted(maps.Keys(a.reasons)) {
		text += fmt.Sprintf("\n         %d: %s", a.reasons[reason], reason)
	}
	return text
}

// both are the median and the quantile of 95 %.
func both(sorted []time.Duration) string {
	return fmt.Sprintf("%v/%v", at(sorted, .5), at(sorted, .95))
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
	letters                           int64 // bytes in inboxes, a request and its answer
}

// letters is how many bytes nodes that are there have kept of messages to others.
func (w *world) letters() (bytes int64) {
	for _, n := range w.all() {
		bytes += n.letters.Load()
	}
	return bytes
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
	lookup      lookups
	memory      int64
	stored      stored
	replaced    int
	took        time.Duration
}

// manner is how nodes go.
func (p plan) manner() string {
	if p.silent {
		return ", silent"
	}
	return ""
}

func (r result) String() string {
	return fmt.Sprintf(`%d nodes, %d of them servers; computed in %.0f s
  calm:  %v
         idle %v
         a lookup of the DHT asks %.0f nodes and takes %v
  churn%s: %v
         %v; %d nodes replaced
  kept:  %d records, %.1f kB a server, %.1f kB at most; a request and its answer lie in inboxes with %.1f kB
         %d KiB of memory a node`,
		r.plan.nodes, r.servers, r.took.Seconds(), r.calm, r.idle, r.lookup.asked, both(r.lookup.took), r.plan.manner(), r.churn, r.busy, r.replaced,
		r.stored.recordsMean, float64(r.stored.bytesMean)/1000, float64(r.stored.bytesMost)/1000, float64(r.stored.letters)/1000, r.memory>>10)
}
