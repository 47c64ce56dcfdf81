package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// outcome is what became of a round's file.
type outcome int

const (
	unhurt  outcome = iota // it came as it was sent
	resumed                // it broke off, and the rest came by itself
	missed                 // the offer did not come, and the receiver's owner asked for the file
	failed                 // a node said that it failed, and its owner sent it or asked for it again
)

func (o outcome) String() string { return []string{"unhurt", "resumed", "missed", "failed"}[o] }

// entry is a round that is over.
type entry struct {
	seed      uint64
	kind      string
	outcome   outcome
	recovered time.Duration // from the end of the fault until all was well
	broken    bool          // a promise was
}

// book has all rounds.
type book struct {
	mu      sync.Mutex
	entries []entry
}

func (b *book) note(e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, e)
}

// table shows rounds by kind, and the seeds of those that broke a promise.
func (b *book) table() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\trounds\tunhurt\tresumed\tmissed\tfailed\tpromise broken\tp50\tp95")
	for _, k := range kinds() {
		of := slices.DeleteFunc(slices.Clone(b.entries), func(e entry) bool { return e.kind != k.name })
		fmt.Fprintln(w, row(k.name, of))
	}
	fmt.Fprintln(w, row("all", b.entries))
	w.Flush()
	for _, e := range b.entries {
		if e.broken {
			fmt.Fprintf(&text, "a promise was broken: %s=%d (%s)\n", seedEnv, e.seed, e.kind)
		}
	}
	return text.String()
}

func row(name string, of []entry) string {
	var counts [4]int
	broken := 0
	var times []time.Duration
	for _, e := range of {
		if e.broken {
			broken++
			continue
		}
		counts[e.outcome]++
		times = append(times, e.recovered)
	}
	slices.Sort(times)
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s", name, len(of), counts[unhurt], counts[resumed], counts[missed], counts[failed], broken,
		part(times, 50), part(times, 95))
}

// part gives the time within which so many percent of the rounds recovered.
func part(sorted []time.Duration, percent int) string {
	if len(sorted) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f s", sorted[(len(sorted)*percent+99)/100-1].Seconds())
}
