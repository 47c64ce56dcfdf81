package icetcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
	"github.com/passeur-p2p/passeur/test/loopback"
)

func newTestMux(t testing.TB) *mux { return newImpatientMux(t, deadline) }

func newImpatientMux(t testing.TB, patience time.Duration) *mux {
	t.Helper()
	m, err := newMux(onLoopback, patience, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// newTestSession makes a session on m with the packet connection that an agent would ask for.
func newTestSession(t testing.TB, m *mux) (*session, net.PacketConn) {
	t.Helper()
	ses, err := m.newSession(m.front)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.GetConnByUfrag(ses.local.ufrag, false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	return ses, b
}

func (m *mux) addr() netip.AddrPort { return addrPort(m.front.listeners[0].Addr()) }

// check builds the frame of a check that an agent sends to one with credentials to.
func check(t testing.TB, to credentials, theirs string) []byte {
	t.Helper()
	msg, err := stun.Build(stun.BindingRequest, stun.TransactionID,
		stun.NewUsername(to.ufrag+":"+theirs), stun.NewShortTermIntegrity(to.pwd), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return msg.Raw
}

// stranger opens a connection to m and sends bytes.
func stranger(t testing.TB, m *mux, p []byte) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", m.addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// closed waits until the other side closes c and says nothing before.
func closed(t testing.TB, what string, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(deadline))
	b, err := io.ReadAll(c)
	if len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: read %d bytes, %v; want the connection closed", what, len(b), err)
	}
}

// packetFrom reads the next packet of an agent's connection.
func packetFrom(t testing.TB, p net.PacketConn) ([]byte, net.Addr) {
	t.Helper()
	buf := make([]byte, maxFrame)
	n, from, err := p.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n], from
}

// TestStrangers: what is no check of a session of ours is closed without a word.
func TestStrangers(t *testing.T) {
	m := newTestMux(t)
	ses, _ := newTestSession(t, m)
	wrong := credentials{ses.local.ufrag, "wrong" + ses.local.pwd}
	response := stun.MustBuild(stun.TransactionID, stun.BindingSuccess, stun.NewShortTermIntegrity(ses.local.pwd))
	noName := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewShortTermIntegrity(ses.local.pwd))
	unsigned := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(ses.local.ufrag+":x"))
	for what, p := range map[string][]byte{
		"an HTTP request":        []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"a TLS hello":            append([]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, make([]byte, 512)...),
		"nothing framed":         {0, 0},
		"zeros":                  appendFrame(nil, make([]byte, 20)),
		"a huge frame":           {0xff, 0xff, 1, 2, 3},
		"another session":        appendFrame(nil, check(t, credentials{"ffffffff", ses.local.pwd}, "x")),
		"a wrong password":       appendFrame(nil, check(t, wrong, "x")),
		"a response":             appendFrame(nil, response.Raw),
		"no USERNAME":            appendFrame(nil, noName.Raw),
		"no MESSAGE-INTEGRITY":   appendFrame(nil, unsigned.Raw),
		"a marker before checks": appendFrame(nil, marker("controlling", ses.local, ses.local)),
	} {
		closed(t, what, stranger(t, m, p))
	}
	eventually(t, "everything freed", func() bool { return m.left() == "1 sessions, 0 sockets, 0 unknown" })
}

// TestSlowStrangers: connections that say nothing, or too little, are few, and do not
// keep out one that speaks.
func TestSlowStrangers(t *testing.T) {
	m := newTestMux(t)
	ses, agent := newTestSession(t, m)
	var slow []*net.TCPConn
	for range maxUnknown + 50 {
		slow = append(slow, stranger(t, m, []byte{0}))
	}
	for _, c := range slow[:20] {
		closed(t, "one of the oldest", c)
	}
	eventually(t, "no more than the limit", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.unknown.Len() == maxUnknown && len(m.sockets) == maxUnknown
	})
	frame := check(t, ses.local, "x")
	stranger(t, m, appendFrame(nil, frame))
	if got, _ := packetFrom(t, agent); !bytes.Equal(got, frame) {
		t.Errorf("the agent got %x", got)
	}
}

