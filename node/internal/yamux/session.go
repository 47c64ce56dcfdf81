package yamux

import (
	"context"

	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// goodbye is how long the end of a frame and a go-away frame may take when a
// session ends with a code.
const goodbye = time.Second

// Session is a connection that carries streams. Three goroutines serve it: one
// receives, one sends, one sends pings. Close waits for them.
type Session struct {
	set   Transport
	conn  net.Conn
	scope network.PeerScope
	even  bool // our streams have even ids

	out      outbox
	accept   chan *Stream
	inFlight chan struct{} // one for each stream that we opened and that has no answer

	mu       sync.Mutex
	streams  map[uint32]*Stream
	incoming int
	over     bool // nothing may be added to streams

	readMu  sync.Mutex // held while conn's read deadline is moved
	writeMu sync.Mutex // held while conn's write deadline is moved
	until   time.Time  // conn's write deadline
	leaving bool       // the write deadline stays as it is

	heard atomic.Uint64 // grows with every piece that is received
	rtt   atomic.Int64
	pongs chan uint32

	dieOnce  sync.Once
	err      error         // why the session ended; set before dying is closed
	dying    chan struct{} // closed when the session begins to end
	running  atomic.Int32  // goroutines
	finished chan struct{} // closed when all is over
}

var _ network.MuxedConn = (*Session)(nil)

func newSession(set Transport, c net.Conn, isServer bool, scope network.PeerScope) *Session {
	s := &Session{
		set: set, conn: c, scope: scope, even: isServer,
		accept:   make(chan *Stream, backlog),
		inFlight: make(chan struct{}, backlog),
		streams:  make(map[uint32]*Stream),
		pongs:    make(chan uint32, 1),
		dying:    make(chan struct{}),
		finished: make(chan struct{}),
	}
	s.out.init(batcherOf(c), isServer)
	loops := []func(){s.receive, s.send, s.keepAlive}
	s.running.Store(int32(len(loops)))
	for _, loop := range loops {
		go func() {
			loop()
			if s.running.Add(-1) == 0 {
				s.finish()
			}
		}()
	}
	return s
}

// die begins the session's end, once. With a code other than goAwayNormal the peer
// is told it, for which there is a second; else the connection is closed at once.
func (s *Session) die(err error, code uint32) {
	s.dieOnce.Do(func() {
		s.err = err
		close(s.dying)
		if code == goAwayNormal {
			s.conn.Close()
		} else {
			s.leave()
		}
		s.out.stop(code)
	})
}

// finish ends all streams when no goroutine is left that could touch them.
func (s *Session) finish() {
	s.mu.Lock()
	s.over = true
	streams := s.streams
	s.streams = nil
	s.mu.Unlock()
	for _, st := range streams {
		st.end(s.err)
		st.done()
	}
	s.out.end(s.err)
	close(s.finished)
}

// Close ends the session and closes the connection. All that waits ends with an
// error.
func (s *Session) Close() error {
	s.die(goneAway(goAwayNormal, false, nil), goAwayNormal)
	<-s.finished
	return nil
}

// CloseWithError ends the session as Close does, after the peer has been told
// the code, for which there is a second.
func (s *Session) CloseWithError(code network.ConnErrorCode) error {
	s.die(goneAway(uint32(code), false, nil), uint32(code))
	<-s.finished
	return nil
}

// IsClosed tells whether the session has ended or is about to.
func (s *Session) IsClosed() bool {
	select {
	case <-s.dying:
		return true
	default:
		return false
	}
}

// RTT is how long the last pings took, smoothed; 0 before the first answer.
func (s *Session) RTT() time.Duration { return time.Duration(s.rtt.Load()) }

// As sets target to the session if target is a **Session.
func (s *Session) As(target any) bool {
	t, ok := target.(**Session)
	if ok {
		*t = s
	}
	return ok
}

// OpenStream opens a stream. It waits while 256 streams have no answer yet. The
// peer may still refuse it: the first Read or Write tells.
func (s *Session) OpenStream(ctx context.Context) (network.MuxedStream, error) {
	select {
	case s.inFlight <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.dying:
		return nil, s.err
	}
	st, err := s.newStream()
	if err != nil {
		<-s.inFlight
		return nil, err
	}
	st.opened.Store(true)
	if err := s.register(st); err != nil {
		return nil, err
	}
	return st, nil
}

// register gives st its id and asks the peer for it.
func (s *Session) register(st *Stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		st.free()
		return s.err
	}
	if err := s.out.open(st); err != nil {
		st.free()
		return err
	}
	s.streams[st.id] = st
	return nil
}

