package filexfer

import (
	"io"
	"sync/atomic"
	"time"
)

// frame is the most that is given to a stream in one Write: as large as the
// largest yamux frame here. It is also the grain of the stall alarm: a path
// that takes no 256 KiB in two minutes counts as stalled.
const frame = 256 << 10

// alarm cancels a transfer when one wait on its stream takes too long. It is
// wound up before the wait and stopped after it.
type alarm struct {
	timer *time.Timer
	limit time.Duration
	off   atomic.Bool
}

func (t *transfer) stallAlarm() *alarm { return t.alarm(t.service.cfg.StallTimeout) }

func (t *transfer) alarm(limit time.Duration) *alarm {
	a := &alarm{limit: limit}
	a.timer = time.AfterFunc(limit, func() {
		if !a.off.Load() {
			t.cancel(ErrStalled)
		}
	})
	a.timer.Stop()
	return a
}

func (a *alarm) wind() { a.timer.Reset(a.limit) }
func (a *alarm) stop() { a.timer.Stop() }

// disarm lets no wait be too long any more, from any goroutine.
func (a *alarm) disarm() {
	a.off.Store(true)
	a.timer.Stop()
}

// stallReader gives the alarm for a Read that brings no byte.
type stallReader struct {
	src   io.Reader
	alarm *alarm
}

func (r *stallReader) Read(p []byte) (int, error) {
	r.alarm.wind()
	defer r.alarm.stop()
	return r.src.Read(p)
}

// stallWriter gives the alarm for a frame that does not get away, and counts (if
// moved is set) those that do. Between two frames it heeds halt, and fails with ErrEnough.
type stallWriter struct {
	dst   io.Writer
	alarm *alarm
	moved func(n int)
	halt  <-chan struct{}
}

func (w *stallWriter) Write(p []byte) (n int, err error) {
	defer w.alarm.stop()
	for n < len(p) && err == nil {
		select {
		case <-w.halt:
			return n, ErrEnough
		default:
		}
		w.alarm.wind()
		var sent int
		sent, err = w.dst.Write(p[n:min(len(p), n+frame)])
		n += sent
		if w.moved != nil {
			w.moved(sent)
		}
	}
	return n, err
}
