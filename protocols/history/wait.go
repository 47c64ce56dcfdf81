package history

import (
	"context"
	"math"
	"time"
)

// waiter waits until all is exchanged.
type waiter struct {
	done    chan struct{}
	settles map[*talk]int // HEADS of ours that must be answered, by talk
	all     bool          // the talks of their greeting are among settles
	err     error         // ErrPaused or ErrDeferred, if that concerns a talk
}

// catchUp tells all conversations that the device may read, and returns when
// both sides have what they take; see Sync.
func (c *session) catchUp(ctx context.Context) error {
	w := &waiter{done: make(chan struct{}), settles: make(map[*talk]int)}
	c.await(w)
	defer c.forget(w)
	select {
	case <-w.done:
		return w.err
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await makes HEADS due in all talks that we open.
func (c *session) await(w *waiter) {
	shared := c.service.cfg.Shared(c.device)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiters[w] = struct{}{}
	for _, conv := range shared {
		t := c.talkLocked(conv)
		if t == nil {
			break
		}
		t.tellAt = time.Now()
		t.forced = append(t.forced, w)
		w.settles[t] = math.MaxInt
		c.hasLocked(t)
	}
	c.settleLocked()
}

func (c *session) forget(w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiters, w)
}

// settleLocked lets go those who have waited for what is done. It is to be
// called after each change that may bring it.
func (c *session) settleLocked() {
	now := time.Now()
	for w := range c.waiters {
		if c.greeted && c.opened && c.follow == 0 && !w.all {
			w.all = true
			for _, t := range c.talks {
				if _, ok := w.settles[t]; !ok {
					w.settles[t] = 0
				}
			}
		}
		for t, sent := range w.settles {
			if !t.settled(sent, now) {
				continue
			}
			delete(w.settles, t)
			if err := t.troubles(); err != nil {
				w.err = err
			}
		}
		if w.all && len(w.settles) == 0 {
			delete(c.waiters, w)
			close(w.done)
		}
	}
}