// AcceptStream waits for a stream that the peer opens, and tells it that it is
// welcome.
func (s *Session) AcceptStream() (network.MuxedStream, error) {
	select {
	case <-s.dying:
		return nil, s.err
	default:
	}
	select {
	case st := <-s.accept:
		st.welcome()
		return st, nil
	case <-s.dying:
		return nil, s.err
	}
}

// incomingStream makes the stream that the peer opens.
func (s *Session) incomingStream(id uint32) error {
	if id == 0 || id%2 == 0 == s.even {
		return ErrStreamID
	}
	if s.out.waiting() > maxWaiting {
		return ErrFlood
	}
	st, err := s.newStream()
	if err != nil {
		s.out.control(encode(typeWindowUpdate, flagRST, id, uint32(network.StreamResourceLimitExceeded)))
		return nil
	}
	st.id = id
	return s.admit(st)
}

// admit puts st where AcceptStream takes it, or refuses it.
func (s *Session) admit(st *Stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.streams[st.id]; twice {
		st.free()
		return ErrDuplicateStream
	}
	if s.incoming < s.set.MaxIncomingStreams {
		select {
		case s.accept <- st:
			s.streams[st.id] = st
			s.incoming++
			return nil
		default:
		}
	}
	st.free()
	s.out.control(encode(typeWindowUpdate, flagRST, st.id, uint32(network.StreamResourceLimitExceeded)))
	return nil
}

// forget takes out a stream of which both directions have ended.
func (s *Session) forget(st *Stream) {
	s.mu.Lock()
	_, known := s.streams[st.id]
	if known {
		delete(s.streams, st.id)
		if st.id%2 == 0 != s.even {
			s.incoming--
		}
	}
	s.mu.Unlock()
	if known {
		st.done()
	}
}

func (s *Session) stream(id uint32) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

// newStream makes a stream that reserved its memory.
func (s *Session) newStream() (*Stream, error) {
	st := &Stream{
		s: s, window: initialWindow, limit: initialWindow, credit: initialWindow,
		reading: make(chan struct{}, 1), writing: make(chan struct{}, 1),
		filled: make(chan struct{}, 1), taken: make(chan struct{}, 1),
	}
	if s.scope == nil {
		return st, nil
	}
	span, err := s.scope.BeginSpan()
	if err != nil {
		return nil, err
	}
	if err := span.ReserveMemory(initialWindow, network.ReservationPriorityAlways); err != nil {
		span.Done()
		return nil, err
	}
	st.span = span
	return st, nil
}

// interrupt ends the receive loop's read of the connection, which then looks
// whether the memory it reads into is still wanted.
func (s *Session) interrupt() {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.conn.SetReadDeadline(time.Unix(1, 0))
}

// interrupted ends an interruption.
func (s *Session) interrupted() {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.conn.SetReadDeadline(time.Time{})
}

// leave sets the last deadline of the connection's writes.
func (s *Session) leave() {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	s.leaving = true
	s.conn.SetWriteDeadline(time.Now().Add(goodbye))
}

// extendWriteDeadline gives the next write its time. Moving a deadline costs, so
// it may be a tenth shorter.
func (s *Session) extendWriteDeadline() {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	t := time.Now().Add(s.set.WriteTimeout)
	if !s.leaving && t.Sub(s.until) > s.set.WriteTimeout/10 {
		s.until = t
		s.conn.SetWriteDeadline(t)
	}
}