// TestPatience: an accepted connection has a limited time for its first frame.
func TestPatience(t *testing.T) {
	m := newImpatientMux(t, 20*time.Millisecond)
	closed(t, "half a frame", stranger(t, m, []byte{0, 20, 0, 1}))
	eventually(t, "freed", func() bool { return m.left() == "0 sessions, 0 sockets, 0 unknown" })
}

// TestRoute: checks reach the agent whose fragment they name, and answers the socket.
func TestRoute(t *testing.T) {
	m := newTestMux(t)
	for range 3 {
		ses, agent := newTestSession(t, m)
		first, second := check(t, ses.local, "x"), check(t, ses.local, "x")
		c := stranger(t, m, appendFrame(appendFrame(nil, first), second))
		got, from := packetFrom(t, agent)
		if !bytes.Equal(got, first) || addrPort(from) != addrPort(c.LocalAddr()) {
			t.Errorf("got %x from %s", got, from)
		}
		if got, _ = packetFrom(t, agent); !bytes.Equal(got, second) {
			t.Errorf("then got %x", got)
		}
		if _, err := agent.WriteTo([]byte("answer"), from); err != nil {
			t.Error(err)
		}
		if got, err := readFrame(c, make([]byte, maxFrame)); err != nil || string(got) != "answer" {
			t.Errorf("the answer is %q, %v", got, err)
		}
	}
}

// TestAcceptedCap: even with the password one cannot open connections without end.
func TestAcceptedCap(t *testing.T) {
	m := newTestMux(t)
	ses, agent := newTestSession(t, m)
	frame := appendFrame(nil, check(t, ses.local, "x"))
	for range maxAccepted {
		c := stranger(t, m, frame)
		packetFrom(t, agent)
		c.Close()
	}
	closed(t, "one more", stranger(t, m, frame))
}

// TestDialsOnlyCandidates: an agent's packets make us dial the candidates that passed
// the filter and nobody else, not even an address that has dialled us.
func TestDialsOnlyCandidates(t *testing.T) {
	m, other := newTestMux(t), newTestMux(t)
	ses, agent := newTestSession(t, m)
	allowed, _ := newTestSession(t, other)
	ses.start(allowed.local, true, []sdp.Candidate{{Addr: other.addr()}})

	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	agent.WriteTo(check(t, allowed.local, ses.local.ufrag), trap.Addr())
	agent.WriteTo(check(t, allowed.local, ses.local.ufrag), net.TCPAddrFromAddrPort(other.addr()))
	eventually(t, "the candidate dialled", func() bool { return ses.socket(onLoopback.Addr(), other.addr()) != nil })
	trap.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
	if c, err := trap.Accept(); err == nil {
		c.Close()
		t.Error("a stranger was dialled")
	}
	if s := ses.socket(onLoopback.Addr(), other.addr()); s.local != m.addr() {
		t.Errorf("dialled from %s, not from the listening port %s", s.local, m.addr())
	}
}

// aboutToHandOff makes two sessions that are about to hand off: the sockets of one connection.
func aboutToHandOff(t testing.TB) (controlling, controlled *session, s *socket) {
	t.Helper()
	a, b := newTestMux(t), newTestMux(t)
	controlling, agent := newTestSession(t, a)
	controlled, other := newTestSession(t, b)
	controlling.start(controlled.local, true, []sdp.Candidate{{Addr: b.addr()}})
	controlled.start(controlling.local, false, nil)
	agent.WriteTo(check(t, controlled.local, controlling.local.ufrag), net.TCPAddrFromAddrPort(b.addr()))
	packetFrom(t, other)
	s = controlling.socket(onLoopback.Addr(), b.addr())
	if s == nil {
		t.Fatal("no socket")
	}
	return controlling, controlled, s
}

