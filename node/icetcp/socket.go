package icetcp

import (
	"bufio"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// writeTimeout bounds one frame. STUN is repeated by who sent it, so a peer that
	// does not read costs it the socket, not us the wait.
	writeTimeout = 2 * time.Second
	// deadAfter is when a peer that says nothing at all is taken for dead.
	deadAfter = 30 * time.Second
)

// tuple is what makes a TCP connection one of its own.
type tuple struct{ local, remote netip.AddrPort }

// socket is one TCP connection with another device, accepted or dialled. It carries
// frames until the hand-off and bare bytes after it. The mux knows it until Close.
type socket struct {
	net.Conn
	tuple
	dialled bool
	br      *bufio.Reader // owned by the reader of the socket
	gone    chan struct{} // closed by Close
	forget  func()        // tells the mux
	once    sync.Once

	proven      bool          // the peer answered a check on it; for the reader alone
	rtt         time.Duration // of the hand-off, set with peerDialled
	peerDialled bool          // the other side dialled too; set before the hand-off ends
	relay       string        // the TURN server that it came through, or ""

	// What the agent calls its two ends, set by adopt: the local candidate that it
	// belongs to, and remote, unless it is relayed.
	at netip.Addr
	as netip.AddrPort

	ses *session // whose checks it carries, nil while unknown; guarded by mux.mu

	wmu  sync.Mutex
	last bool // our marker is written; no frame may follow
	// asked is when the frame was written that the peer's marker answers: our
	// marker, or the response to the check after which it nominated; and then when
	// our marker was written, which the peer's first bytes answer.
	asked time.Time
}

func newSocket(c net.Conn, dialled bool, forget func(*socket)) *socket {
	s := &socket{
		Conn:    c,
		tuple:   tuple{addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())},
		dialled: dialled,
		br:      bufio.NewReaderSize(c, 2*(frameHeader+maxFrame)),
		gone:    make(chan struct{}),
	}
	s.as = s.remote
	s.forget = func() { forget(s) }
	return s
}

// Close closes the connection; the second and later calls do nothing.
func (s *socket) Close() (err error) {
	s.once.Do(func() {
		s.forget()
		close(s.gone)
		err = s.Conn.Close()
	})
	return err
}

func (s *socket) closed() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

func (s *socket) readFrame(buf []byte) ([]byte, error) { return readFrame(s.br, buf) }

// writeFrame writes p as a frame, or drops it when the marker is out: what an agent
// still has to say then is of no use. An error leaves half a frame, so it closes
// the socket.
func (s *socket) writeFrame(p []byte) error { return s.write(p, false) }

// writeMarker writes the last frame of this direction.
func (s *socket) writeMarker(p []byte) error { return s.write(p, true) }

func (s *socket) write(p []byte, last bool) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if s.last {
		return nil
	}
	s.last = last
	if last || s.asked.IsZero() && isSuccess(p) {
		s.asked = time.Now()
	}
	err := s.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = s.Write(appendFrame(make([]byte, 0, frameHeader+len(p)), p))
	}
	if err != nil {
		s.Close()
	}
	return err
}

// isSuccess tells whether a frame is a Binding success response (RFC 8489 §5).
func isSuccess(p []byte) bool { return len(p) >= 2 && p[0] == 0x01 && p[1] == 0x01 }

// sinceMarker is how long ago our marker was written.
func (s *socket) sinceMarker() time.Duration {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	return time.Since(s.asked)
}

// answered notes that the peer's marker has come.
func (s *socket) answered() {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if !s.asked.IsZero() {
		s.rtt = time.Since(s.asked)
	}
}

// bare makes the socket ready to carry bytes: no deadline, and a dead peer is found
// in half a minute.
func (s *socket) bare() error {
	if err := s.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if t, ok := s.Conn.(*net.TCPConn); ok {
		ka := net.KeepAliveConfig{Enable: true, Idle: deadAfter / 2, Interval: deadAfter / 6, Count: 3}
		if err := t.SetKeepAliveConfig(ka); err != nil {
			return err
		}
	}
	return setUserTimeout(s.Conn, deadAfter)
}
