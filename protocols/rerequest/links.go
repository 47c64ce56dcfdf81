package rerequest

import "time"

// When one more connection to a device is opened. On a short path one is as good
// as several; on a long one each has buffers and a congestion window of its own,
// but more than a few overrun the path's queue.
const (
	maxLinks     = 4
	linkRTT      = 20 * time.Millisecond  // on shorter paths none
	linkMissing  = 16 << 20               // for less none
	linkInterval = 200 * time.Millisecond // the goodput is looked at so often, or every 4 round trips
	linkUnits    = 8                      // that each connection brings in an interval, so that it tells something
	linkGrowth   = 1.15                   // of the goodput, for one more
)

// linkRule tells when to open one more connection to a device: the second at
// once, each other one while the goodput grows. It is pure. The zero value has
// one connection.
type linkRule struct {
	more     int       // connections that were opened
	from     time.Time // the interval's beginning, and what had come by then
	total    int64
	goodput  float64 // of the interval before; 0: there was none
	finished bool
}

// linkOrder is what a linkRule wants done.
type linkOrder int

const (
	linkNothing linkOrder = iota
	linkOpen              // one more
	linkRest              // ask nothing more of the last one: it does not help
)

// look says what to do when so many bytes have come of the device and so many of
// the file are missing.
func (l *linkRule) look(now time.Time, rtt time.Duration, total, missing int64) linkOrder {
	switch {
	case l.finished || rtt < linkRTT || missing <= linkMissing:
		return linkNothing
	case l.more == 0:
		return linkOpen
	case now.Sub(l.from) < max(4*rtt, linkInterval) || total-l.total < linkUnits*unit*int64(l.more+1):
		return linkNothing
	}
	before := l.goodput
	l.goodput = float64(total-l.total) / now.Sub(l.from).Seconds()
	l.from, l.total = now, total
	switch {
	case before == 0:
		return linkNothing
	case l.goodput >= linkGrowth*before && l.more+1 < maxLinks:
		return linkOpen
	}
	l.finished = true
	if l.goodput < linkGrowth*before && l.more > 1 {
		return linkRest
	}
	return linkNothing
}

// opened begins an interval with one connection more.
func (l *linkRule) opened(now time.Time, total int64) {
	l.more++
	l.from, l.total = now, total
}

// failed: no other connection can be had.
func (l *linkRule) failed() { l.finished = true }