func TestHandOff(t *testing.T) {
	a, b, s := aboutToHandOff(t)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	type result struct {
		s   *socket
		err error
	}
	ch := make(chan result, 1)
	go func() {
		s, err := b.handOffControlled(ctx)
		ch <- result{s, err}
	}()
	if err := a.handOffControlling(ctx, s); err != nil {
		t.Fatal(err)
	}
	r := <-ch
	if r.err != nil {
		t.Fatal(r.err)
	}

	// Late STUN is dropped by both: by the socket, and by a session that has no socket any more.
	late := check(t, b.local, a.local.ufrag)
	s.writeFrame(late)
	a.bases[onLoopback.Addr()].WriteTo(late, net.TCPAddrFromAddrPort(s.remote))
	r.s.writeFrame(late)
	if len(a.bases[onLoopback.Addr()].dialling) > 0 {
		t.Error("late STUN dialled again")
	}

	// The sessions end, the connection stays.
	a.mux.RemoveConnByUfrag(a.local.ufrag)
	b.mux.RemoveConnByUfrag(b.local.ufrag)
	a.wg.Wait()
	b.wg.Wait()
	out, err1 := newConn(s, &Path{})
	in, err2 := newConn(r.s, &Path{})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	checkTCP(t, out, in)
	if left := a.mux.left() + "; " + b.mux.left(); left != "0 sessions, 0 sockets, 0 unknown; 0 sessions, 0 sockets, 0 unknown" {
		t.Error("left: ", left)
	}
}

// checkTCP: the connection is a byte stream with half-close, and closes both.
func checkTCP(t testing.TB, out, in *conn) {
	t.Helper()
	if _, err := out.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	if err := out.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(in); err != nil || string(b) != "there" {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := in.Write([]byte("and back")); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(out); err != nil || string(b) != "and back" {
		t.Errorf("read %q, %v", b, err)
	}
	out.Close()
	if _, err := in.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Error("write after Close: ", err)
	}
}

