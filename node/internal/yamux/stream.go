package yamux

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// Stream is one stream of a session. Its methods are safe for concurrent use.
type Stream struct {
	s    *Session
	id   uint32
	span network.ResourceScopeSpan // nil: memory is not accounted

	opened atomic.Bool   // by us, and the peer has not answered
	halves atomic.Uint32 // which directions have ended

	reading, writing            chan struct{} // held by the one Read, the one Write
	filled, taken               chan struct{} // wakes the one Read, the one Write
	readDeadline, writeDeadline deadline

	mu       sync.Mutex
	box      inbox
	dst      []byte // of the Read that waits
	got      int    // bytes in dst
	busy     bool   // the receive loop reads into dst
	recall   bool   // and is to give it back
	readErr  error  // nil while open; io.EOF after FIN
	limit    uint32 // the peer's window, for which memory is reserved
	credit   uint32 // what of it the peer may still send
	consumed uint32 // what was read and not given back as credit

	// The outbox's lock guards these.
	window   uint64 // what we may still send
	src      []byte // of the Write that waits
	sent     int    // bytes of src that are buffered or kept
	keep     *keep  // of small writes; nil: none
	busyKeep *keep  // is being sent
	fin      bool   // FIN is to be sent
	queued   bool   // in the outbox's ready
	grants   uint32 // credit that waits to be sent
	writeErr error  // nil while open
}

var _ network.MuxedStream = (*Stream)(nil)

// Directions of a stream.
const (
	readHalf  = 1
	writeHalf = 2
)

// ended notes that a direction has ended. With both, the session forgets the
// stream.
func (st *Stream) ended(half uint32) {
	if old := st.halves.Or(half); old != old|half && old|half == readHalf|writeHalf {
		st.s.forget(st)
	}
}

// done gives back what the session lent, once the stream is out of its list.
func (st *Stream) done() {
	st.readDeadline.set(time.Time{})
	st.writeDeadline.set(time.Time{})
	st.free()
}

// free gives back the memory and, if the peer has not answered, the place among
// those in flight.
func (st *Stream) free() {
	st.answered()
	if st.span != nil {
		st.span.Done()
	}
}

// answered notes the peer's word on a stream that we opened.
func (st *Stream) answered() {
	if st.opened.CompareAndSwap(true, false) {
		<-st.s.inFlight
	}
}

// end ends both directions, as far as they are open.
func (st *Stream) end(err error) {
	st.endRead(err)
	st.endWrite(err)
}

// Close ends both directions: Reads and Writes that wait fail with ErrClosed, the
// peer reads to the end of what was written. What it still sends is discarded.
func (st *Stream) Close() error {
	st.CloseRead()
	return st.CloseWrite()
}

// Reset is ResetWithError with code 0.
func (st *Stream) Reset() error { return st.ResetWithError(network.StreamNoError) }

// ResetWithError ends both directions at once and tells the peer the code. What
// was written and not sent is lost.
func (st *Stream) ResetWithError(code network.StreamErrorCode) error {
	if st.halves.Load() == readHalf|writeHalf {
		return nil
	}
	err := streamReset(uint32(code), false)
	st.endWrite(err)
	st.s.out.control(encode(typeWindowUpdate, flagRST, st.id, uint32(code)))
	st.endRead(err)
	return nil
}

// SetDeadline sets the deadlines of Read and Write; zero is none. What waits
// fails with os.ErrDeadlineExceeded.
func (st *Stream) SetDeadline(t time.Time) error {
	st.readDeadline.set(t)
	st.writeDeadline.set(t)
	return nil
}

// SetReadDeadline sets the deadline of Read.
func (st *Stream) SetReadDeadline(t time.Time) error {
	st.readDeadline.set(t)
	return nil
}

// SetWriteDeadline sets the deadline of Write.
func (st *Stream) SetWriteDeadline(t time.Time) error {
	st.writeDeadline.set(t)
	return nil
}

// wake gives the one who waits on c its sign.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
