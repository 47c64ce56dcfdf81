package icetcp

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v2"
)

const (
	// firstFrameTimeout is how long an accepted connection may take to tell whose it is.
	firstFrameTimeout = 10 * time.Second
	// maxUnknown is how many accepted connections may be in that state. One more
	// pushes out the oldest: honest peers speak within a round trip.
	maxUnknown = 256
)

// mux owns every TCP socket of every session: the listeners, what they accept, what
// is dialled from their ports. pion's agents see none of them. An agent gets a
// net.PacketConn for each of its addresses, and the mux carries its checks over the
// sockets, opening them as the checks need them.
type mux struct {
	log      *slog.Logger
	front    *door // which sessions use that need no other
	patience time.Duration
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	doors    []*door              // front among them
	sessions map[string]*session  // by our user fragment
	sockets  map[*socket]struct{} // all that are open, handed off or not
	unknown  *list.List           // of *socket, accepted, oldest first, not yet routed
}

var _ ice.TCPMux = (*mux)(nil)

// newMux listens at once. An accepted connection has patience for its first frame.
func newMux(at netip.AddrPort, patience time.Duration, log *slog.Logger) (*mux, error) {
	m := &mux{
		log:      log,
		patience: patience,
		sessions: make(map[string]*session),
		sockets:  make(map[*socket]struct{}),
		unknown:  list.New(),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	var err error
	if m.front, err = m.newDoor(at); err != nil {
		m.cancel()
		return nil, err
	}
	return m, nil
}

// Close closes listeners, sessions and sockets, the handed-off ones too, and
// returns when no goroutine is left.
func (m *mux) Close() error {
	m.mu.Lock()
	m.closed = true
	sessions, sockets, doors := values(m.sessions), slices.Collect(maps.Keys(m.sockets)), m.doors
	m.mu.Unlock()
	m.cancel()
	for _, d := range doors {
		closeAll(d.listeners...)
	}
	for _, ses := range sessions {
		ses.close()
	}
	for _, s := range sockets {
		s.Close()
	}
	for _, ses := range sessions {
		ses.wg.Wait()
	}
	m.wg.Wait()
	return nil
}

func values[K comparable, V any](m map[K]V) (vs []V) {
	for _, v := range m {
		vs = append(vs, v)
	}
	return vs
}

// newSession draws the credentials of a new session at a door and takes it in.
func (m *mux) newSession(at *door) (*session, error) {
	local := credentials{ufrag: randomHex(4), pwd: randomHex(16)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, net.ErrClosed
	}
	if m.sessions[local.ufrag] != nil {
		return nil, errors.New("icetcp: user fragment drawn twice, try again")
	}
	ses := newSession(m, at, local)
	m.sessions[local.ufrag] = ses
	return ses, nil
}

// randomHex gives 2n characters; RFC 8445 §5.3 wants 24 random bits in a user
// fragment and 128 in a password.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func (m *mux) session(ufrag string) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[ufrag]
}

// GetConnByUfrag implements ice.TCPMux: an agent asks once for each local address
// that it gathers.
func (m *mux) GetConnByUfrag(ufrag string, v6 bool, local net.IP) (net.PacketConn, error) {
	ses := m.session(ufrag)
	ip, ok := netip.AddrFromSlice(local)
	if ses == nil || !ok || ses.at.port(v6) == 0 {
		return nil, fmt.Errorf("icetcp: no session %q listens on %s", ufrag, local)
	}
	return ses.addBase(netip.AddrPortFrom(ip.Unmap(), ses.at.port(v6)))
}

// RemoveConnByUfrag implements ice.TCPMux: an agent has closed or failed. Only the
// socket that was handed off survives it.
func (m *mux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	ses := m.sessions[ufrag]
	delete(m.sessions, ufrag)
	m.mu.Unlock()
	if ses != nil {
		ses.close()
	}
}

// open takes in a new connection, or closes it when it comes too late. The
// connection came through the TURN server relay, or directly if that is "".
func (m *mux) open(c net.Conn, dialled bool, ses *session, relay string) *socket {
	s := newSocket(c, dialled, m.forget)
	s.ses, s.relay = ses, relay
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.Close()
		return nil
	}
	m.sockets[s] = struct{}{}
	return s
}

func (m *mux) forget(s *socket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sockets, s)
}

// assign says that s now carries the checks of ses.
func (m *mux) assign(s *socket, ses *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.ses = ses
}

// holder tells who has the connection t: its session, nil while that is unknown;
// false if the connection is not ours.
func (m *mux) holder(t tuple) (*session, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range m.sockets {
		if s.tuple == t && s.relay == "" {
			return s.ses, true
		}
	}
	return nil, false
}