// TestBytesWithMarker: the first bytes of the stream may come with the marker.
func TestBytesWithMarker(t *testing.T) {
	m := newTestMux(t)
	ses, agent := newTestSession(t, m)
	peer := credentials{"peer", strings.Repeat("p", 32)}
	ses.start(peer, false, nil)
	hello := bytes.Repeat([]byte("hello "), 2000)
	wire := appendFrame(nil, check(t, ses.local, peer.ufrag))
	wire = appendFrame(wire, marker("controlling", peer, ses.local))
	c := stranger(t, m, append(wire, hello...))
	c.CloseWrite()
	packetFrom(t, agent)
	s, err := ses.handOffControlled(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	in, err := newConn(s, &Path{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if b, err := io.ReadAll(in); err != nil || !bytes.Equal(b, hello) {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
	if in.rest != nil {
		t.Error("reads still go through the buffer")
	}
	ours, err := readFrame(c, make([]byte, maxFrame))
	if err != nil || !bytes.Equal(ours, marker("controlled", peer, ses.local)) {
		t.Errorf("our marker: %x, %v", ours, err)
	}
}

// TestWrongMarkers: whoever sends one loses the connection; the session goes on.
func TestWrongMarkers(t *testing.T) {
	m := newTestMux(t)
	ses, agent := newTestSession(t, m)
	peer := credentials{"peer", strings.Repeat("p", 32)}
	ses.start(peer, false, nil)
	good := marker("controlling", peer, ses.local)
	flipped := append([]byte(nil), good...)
	flipped[markerLen-1] ^= 1
	for what, p := range map[string][]byte{
		"a bit flipped":       flipped,
		"our own role":        marker("controlled", peer, ses.local),
		"another password":    marker("controlling", credentials{"peer", strings.Repeat("q", 32)}, ses.local),
		"cut short":           good[:markerLen-1],
		"too long":            append(good[:markerLen:markerLen], 0),
		"the magic alone":     []byte(markerMagic),
		"application data":    []byte("\x16\x03\x01 a TLS hello"),
		"an empty frame":      {},
		"STUN without cookie": make([]byte, 20),
	} {
		c := stranger(t, m, appendFrame(nil, check(t, ses.local, peer.ufrag)))
		packetFrom(t, agent)
		if _, err := c.Write(appendFrame(nil, p)); err != nil {
			t.Fatal(err)
		}
		closed(t, what, c)
	}
	stranger(t, m, appendFrame(appendFrame(nil, check(t, ses.local, peer.ufrag)), good))
	packetFrom(t, agent)
	s, err := ses.handOffControlled(context.Background())
	if err != nil {
		t.Fatal("the right marker after the wrong ones: ", err)
	}
	s.Close()
}

// TestSecondMarker: one session hands off one socket.
func TestSecondMarker(t *testing.T) {
	m := newTestMux(t)
	ses, agent := newTestSession(t, m)
	peer := credentials{"peer", strings.Repeat("p", 32)}
	ses.start(peer, false, nil)
	wire := appendFrame(appendFrame(nil, check(t, ses.local, peer.ufrag)), marker("controlling", peer, ses.local))
	first := stranger(t, m, wire)
	packetFrom(t, agent)
	eventually(t, "the marker seen", func() bool { return len(ses.marked) == 1 })
	second := stranger(t, m, wire)
	packetFrom(t, agent)
	closed(t, "the second", second)
	s, err := ses.handOffControlled(context.Background())
	if err != nil || s.remote != addrPort(first.LocalAddr()) {
		t.Errorf("handed off %+v, %v", s, err)
	}
}

func TestHandOffFails(t *testing.T) {
	t.Run("the peer closes", func(t *testing.T) {
		a, b, s := aboutToHandOff(t)
		b.close()
		if err := a.handOffControlling(context.Background(), s); err == nil {
			t.Error("handed off")
		}
	})
	t.Run("the peer is silent", func(t *testing.T) {
		a, _, s := aboutToHandOff(t)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Millisecond, cancel)
		if err := a.handOffControlling(ctx, s); !errors.Is(err, context.Canceled) {
			t.Error("got ", err)
		}
	})
	t.Run("the session ends", func(t *testing.T) {
		a, b, s := aboutToHandOff(t)
		go a.handOffControlling(context.Background(), s)
		eventually(t, "the marker seen", func() bool { return len(b.marked) == 1 })
		b.close()
		if s, err := b.handOffControlled(context.Background()); err == nil {
			t.Errorf("handed off %+v", s)
		}
	})
}

// TestContention: two sessions of the same two devices on one connection. It goes to
// the same session on both sides; the other session gets another connection.
func TestContention(t *testing.T) {
	for range 10 {
		a, b := newTestMux(t), newTestMux(t)
		xa, agentXA := newTestSession(t, a)
		xb, agentXB := newTestSession(t, b)
		ya, agentYA := newTestSession(t, a)
		yb, agentYB := newTestSession(t, b)
		xa.start(xb.local, true, nil)
		xb.start(xa.local, false, nil)
		yb.start(ya.local, true, nil)
		ya.start(yb.local, false, nil)
		agents := map[*session]net.PacketConn{xa: agentXA, xb: agentXB, ya: agentYA, yb: agentYB}

		// One connection that a thinks of as x and b as y.
		endA, endB := loopback.TCP(t)
		sA, sB := take(t, a, endA, xa), take(t, b, endB, yb)
		winnerA, winnerB := xa, xb
		if s := contention(ya.local.ufrag, yb.local.ufrag); less(s, contention(xa.local.ufrag, xb.local.ufrag)) {
			winnerA, winnerB = ya, yb
		}
		sA.writeFrame(check(t, xb.local, xa.local.ufrag))
		sB.writeFrame(check(t, ya.local, yb.local.ufrag))
		// The winner's check finds the socket in the wrong session and moves it. The
		// other one stays with an agent that will not have it.
		moved, stayed := winnerB, winnerA
		if winnerA == ya {
			moved, stayed = winnerA, winnerB
		}
		packetFrom(t, agents[moved])
		go agents[stayed].ReadFrom(make([]byte, maxFrame))
		eventually(t, "both sides agree", func() bool {
			ha, _ := a.holder(sA.tuple)
			hb, _ := b.holder(sB.tuple)
			return ha == winnerA && hb == winnerB
		})
		a.Close()
		b.Close()
	}
}

// TestCeded: the end of a session does not wait for a socket that it gave to another.
func TestCeded(t *testing.T) {
	m := newTestMux(t)
	ours, agent := newTestSession(t, m)
	rival, other := newTestSession(t, m)
	peer := credentials{"zzzz", strings.Repeat("p", 32)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours.start(peer, true, []sdp.Candidate{{Addr: addrPort(l.Addr())}})
	rival.start(credentials{"0", peer.pwd}, false, nil) // comes first
	agent.WriteTo(check(t, peer, ours.local.ufrag), l.Addr())
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say := func() {
		frame := check(t, rival.local, "0")
		if _, err := c.Write(appendFrame(nil, frame)); err != nil {
			t.Fatal(err)
		}
		if got, _ := packetFrom(t, other); !bytes.Equal(got, frame) {
			t.Errorf("the rival's agent got %x", got)
		}
	}
	say()
	m.RemoveConnByUfrag(ours.local.ufrag)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ours.wg.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Fatal("the session waits for its rival")
	}
	say()
}

func less(a, b []string) bool { return strings.Join(a, ":") < strings.Join(b, ":") }

// take makes a mux believe that it dialled c for ses.
func take(t testing.TB, m *mux, c net.Conn, ses *session) *socket {
	t.Helper()
	s := m.open(c, true, ses, "")
	b := ses.adopt(s)
	if b == nil {
		t.Fatal("the session does not take the connection")
	}
	go ses.serve(b, s, make([]byte, maxFrame))
	return s
}

func TestMuxClose(t *testing.T) {
	m := newTestMux(t)
	ses, agent := newTestSession(t, m)
	c := stranger(t, m, appendFrame(nil, check(t, ses.local, "x"))) // its frame waits for the agent
	quiet := stranger(t, m, []byte{0})
	eventually(t, "both in", func() bool { return m.left() == "1 sessions, 2 sockets, 1 unknown" })
	m.Close()
	m.Close()
	closed(t, "known", c)
	closed(t, "unknown", quiet)
	if _, _, err := agent.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
		t.Error("ReadFrom after Close: ", err)
	}
	if _, err := agent.WriteTo(nil, net.TCPAddrFromAddrPort(m.addr())); !errors.Is(err, io.ErrClosedPipe) {
		t.Error("WriteTo after Close: ", err)
	}
	if _, err := m.newSession(m.front); err == nil {
		t.Error("a session after Close")
	}
	if _, err := net.Dial("tcp", m.addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestListen(t *testing.T) {
	both, err := listen(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(both...)
	if len(both) != 2 || portOf(both[0]) != portOf(both[1]) {
		t.Errorf("listening on %v; want one port on IPv4 and IPv6", both)
	}
	if again, err := listen(netip.AddrPortFrom(netip.Addr{}, portOf(both[0]))); !errors.Is(err, syscall.EADDRINUSE) {
		closeAll(again...)
		t.Error("a second listener on the port: ", err)
	}
	one, err := listen(netip.MustParseAddrPort("[::1]:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(one...)
	if len(one) != 1 || addrPort(one[0].Addr()).Addr() != netip.IPv6Loopback() {
		t.Errorf("listening on %v", one)
	}
}

// FuzzAuthenticate: only a check with the right password is for a session.
func FuzzAuthenticate(f *testing.F) {
	m := newTestMux(f)
	ses, _ := newTestSession(f, m)
	ses.local = credentials{"aaaaaaaa", strings.Repeat("b", 32)}
	m.sessions["aaaaaaaa"] = ses
	for _, wire := range vectors(f, "frames.txt") {
		f.Add(unhex(f, wire["wire"]))
	}
	f.Add(check(f, ses.local, "x"))
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("aaaaaaaa:x"), stun.RawAttribute{Type: stun.AttrMessageIntegrity}).Raw)
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		got, _, err := m.authenticate(frame)
		if !bytes.Equal(before, frame) {
			t.Fatal("the frame was changed")
		}
		if err == nil && (got != ses || !bytes.Contains(frame, []byte("aaaaaaaa:"))) {
			t.Fatal("taken for the session's")
		}
	})
}

// FuzzChecks: whatever a peer with the password writes into its STUN, the agent lives.
func FuzzChecks(f *testing.F) {
	ctx, cancel := context.WithCancel(context.Background())
	f.Cleanup(cancel)
	a := newTestAgent(f, time.Hour)
	if _, err := a.gatherHost(ctx); err != nil {
		f.Fatal(err)
	}
	peer := credentials{"peer", strings.Repeat("p", 32)}
	a.ses.start(peer, false, nil)
	a.ses.wg.Go(func() { a.Accept(ctx, peer.ufrag, peer.pwd) })
	b := a.ses.bases[onLoopback.Addr()]
	from := &socket{tuple: tuple{remote: netip.MustParseAddrPort("127.0.0.1:9")}}

	f.Add(uint16(0x0001), []byte("\x00\x24\x04\x6e\x7f\xff\xff\x00\x25\x00\x80\x2a\x08abcdefgh"))
	f.Add(uint16(0x0101), []byte("\x00\x20\x08\x00\x01\x12\x34\x56\x78\x9a\xbc"))
	f.Add(uint16(0x0111), []byte("\x00\x09\x04\x00\x00\x04\x01"))
	f.Add(uint16(0x0011), []byte("\x00\x20\x00"))
	f.Fuzz(func(t *testing.T, typ uint16, attributes []byte) {
		for _, sender := range []credentials{a.ses.local, peer} { // as a request and as a response is signed
			frame := signedSTUN(t, typ, attributes, a.ses.local.ufrag+":"+peer.ufrag, sender.pwd)
			if len(frame) <= maxFrame && stun.IsMessage(frame) {
				b.deliver(frame, from)
			}
		}
		if a.ses.closed {
			t.Fatal("the agent gave up")
		}
	})
}

// signedSTUN builds a message whose attributes come from rest: type in two bytes, length
// in one, value.
func signedSTUN(t testing.TB, typ uint16, rest []byte, username, pwd string) []byte {
	t.Helper()
	m := stun.New()
	m.Type.ReadValue(typ & 0x3fff)
	m.WriteHeader()
	for len(rest) >= 3 {
		n := min(int(rest[2]), len(rest)-3)
		m.Add(stun.AttrType(uint16(rest[0])<<8|uint16(rest[1])), rest[3:3+n])
		rest = rest[3+n:]
	}
	// A MESSAGE-INTEGRITY or FINGERPRINT among them makes these fail; the agent gets that too.
	stun.NewUsername(username).AddTo(m)
	stun.NewShortTermIntegrity(pwd).AddTo(m)
	stun.Fingerprint.AddTo(m)
	return m.Raw
}

// socket gives the socket of a candidate pair, by the agent's names.
func (ses *session) socket(local netip.Addr, remote netip.AddrPort) *socket {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if b := ses.bases[local]; b != nil {
		return b.socks[remote]
	}
	return nil
}
