// Package throttle bounds how many bytes a second streams carry. A [Bucket] is a
// rate that any number of streams share, and that can change while they wait;
// [Wrap] lets a stream draw on the buckets of its direction: that of a contact
// and that of the whole node, say.
//
// It counts what a program reads and writes, not what TLS, TCP and IP add to it,
// and it knows neither contacts nor settings. Bytes that are on their way already
// are not held up: who reads slowly makes the sender wait by flow control.
//
// Rates are held by token buckets (golang.org/x/time/rate) as deep as 50 ms of the
// rate, so that a stream neither bursts nor loses what a late timer costs it.
// Streams that wait for the same bucket take turns, a piece each. A stream without
// a limit costs one atomic load a call.
package throttle

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// MinRate is the least limit, in bytes a second. Slower streams would look
	// stalled to who waits for them.
	MinRate = 16 << 10

	slice    = 50 * time.Millisecond // of a rate is what a bucket holds
	minDepth = 16 << 10
	maxPiece = 256 << 10 // of what one stream moves before another has its turn
)

// Bucket is a rate in bytes a second that streams share. The zero value has no
// limit. It is safe for use by many goroutines.
type Bucket struct {
	now atomic.Pointer[level] // nil: no limit
}

// level is a rate while it holds.
type level struct {
	perSecond int64
	limiter   *rate.Limiter
	over      chan struct{} // closed when another rate holds
}

// Rate gives the limit in bytes a second; 0: none.
func (b *Bucket) Rate() int64 {
	if l := b.now.Load(); l != nil {
		return l.perSecond
	}
	return 0
}

// SetRate changes the limit, also for streams that wait now: bytes a second, at
// least MinRate; 0 or less: no limit.
func (b *Bucket) SetRate(perSecond int64) {
	var next *level
	if perSecond > 0 {
		perSecond = max(perSecond, MinRate)
		depth := max(minDepth, int(float64(perSecond)*slice.Seconds()))
		next = &level{perSecond, rate.NewLimiter(rate.Limit(perSecond), depth), make(chan struct{})}
	}
	if before := b.now.Swap(next); before != nil {
		close(before.over)
	}
}

// piece is how many bytes are to be moved at a time; of several turns each is
// short against the depth.
func (l *level) piece() int { return min(l.limiter.Burst()/4, maxPiece) }

// outcome is how a wait for tokens ended.
type outcome int

const (
	passed  outcome = iota // the tokens are taken
	late                   // the deadline has passed
	closed                 // the stream was closed
	changed                // the rate is another one
)

// take waits until n more bytes may pass, or one of the channels is closed.
func (b *Bucket) take(n int, deadline, end <-chan struct{}) outcome {
	for n > 0 {
		l := b.now.Load()
		if l == nil {
			return passed
		}
		part := min(n, l.limiter.Burst())
		switch o := l.await(part, deadline, end); o {
		case passed:
			n -= part
		case changed:
		default:
			return o
		}
	}
	return passed
}

// await waits for n tokens, at most as many as the bucket holds.
func (l *level) await(n int, deadline, end <-chan struct{}) outcome {
	turn := l.limiter.ReserveN(time.Now(), n)
	delay := turn.Delay()
	if delay == 0 {
		return passed
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	o := passed
	select {
	case <-timer.C:
		return passed
	case <-l.over:
		return changed
	case <-deadline:
		o = late
	case <-end:
		o = closed
	}
	turn.Cancel()
	return o
}
