package yamux

import (
	"os"
	"slices"
	"sync"
)

const (
	// smallWrite is what a Write may leave behind instead of waiting until it is
	// sent, and keepSize how much of that a stream has at most.
	smallWrite = 32 << 10
	keepSize   = 64 << 10
)

// keep is pooled memory for small writes.
type keep struct{ buf []byte }

var keeps = sync.Pool{New: func() any { return &keep{make([]byte, 0, keepSize)} }}

func (k *keep) free() {
	k.buf = k.buf[:0]
	keeps.Put(k)
}

// Write sends p. It returns when the send loop has all of it, or a copy of what
// is small; the bytes may not have reached the network. On an error, n bytes
// have been or will be sent. p is not touched after Write has returned.
func (st *Stream) Write(p []byte) (n int, err error) {
	select {
	case st.writing <- struct{}{}:
	case <-st.writeDeadline.wait():
		return 0, os.ErrDeadlineExceeded
	}
	defer func() { <-st.writing }()
	if st.writeDeadline.passed() {
		return 0, os.ErrDeadlineExceeded
	}
	if done, err := st.submit(p); done {
		return len(p), nil
	} else if err != nil {
		return 0, err
	}
	select {
	case <-st.taken:
	case <-st.writeDeadline.wait():
	}
	return st.withdrawn(len(p))
}

// submit hands p to the send loop. It is done if a copy was kept.
func (st *Stream) submit(p []byte) (done bool, err error) {
	o := &st.s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if st.writeErr != nil {
		return false, st.writeErr
	}
	if len(p) == 0 || st.keepLocked(p) {
		return true, nil
	}
	select {
	case <-st.taken: // a sign for a Write before
	default:
	}
	st.src, st.sent = p, 0
	o.readyLocked(st)
	return false, nil
}

// keepLocked keeps a copy of p, if that is small and may be sent.
func (st *Stream) keepLocked(p []byte) bool {
	o := &st.s.out
	if len(p) > smallWrite || uint64(len(p)) > st.window || o.kept+len(p) > maxKept {
		return false
	}
	if st.keep == nil {
		st.keep = keeps.Get().(*keep)
	}
	if len(st.keep.buf)+len(p) > keepSize {
		return false
	}
	st.keep.buf = append(st.keep.buf, p...)
	st.window -= uint64(len(p))
	o.kept += len(p)
	o.readyLocked(st)
	return true
}

// withdrawn takes back what is left of a Write of size bytes.
func (st *Stream) withdrawn(size int) (int, error) {
	o := &st.s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	st.withdrawLocked()
	switch {
	case st.sent == size:
		return size, nil
	case st.writeErr != nil:
		return st.sent, st.writeErr
	default:
		return st.sent, os.ErrDeadlineExceeded
	}
}

// withdrawLocked makes the send loop let go of the caller's memory. A frame whose
// header is out is completed from a copy.
func (st *Stream) withdrawLocked() {
	if st.src == nil {
		return
	}
	if c := &st.s.out.cur; c.st == st && c.direct {
		c.rest, c.direct = slices.Clone(c.rest), false
		st.sent += len(c.rest)
	}
	st.src = nil
	wake(st.taken)
}

// sendable tells whether a frame of st may be sent.
func (st *Stream) sendable() bool {
	return st.keep != nil && len(st.keep.buf) > 0 || st.src != nil && st.window > 0 || st.fin
}

// nextFrameLocked makes the outbox's current frame the next one of st, and gives
// its header; false if there is none.
func (st *Stream) nextFrameLocked(frameSize int) (header, bool) {
	o := &st.s.out
	switch {
	case st.keep != nil && len(st.keep.buf) > 0:
		st.keep, st.busyKeep = nil, st.keep
		o.cur = frame{st: st, rest: st.busyKeep.buf}
		o.kept -= len(o.cur.rest)
	case st.src != nil && st.window > 0:
		n := int(min(uint64(frameSize), st.window, uint64(len(st.src))))
		st.window -= uint64(n)
		o.cur = frame{st: st, rest: st.src[:n], direct: true}
	case st.fin && st.src == nil:
		st.fin = false
		return encode(typeWindowUpdate, flagFIN, st.id, 0), true
	default:
		return header{}, false
	}
	return encode(typeData, 0, st.id, uint32(len(o.cur.rest))), true
}

// advanceLocked notes that n bytes of the Write that waits are buffered.
func (st *Stream) advanceLocked(n int) {
	st.src = st.src[n:]
	st.sent += n
	if len(st.src) == 0 {
		st.src = nil
		wake(st.taken)
	}
}

// frameSentLocked ends the current frame, which is st's.
func (st *Stream) frameSentLocked() {
	if st.busyKeep != nil {
		st.busyKeep.free()
		st.busyKeep = nil
	}
	st.s.out.readyLocked(st)
}

// widen gives us n bytes more to send.
func (st *Stream) widen(n uint32) {
	o := &st.s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	st.window = min(st.window+uint64(n), 1<<32-1)
	o.readyLocked(st)
}

// endWrite ends the direction to the peer with err. What was kept is lost.
func (st *Stream) endWrite(err error) {
	st.s.out.mu.Lock()
	st.endWriteLocked(err)
	st.s.out.mu.Unlock()
	st.ended(writeHalf)
}

func (st *Stream) endWriteLocked(err error) {
	if st.keep != nil {
		st.s.out.kept -= len(st.keep.buf)
		st.keep.free()
		st.keep = nil
	}
	st.fin = false
	if st.writeErr != nil {
		return
	}
	st.writeErr = err
	st.withdrawLocked()
}

// CloseWrite sends the end after what was written. A Write that waits fails with
// ErrClosed. It returns the error of a stream that was reset.
func (st *Stream) CloseWrite() error {
	o := &st.s.out
	o.mu.Lock()
	if st.writeErr != nil {
		defer o.mu.Unlock()
		if st.writeErr == ErrClosed {
			return nil
		}
		return st.writeErr
	}
	st.writeErr = ErrClosed
	st.withdrawLocked()
	st.fin = true
	o.readyLocked(st)
	o.mu.Unlock()
	st.ended(writeHalf)
	return nil
}
