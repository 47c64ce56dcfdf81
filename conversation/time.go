package conversation

import (
	"fmt"
	"time"
)

// FutureLimit is how far ahead of the own clock an entry's time may lie. One
// beyond it is deferred: neither stored nor refused, but asked for again later.
// No entry is earlier than its parents, so what follows it is deferred as well,
// and a clock that is wrong by years puts no order out of joint.
const FutureLimit = 26 * time.Hour

// Deferred tells whether the entry lies too far in the future of now.
func (e *Entry) Deferred(now time.Time) bool { return e.Time.After(now.Add(FutureLimit)) }

// CheckTime holds the time of an entry against its parents': it is not earlier
// than any. The error wraps ErrEntry.
func (e *Entry) CheckTime(parents ...time.Time) error {
	for _, p := range parents {
		if e.Time.Before(p) {
			return fmt.Errorf("%w: its time %s is before its parent's, %s",
				ErrEntry, e.Time.Format(time.RFC3339Nano), p.Format(time.RFC3339Nano))
		}
	}
	return nil
}

// NextTime is the time for a new entry: now, or the latest of its parents' if
// that is later.
func NextTime(now time.Time, parents ...time.Time) time.Time {
	next := now.UTC().Truncate(time.Millisecond)
	for _, p := range parents {
		if p.After(next) {
			next = p
		}
	}
	return next
}
