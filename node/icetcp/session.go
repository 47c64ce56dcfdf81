package icetcp

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// maxAccepted is how many connections of the peer a session takes in all. Each is a new
// peer reflexive candidate that the agent has to check.
const maxAccepted = 128

type credentials struct{ ufrag, pwd string }

// session is one agent's part of the mux, from the offer to the hand-off: its
// addresses, the sockets that its checks opened, and what it may dial.
type session struct {
	mux    *mux
	at     *door
	local  credentials
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup // its readers and diallers
	marked chan *socket   // the socket on which the peer's marker came
	proven chan *socket   // sockets on which the peer answered a check of ours
	relays chan struct{}  // closed when relayed connections may take part

	mu          sync.Mutex
	closed      bool
	handed      bool // a socket was handed off; the agent has nothing more to say
	bases       map[netip.Addr]*base
	accepted    int                         // connections taken in that the peer dialled
	remote      credentials                 // set by start, like the fields below
	controlling bool                        // our role
	dialable    map[netip.AddrPort]sdp.Type // everything else is never dialled
	attempts    map[tuple]*Attempt          // what became of each pair that was tried
}

func newSession(m *mux, at *door, local credentials) *session {
	ses := &session{mux: m, at: at, local: local, marked: make(chan *socket, 1), proven: make(chan *socket, maxProven), relays: make(chan struct{}), bases: make(map[netip.Addr]*base)}
	ses.ctx, ses.cancel = context.WithCancel(m.ctx)
	return ses
}

// start is called once, when the other side's text is known and before the first
// check leaves.
func (ses *session) start(remote credentials, controlling bool, dial []sdp.Candidate) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	ses.remote, ses.controlling = remote, controlling
	ses.dialable = make(map[netip.AddrPort]sdp.Type)
	for _, c := range dial {
		ses.dialable[c.Addr] = c.Type
	}
}

// close ends the session: its sockets are closed, all but the one that take has
// given away. It does not wait; wg does.
func (ses *session) close() {
	ses.cancel()
	ses.mu.Lock()
	ses.closed = true
	var open []*socket
	for _, b := range ses.bases {
		open = append(open, values(b.socks)...)
	}
	ses.mu.Unlock()
	for _, s := range open {
		s.Close()
	}
}

// addBase makes the packet connection of one local address. pion would close one
// that it got twice, so an address that two interfaces share is refused the second time.
func (ses *session) addBase(addr netip.AddrPort) (*base, error) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.closed || ses.bases[addr.Addr()] != nil {
		return nil, net.ErrClosed
	}
	b := newBase(ses, addr)
	ses.bases[addr.Addr()] = b
	return b, nil
}

// adopt gives s to the base that it belongs to, and nil, with s closed, if there is
// none, or it has a socket with that peer already, or the peer has had its share.
// The caller must then call serve.
func (ses *session) adopt(s *socket) *base {
	ses.mux.assign(s, ses)
	ses.mu.Lock()
	b := ses.homeLocked(s)
	if ses.closed || b == nil || b.socks[s.as] != nil || !s.dialled && ses.accepted == maxAccepted {
		ses.mu.Unlock()
		s.Close()
		return nil
	}
	if !s.dialled {
		ses.accepted++
	}
	b.socks[s.as] = s
	s.at = b.addr.Addr()
	ses.attemptLocked(b.pair(s)).opened(s)
	waiting := b.waiting[s.as]
	delete(b.waiting, s.as)
	ses.wg.Add(1)
	ses.mu.Unlock()
	if waiting != nil {
		s.writeFrame(waiting)
	}
	return b
}

// homeLocked finds the base of a socket: that of its local address. A relayed
// connection arrived at an address that is not ours, maybe of a family that we have
// not; any base will do, for the agent only sees packets. But the agent must not take
// it for a direct connection with the same address of the peer, which may still be
// dialled; so there the peer gets an address that nobody has (RFC 1112 §4, RFC 6666).
func (ses *session) homeLocked(s *socket) *base {
	if s.relay == "" {
		return ses.bases[s.local.Addr()]
	}
	var home *base
	for addr, b := range ses.bases {
		if home == nil || addr.Less(home.addr.Addr()) {
			home = b
		}
	}
	if home == nil {
		return nil
	}
	nobody := [16]byte{0: 1, 15: byte(ses.accepted)}
	s.as = netip.AddrPortFrom(netip.AddrFrom16(nobody), 1)
	if home.addr.Addr().Is4() {
		s.as = netip.AddrPortFrom(netip.AddrFrom4([4]byte{240, 0, 0, nobody[15]}), 1)
	}
	return home
}

// hold keeps a relayed connection back until direct ones have had their chance:
// it stands already when ours are yet to be dialled, so it would always win.
func (ses *session) hold(s *socket) {
	if s.relay == "" {
		return
	}
	select {
	case <-ses.relays:
	case <-s.gone:
	case <-ses.ctx.Done():
	}
}

