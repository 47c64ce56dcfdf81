package yamux

import (
	"errors"
	"io"
	"os"
	"runtime"

	"github.com/libp2p/go-libp2p/core/network"
)

// receive is the receive loop: it alone reads from the connection. It never waits
// for a write or for a stream.
func (s *Session) receive() {
	err := s.frames()
	var broken *violation
	var away *network.ConnError
	switch {
	case errors.As(err, &broken):
		s.die(goneAway(goAwayProtocol, false, broken.why), goAwayProtocol)
	case errors.As(err, &away):
		s.die(away, goAwayNormal)
	default:
		s.die(lost(err), goAwayNormal)
	}
}

// violation is what a peer does that ends the session.
type violation struct{ why error }

func (v *violation) Error() string { return v.why.Error() }

func (s *Session) frames() error {
	var h header
	for {
		if err := s.readFull(h[:]); err != nil {
			return err
		}
		if err := s.frame(&h); err != nil {
			return err
		}
	}
}

func (s *Session) frame(h *header) error {
	if h.version() != 0 {
		return &violation{ErrVersion}
	}
	switch h.kind() {
	case typeData, typeWindowUpdate:
		return s.streamFrame(h)
	case typePing:
		s.ping(h)
		return nil
	case typeGoAway:
		return goneAway(h.length(), true, nil)
	}
	return &violation{ErrFrameType}
}

// streamFrame handles the flags that begin a stream, the frame's content, and the
// flags that end the stream, in this order.
func (s *Session) streamFrame(h *header) error {
	if h.has(flagSYN) {
		if err := s.incomingStream(h.stream()); err != nil {
			return &violation{err}
		}
	}
	st := s.stream(h.stream())
	if st == nil { // reset or closed here, and the peer does not know yet
		if h.kind() == typeData {
			return s.discard(h.length())
		}
		return nil
	}
	if h.has(flagACK) {
		st.answered()
	}
	if err := s.content(st, h); err != nil {
		return err
	}
	if h.has(flagRST) {
		var code uint32
		if h.kind() == typeWindowUpdate {
			code = h.length()
		}
		st.end(streamReset(code, true))
	} else if h.has(flagFIN) {
		st.endRead(io.EOF)
	}
	return nil
}

func (s *Session) content(st *Stream, h *header) error {
	if h.kind() == typeData {
		return s.payload(st, h.length())
	}
	if !h.has(flagRST) {
		st.widen(h.length())
	}
	return nil
}

// payload receives n bytes for st: into the memory of a Read that waits, else
// into segments.
func (s *Session) payload(st *Stream, n uint32) error {
	if !st.spend(n) {
		return &violation{ErrWindow}
	}
	left := int(n)
	for left > 0 {
		buf := st.lend(left)
		k, err := s.read(buf)
		left -= k
		woke := st.settle(k, left == 0)
		if err != nil {
			return err
		}
		if woke && n >= batchSize {
			// Let the reader come back for the next frame before it is here: then
			// its bytes go straight to it.
			runtime.Gosched()
		}
	}
	return nil
}

// discard receives n bytes for nobody.
func (s *Session) discard(n uint32) error {
	g := segments.Get().(*segment)
	defer g.free()
	for n > 0 {
		k, err := s.read(g.buf[:min(uint32(len(g.buf)), n)])
		n -= uint32(k)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) readFull(p []byte) error {
	for len(p) > 0 {
		n, err := s.read(p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// read reads some bytes, or none if it was interrupted.
func (s *Session) read(p []byte) (int, error) {
	n, err := s.conn.Read(p)
	if n > 0 {
		s.heard.Add(1)
	}
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	s.interrupted()
	return n, nil
}

func (s *Session) ping(h *header) {
	if h.has(flagSYN) {
		s.out.pong(h.length())
		return
	}
	select {
	case s.pongs <- h.length():
	default:
	}
}
