package signalling

import (
	"sync"
	"time"
)

// buckets are token buckets, one a key, at most max of them.
type buckets[K comparable] struct {
	rate  float64 // tokens a second
	burst float64
	max   int

	mu    sync.Mutex
	m     map[K]bucket
	swept time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newBuckets[K comparable](rate, burst float64, max int) *buckets[K] {
	return &buckets[K]{rate: rate, burst: burst, max: max, m: make(map[K]bucket)}
}

// take spends one token of key's, or tells that there is none.
func (b *buckets[K]) take(key K, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	x, known := b.m[key]
	if !known {
		b.makeRoomLocked(now)
		x = bucket{b.burst, now}
	}
	x.tokens, x.at = b.filled(x, now), now
	allowed := x.tokens >= 1
	if allowed {
		x.tokens--
	}
	b.m[key] = x
	return allowed
}

func (b *buckets[K]) filled(x bucket, now time.Time) float64 {
	return min(b.burst, x.tokens+max(0, now.Sub(x.at).Seconds())*b.rate)
}

// makeRoomLocked forgets full buckets, which say nothing, at most once a second,
// and any bucket when that did not help: memory is bounded, and whoever commands
// thousands of addresses is not stopped by a limit per address.
func (b *buckets[K]) makeRoomLocked(now time.Time) {
	if len(b.m) < b.max {
		return
	}
	if now.Sub(b.swept) >= time.Second {
		b.swept = now
		for k, x := range b.m {
			if b.filled(x, now) >= b.burst {
				delete(b.m, k)
			}
		}
	}
	for k := range b.m {
		if len(b.m) < b.max {
			return
		}
		delete(b.m, k)
	}
}
