package history

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A device that breaks the rules is not spoken with for a minute, the next time
// for two, up to an hour. A day without a breach forgets.
const (
	firstBackOff = time.Minute
	maxBackOff   = time.Hour
	forgiveAfter = 24 * time.Hour
	maxPenalties = 512
)

// penalties remembers who broke the rules.
type penalties struct {
	mu  sync.Mutex
	was map[peer.ID]penalty // guarded by mu
}

type penalty struct {
	until time.Time
	last  time.Duration
}

// add cuts a device off from now on and tells until when.
func (p *penalties) add(device peer.ID, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweepLocked(now)
	next := min(max(2*p.was[device].last, firstBackOff), maxBackOff)
	if p.was == nil {
		p.was = make(map[peer.ID]penalty)
	}
	p.was[device] = penalty{now.Add(next), next}
	return now.Add(next)
}

// check gives a *BackOffError while a device is cut off.
func (p *penalties) check(device peer.ID, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if was, ok := p.was[device]; ok && now.Before(was.until) {
		return &BackOffError{device, was.until}
	}
	return nil
}

// sweepLocked forgets old breaches, and an arbitrary one when there are too many.
func (p *penalties) sweepLocked(now time.Time) {
	for device, was := range p.was {
		if now.After(was.until.Add(forgiveAfter)) {
			delete(p.was, device)
		}
	}
	for device := range p.was {
		if len(p.was) < maxPenalties {
			return
		}
		delete(p.was, device)
	}
}
