package yamux

import (
	"sync"
	"time"
)

// deadline is a point in time that can be moved while others wait for it. The
// zero value never comes.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	turn  int           // counts calls of set, so that an old timer does nothing
	come  chan struct{} // closed when it has come; nil until somebody waits or sets
	past  bool
}

// set moves the deadline; the zero time takes it away.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.past || d.come == nil {
		d.past, d.come = false, make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.comeLocked()
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.turn == turn {
			d.comeLocked()
		}
	})
}

func (d *deadline) comeLocked() {
	d.past = true
	close(d.come)
}

// wait gives a channel that is closed when the deadline comes, even if it is set
// only later. After that, and another set, there is a new one.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.come == nil {
		d.come = make(chan struct{})
	}
	return d.come
}

// passed tells whether the deadline has come.
func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.past
}
