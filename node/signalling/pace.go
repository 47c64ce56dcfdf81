package signalling

import (
	"context"
	"math/rand/v2"
	"time"
)

// pace spaces out what events ask for: at once after a quiet time, then ever
// more rarely while they keep coming.
type pace struct {
	least, most time.Duration
	gap         time.Duration
	last        time.Time
}

// wait tells how long to wait at now before doing it again, and counts it as done
// after that.
func (p *pace) wait(now time.Time) time.Duration {
	since := now.Sub(p.last)
	switch {
	case p.last.IsZero() || since > 2*p.most:
		p.gap = p.least
	default:
		p.gap = min(2*p.gap, p.most)
	}
	d := max(0, p.gap-since)
	if p.last.IsZero() {
		d = 0
	}
	p.last = now.Add(d)
	return d
}

// backOff gives the pause before attempt n (from 1): first, doubled each time up to
// last, give or take a fifth so that many senders do not march in step.
func backOff(n int, first, last time.Duration) time.Duration {
	d := first
	for range n - 1 {
		d = min(2*d, last)
	}
	return d - d/5 + rand.N(2*d/5+1)
}

// pause waits for d and tells whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
