package yamux

import (
	"io"
	"os"

	"github.com/libp2p/go-libp2p/core/network"
)

// Read reads what has come, and waits if that is nothing. While it waits, the
// receive loop writes into p, until a frame ends or p is full. It returns io.EOF
// after the peer's end, and errors as [network.StreamError], [network.ConnError],
// ErrClosed and os.ErrDeadlineExceeded; what came before a reset is lost.
func (st *Stream) Read(p []byte) (int, error) {
	select {
	case st.reading <- struct{}{}:
	case <-st.readDeadline.wait():
		return 0, os.ErrDeadlineExceeded
	}
	defer func() { <-st.reading }()
	for {
		n, err := st.tryRead(p)
		if n > 0 {
			st.consume(n)
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// tryRead reads once: 0 bytes and no error means that there is news to look at.
func (st *Stream) tryRead(p []byte) (int, error) {
	if st.readDeadline.passed() {
		return 0, os.ErrDeadlineExceeded
	}
	st.mu.Lock()
	if n := st.box.take(p); n > 0 || len(p) == 0 || st.readErr != nil {
		defer st.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		return 0, st.readErr
	}
	st.dst, st.got, st.recall = p, 0, false
	st.mu.Unlock()
	select {
	case <-st.filled:
		return st.fetched()
	case <-st.readDeadline.wait():
	}
	st.mu.Lock()
	st.recallLocked()
	st.mu.Unlock()
	<-st.filled // the receive loop has let go of p
	return st.fetched()
}

func (st *Stream) fetched() (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.got, nil
}

// recallLocked takes the memory of a Read that waits from the receive loop: at
// once, or as soon as it has been interrupted. It ends the wait.
func (st *Stream) recallLocked() {
	if st.dst == nil || st.recall {
		return
	}
	if st.busy {
		st.recall = true
		st.s.interrupt()
		return
	}
	st.returnLocked()
}

// returnLocked gives the memory back to its Read.
func (st *Stream) returnLocked() {
	st.dst, st.recall = nil, false
	wake(st.filled)
}

// lend gives the receive loop memory for at most want bytes. It must be followed
// by settle.
func (st *Stream) lend(want int) []byte {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.dst != nil {
		st.busy = true
		free := st.dst[st.got:]
		return free[:min(want, len(free))]
	}
	return st.box.room(want)
}

// settle takes the memory back with n bytes in it. It tells whether a Read was
// woken, for which frameEnd is a reason.
func (st *Stream) settle(n int, frameEnd bool) (woke bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.busy {
		st.busy = false
		st.got += n
		if st.recall || st.got == len(st.dst) || frameEnd && st.got > 0 {
			st.returnLocked()
			return true
		}
		return false
	}
	if st.readErr != nil {
		n = 0 // nobody will read it
	}
	st.box.commit(n)
	if st.dst == nil || n == 0 {
		return false
	}
	st.returnLocked()
	return true
}

// spend takes n from the peer's credit, if it has so much.
func (st *Stream) spend(n uint32) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if n > st.credit {
		return false
	}
	st.credit -= n
	return true
}

// consume gives the peer credit again when a quarter of the window was read, and
// widens the window.
func (st *Stream) consume(n int) {
	st.mu.Lock()
	st.consumed += uint32(n)
	if st.consumed < st.limit/4 || st.readErr != nil {
		st.mu.Unlock()
		return
	}
	grant := st.consumed + st.reserveLocked()
	st.consumed = 0
	st.credit += grant
	st.mu.Unlock()
	st.s.out.grant(st, grant)
}

// reserveLocked widens the window to the whole at once, or by half of what is missing,
// a quarter and so on, as the resource manager has memory. It returns by how much.
func (st *Stream) reserveLocked() uint32 {
	for more := st.s.set.Window - st.limit; more >= initialWindow; more /= 2 {
		if st.span == nil || st.span.ReserveMemory(int(more), network.ReservationPriorityLow) == nil {
			st.limit += more
			return more
		}
	}
	return 0
}

// welcome answers the peer who opened the stream.
func (st *Stream) welcome() {
	st.s.out.control(encode(typeWindowUpdate, flagACK, st.id, 0))
}

// endRead ends the direction from the peer with err, io.EOF for the end that the
// peer sent: then what has come can still be read.
func (st *Stream) endRead(err error) {
	st.mu.Lock()
	if st.readErr != nil {
		st.mu.Unlock()
		return
	}
	st.readErr = err
	if err != io.EOF {
		st.box.drop()
	}
	st.recallLocked()
	st.mu.Unlock()
	st.ended(readHalf)
}

// CloseRead ends Reads with ErrClosed. What the peer still sends is discarded, up
// to the window: then its writes wait.
func (st *Stream) CloseRead() error {
	st.endRead(errReadClosed)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.readErr == io.EOF {
		st.readErr = errReadClosed
		st.box.drop()
	}
	return nil
}