// release takes s out of the session; false if it is there no longer.
func (ses *session) release(s *socket) bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	b := ses.bases[s.at]
	if ses.closed || b == nil || b.socks[s.as] != s {
		return false
	}
	delete(b.socks, s.as)
	return true
}

// serve reads the frames of s for the agent until the marker comes, or an error, or
// another session has the better claim. A frame that is neither STUN nor the
// marker is an error. buf has room for maxFrame bytes.
func (ses *session) serve(b *base, s *socket, buf []byte) {
	defer ses.wg.Done()
	claimed := !s.dialled
	for {
		frame, err := s.readFrame(buf)
		switch {
		case err == nil && stun.IsMessage(frame):
			if !claimed {
				rival, ours := ses.contend(frame)
				if claimed = ours; rival != nil {
					ses.cede(s, rival, frame, buf)
					return
				}
			}
			b.deliver(frame, s)
			ses.prove(s, frame)
		case err == nil && ses.isMarker(s, frame):
			ses.mark(s)
			return
		default:
			ses.mux.log.Debug("icetcp: socket closed", "local", s.local, "remote", s.remote, "err", err)
			ses.release(s)
			s.Close()
			return
		}
	}
}

// maxProven is how many sockets wait to be nominated; one is enough.
const maxProven = 8

// prove notes that the peer answered a check on s: a success response, authentic
// by the peer's password (RFC 8445 §7.2.5).
func (ses *session) prove(s *socket, frame []byte) {
	ses.mu.Lock()
	pwd, controlling := ses.remote.pwd, ses.controlling
	ses.mu.Unlock()
	if !controlling || s.proven {
		return
	}
	m := &stun.Message{Raw: append([]byte(nil), frame...)}
	if m.Decode() != nil || m.Type != stun.BindingSuccess || stun.MessageIntegrity(pwd).Check(m) != nil {
		return
	}
	s.proven = true
	select {
	case ses.proven <- s:
	default:
	}
}

// base is what pion sees of one local address: a net.PacketConn whose packets are
// frames on the sockets of that address.
type base struct {
	ses  *session
	addr netip.AddrPort
	in   chan packet
	once sync.Once
	done chan struct{}

	// Guarded by ses.mu, by remote address:
	socks    map[netip.AddrPort]*socket
	dialling map[netip.AddrPort]bool
	waiting  map[netip.AddrPort][]byte // the newest check that has no socket yet
}

type packet struct {
	data []byte
	from net.Addr
}

func newBase(ses *session, addr netip.AddrPort) *base {
	return &base{
		ses:      ses,
		addr:     addr,
		in:       make(chan packet),
		done:     make(chan struct{}),
		socks:    make(map[netip.AddrPort]*socket),
		dialling: make(map[netip.AddrPort]bool),
		waiting:  make(map[netip.AddrPort][]byte),
	}
}

// deliver hands a frame to the agent, which may let the peer wait.
func (b *base) deliver(frame []byte, s *socket) {
	p := packet{append([]byte(nil), frame...), net.TCPAddrFromAddrPort(s.as)}
	select {
	case b.in <- p:
	case <-b.done:
	case <-s.gone:
	case <-b.ses.ctx.Done():
	}
}

// ReadFrom implements net.PacketConn.
func (b *base) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case k := <-b.in:
		return copy(p, k.data), k.from, nil
	case <-b.done:
	case <-b.ses.ctx.Done():
	}
	return 0, nil, net.ErrClosed
}

// WriteTo implements net.PacketConn. Without a socket with that peer it starts to
// dial one, if the peer may be dialled, and keeps p for it. p is STUN, which its
// sender repeats, so nothing is lost that is not sent again. After the hand-off it
// drops everything.
func (b *base) WriteTo(p []byte, to net.Addr) (int, error) {
	remote := addrPort(to)
	b.ses.mu.Lock()
	s := b.socks[remote]
	closed := b.ses.closed
	_, may := b.ses.dialable[remote]
	if s == nil && !closed && !b.ses.handed && may {
		b.waiting[remote] = append([]byte(nil), p...)
		b.dialLocked(remote)
	}
	b.ses.mu.Unlock()
	switch {
	case closed:
		return 0, io.ErrClosedPipe
	case s != nil:
		if err := s.writeFrame(p); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// LocalAddr implements net.PacketConn; its port is what pion offers.
func (b *base) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(b.addr) }

// Close implements net.PacketConn. The sockets are closed with the session.
func (b *base) Close() error {
	b.once.Do(func() { close(b.done) })
	return nil
}

// SetDeadline implements net.PacketConn; pion calls it only before Close, which is enough.
func (b *base) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn.
func (b *base) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.PacketConn.
func (b *base) SetWriteDeadline(time.Time) error { return nil }
