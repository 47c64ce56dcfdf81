package icetcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/passeur-p2p/passeur/test/loopback"
)

// relayTest is a TURN server on the loopback: it forwards by listening itself.
type relayTest struct {
	borrow func(ctx context.Context) error // nil: no error

	mu      sync.Mutex
	handle  func(net.Conn, string)
	addr    netip.AddrPort
	loans   int
	permits []netip.Addr
}

var _ Relay = (*relayTest)(nil)

// newRelayTest starts one; what is left of it ends with the test.
func newRelayTest(t testing.TB) *relayTest {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relayTest{addr: addrPort(l.Addr())}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return r
}

func (r *relayTest) pass(c net.Conn) {
	r.mu.Lock()
	handle := r.handle
	r.mu.Unlock()
	if handle == nil {
		c.Close()
		return
	}
	handle(c, "turn.example:3478")
}

func (r *relayTest) HandleConns(f func(net.Conn, string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle = f
}

func (r *relayTest) Borrow(ctx context.Context) ([]netip.AddrPort, func(), error) {
	if r.borrow != nil {
		if err := r.borrow(ctx); err != nil {
			return nil, func() {}, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loans++
	return []netip.AddrPort{r.addr}, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.loans--
	}, nil
}

func (r *relayTest) Permit(ctx context.Context, peers []netip.Addr) error {
	r.mu.Lock()
	r.permits = append(r.permits, peers...)
	r.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (r *relayTest) lent() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loans
}

// only lets nothing but the relays' addresses be dialled, until it is opened.
type only struct {
	relays []netip.AddrPort

	mu     sync.Mutex
	opened bool
}

func (o *only) open() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened = true
}

func (o *only) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened || len(a) < 2 {
		return true
	}
	addr, err := manet.ToNetAddr(a[:2])
	return err == nil && slices.Contains(o.relays, addrPort(addr))
}
func (*only) InterceptPeerDial(peer.ID) bool              { return true }
func (*only) InterceptAccept(network.ConnMultiaddrs) bool { return true }
func (*only) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool {
	return true
}
func (*only) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// TestRelayed: through the relay of either side, and of both, when nothing else can
// be dialled; both sides say so.
func TestRelayed(t *testing.T) {
	for _, v := range []struct{ a, b bool }{{true, false}, {false, true}, {true, true}} {
		t.Run(fmt.Sprint("offerer ", v.a, ", answerer ", v.b), func(t *testing.T) {
			ra, rb := newRelayTest(t), newRelayTest(t)
			gate := &only{relays: []netip.AddrPort{ra.addr, rb.addr}}
			config := func(r *relayTest, has bool) func(*Config) {
				return func(c *Config) {
					c.Gater, c.RelayDelay = gate, 10*time.Millisecond
					if has {
						c.Relay = r
					}
				}
			}
			x := newExchange()
			a, b := newDevice(t, x, config(ra, v.a)), newDevice(t, x, config(rb, v.b))
			out, in := a.dial(t, b, b.listen(t))
			echo(t, out, in)
			pa, pb := pathOf(t, out), pathOf(t, in)
			host, at := pa, pb // who owns the relay, and who dialled it
			if pa.LocalType != "relay" {
				host, at = pb, pa
			}
			if host.Kind != Relayed || host.LocalType != "relay" || host.Relay != "turn.example:3478" || host.RTT <= 0 {
				t.Errorf("its owner says %+v", host)
			}
			if at.Kind != Relayed || at.RemoteType != "relay" || at.Relay != "127.0.0.1" || at.RTT <= 0 || at.Remote != host.Local {
				t.Errorf("the other side says %+v", at)
			}
			for end, c := range map[string]transport.CapableConn{"out": out, "in": in} {
				if !c.Transport().Proxy() {
					t.Error(end, " passes for direct")
				}
			}
			if n, _ := a.LastNegotiation(b.id); n.Path == nil || n.Path.Kind != Relayed || n.Err != nil {
				t.Errorf("reported %+v", n)
			}
			for _, r := range []*relayTest{ra, rb} {
				eventually(t, "the loans are back", func() bool { return r.lent() == 0 })
			}
			if v.a && !slices.Contains(ra.permits, onLoopback.Addr()) {
				t.Error("permitted ", ra.permits)
			}
		})
	}
}

func pathOf(t testing.TB, c transport.CapableConn) Path {
	t.Helper()
	p, ok := PathOf(c.(network.ConnStat))
	if !ok {
		t.Fatal("no path")
	}
	return p
}

// TestDirectWins: relays of both sides, but the direct way is open.
func TestDirectWins(t *testing.T) {
	x := newExchange()
	relay := func(c *Config) { c.Relay = newRelayTest(t) }
	a, b := newDevice(t, x, relay), newDevice(t, x, relay)
	l := b.listen(t)
	for range 5 {
		out, in := a.dial(t, b, l)
		echo(t, out, in)
		if p := pathOf(t, out); p.Kind != Direct || out.Transport().Proxy() {
			t.Error("connected by ", p)
		}
	}
}

// TestRelayedHeld: the other side came through our relay before our checks began, and
// yet the direct connection is taken, although it is the later one.
func TestRelayedHeld(t *testing.T) {
	r := newRelayTest(t)
	x := newExchange()
	late := make(chan struct{})
	a := newDevice(t, x, func(c *Config) {
		c.Relay = r
		s := c.Signaller
		c.Signaller = signalFunc(func(ctx context.Context, offer []byte) ([]byte, error) {
			answer, err := s.Offer(ctx, x.only(), offer)
			<-late // a slow way back
			return answer, err
		})
	})
	gate := &only{relays: []netip.AddrPort{r.addr}}
	b := newDevice(t, x, func(c *Config) { c.Gater, c.RelayDelay = gate, time.Millisecond })
	go func() {
		defer close(late)
		eventually(t, "b came through the relay", func() bool {
			a.mux.mu.Lock()
			defer a.mux.mu.Unlock()
			for s := range a.mux.sockets {
				if s.relay != "" && s.ses != nil {
					return true
				}
			}
			return false
		})
	}()
	out, in := a.dial(t, b, b.listen(t))
	echo(t, out, in)
	if p := pathOf(t, out); p.Kind != Direct {
		t.Error("connected by ", p)
	}
}

// only gives the one device that listens.
func (x *exchange) only() peer.ID {
	x.mu.Lock()
	defer x.mu.Unlock()
	for p := range x.answers {
		return p
	}
	return ""
}

// TestRelayFails: without a loan the rest goes on.
func TestRelayFails(t *testing.T) {
	x := newExchange()
	a := newDevice(t, x, func(c *Config) {
		c.Relay = &relayTest{borrow: func(context.Context) error { return errors.New("wrong password") }}
	})
	b := newDevice(t, x, nil)
	out, in := a.dial(t, b, b.listen(t))
	echo(t, out, in)
	if a.relays.tired.Load() {
		t.Error("the loan that failed was waited for")
	}
}

// TestCloseWhileGathering: an answer that waits for a relay does not keep Close.
func TestCloseWhileGathering(t *testing.T) {
	x := newExchange()
	asked, ended := make(chan struct{}, 1), make(chan error, 1)
	b := newDevice(t, x, func(c *Config) {
		c.Relay = &relayTest{borrow: func(ctx context.Context) error {
			asked <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}}
	})
	b.listen(t)
	refused := make(chan error, 1)
	go func() {
		_, err := x.answer(b.id)(context.Background(), "somebody", offerBytes(t, nil))
		refused <- err
	}()
	<-asked
	b.Close()
	if err := <-ended; err != context.Canceled {
		t.Error("the relay was waited for: ", err)
	}
	if err := <-refused; err == nil {
		t.Error("answered")
	}
}

// TestRelayAfterClose: what comes through a relay later is closed.
func TestRelayAfterClose(t *testing.T) {
	a := newDevice(t, newExchange(), nil)
	a.Close()
	ours, theirs := net.Pipe()
	a.mux.admitRelayed(ours, "turn.example:3478")
	closed(t, "late", theirs)
}

// TestRelayOfOtherFamily: an IPv6 relay serves a host that has no IPv6, and two
// connections from one address of the peer are two for the agent.
func TestRelayOfOtherFamily(t *testing.T) {
	m := newTestMux(t)
	ses, p := newTestSession(t, m)
	froms := make(map[string]bool)
	for range 2 {
		ours, theirs := loopback.TCP(t)
		c := elsewhere{ours, netip.MustParseAddrPort("[2001:db8::1]:50000"), netip.MustParseAddrPort("[2001:db8::2]:40000")}
		go m.admitRelayed(c, "turn.example:3478")
		theirs.Write(appendFrame(nil, check(t, ses.local, "peer")))
		if len(froms) == 0 {
			close(ses.relays)
		}
		_, from := packetFrom(t, p)
		froms[from.String()] = true
		if ap := addrPort(from); !ap.Addr().Is4() || !netip.MustParsePrefix("240.0.0.0/4").Contains(ap.Addr()) {
			t.Error("the agent sees ", from)
		}
	}
	if len(froms) != 2 {
		t.Error("the agent sees ", froms)
	}
	for _, a := range ses.attempted(nil) {
		if a.Local.String() != "[2001:db8::1]:50000" || a.Relay != "turn.example:3478" || !a.Open || !a.Accepted {
			t.Errorf("attempt %+v", a)
		}
	}
}

// elsewhere is a connection that says it has other addresses.
type elsewhere struct {
	net.Conn
	local, remote netip.AddrPort
}

func (e elsewhere) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(e.local) }
func (e elsewhere) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(e.remote) }

// TestReport: the pairs, what became of them, and that there was no answer in time.
func TestReport(t *testing.T) {
	dead := closedPort(t)
	x := newExchange()
	a := newDevice(t, x, func(c *Config) { c.Gater, c.Timeout = &only{relays: []netip.AddrPort{dead}}, time.Second })
	b := newDevice(t, x, func(c *Config) {
		c.Gater, c.Timeout = &only{}, time.Second
		c.Relay = &relayTest{addr: dead}
	})
	b.listen(t)
	if c, err := a.Dial(t.Context(), Addr, b.id); err == nil {
		c.Close()
		t.Fatal("connected")
	}
	n, ok := a.LastNegotiation(b.id)
	if !ok || n.Err == nil || n.Path != nil || !n.Controlling || n.Peer != b.id || n.Ended.Before(n.Started) {
		t.Errorf("reported %+v", n)
	}
	if want := []string{"host " + a.mux.addr().String()}; !slices.Equal(n.Local, want) {
		t.Errorf("our addresses are %q", n.Local)
	}
	if want := []string{"host " + b.mux.addr().String(), "relay " + dead.String()}; !slices.Equal(n.Remote, want) {
		t.Errorf("its addresses are %q", n.Remote)
	}
	// The relayed pair is not dialled before its time is up; a's time is up before.
	if len(n.Attempts) != 0 {
		t.Errorf("attempts %+v", n.Attempts)
	}
	a.cfg.RelayDelay = time.Millisecond
	if c, err := a.Dial(t.Context(), Addr, b.id); err == nil {
		c.Close()
	}
	n, _ = a.LastNegotiation(b.id)
	if len(n.Attempts) != 1 || n.Attempts[0].Failure != "refused" || n.Attempts[0].Dials < 2 || n.Attempts[0].Open ||
		n.Attempts[0].RemoteType != "relay" || n.Attempts[0].Local != a.mux.addr() || n.Attempts[0].Remote != dead {
		t.Errorf("attempts %+v", n.Attempts)
	}
	if _, ok := b.LastNegotiation(a.id); !ok {
		eventually(t, "b's report", func() bool { _, ok := b.LastNegotiation(a.id); return ok })
	}
	if _, ok := a.LastNegotiation(a.id); ok {
		t.Error("a report of no negotiation")
	}
}

// TestReports: only the most recent are kept.
func TestReports(t *testing.T) {
	a := newDevice(t, newExchange(), nil)
	begin := time.Now()
	for i := range maxReports + 10 {
		a.keep(Negotiation{Peer: peer.ID(fmt.Sprint(i)), Ended: begin.Add(time.Duration(i))})
	}
	_, first := a.LastNegotiation("9")
	_, last := a.LastNegotiation("10")
	if first || !last || len(a.reports) != maxReports {
		t.Error(first, last, len(a.reports))
	}
}

// TestReplaceRelayed: a swarm that has a relayed connection dials past it when it is
// told to, and gets a direct one, never another relayed one.
func TestReplaceRelayed(t *testing.T) {
	x := newExchange()
	ra := newRelayTest(t)
	gate := &only{relays: []netip.AddrPort{ra.addr}}
	a, ta := newHostWith(t, x, func(c *Config) { c.Gater, c.Relay, c.RelayDelay = gate, ra, time.Millisecond })
	b, _ := newHostWith(t, x, func(c *Config) { c.Gater, c.RelayDelay = gate, time.Millisecond })
	a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
	c := echoTo(t, a, b.ID())
	if c == nil {
		t.FailNow()
	}
	if p, ok := PathOf(c); !ok || p.Kind != Relayed {
		t.Errorf("path %+v, %v", p, ok)
	}
	ctx, cancel := context.WithTimeout(network.WithForceDirectDial(t.Context(), "test"), time.Second)
	err := connectDirect(ctx, a, b.ID())
	cancel()
	if err == nil {
		t.Error("a second relayed connection")
	}
	eventually(t, "the vain dial is reported", func() bool {
		n, _ := ta.LastNegotiation(b.ID())
		return n.Err != nil && n.Path == nil && len(n.Local) == 1
	})
	gate.open()
	ctx, cancel = context.WithTimeout(network.WithForceDirectDial(t.Context(), "test"), deadline)
	defer cancel()
	if err := connectDirect(ctx, a, b.ID()); err != nil {
		t.Fatal(err)
	}
	kinds := func(h host.Host, p peer.ID) (s string) {
		for _, c := range h.Network().ConnsToPeer(p) {
			p, _ := PathOf(c)
			s += fmt.Sprint(p.Kind, " ", c.Stat().Direction, ", ")
		}
		return s
	}
	eventually(t, "both have both", func() bool {
		return len(a.Network().ConnsToPeer(b.ID())) == 2 && len(b.Network().ConnsToPeer(a.ID())) == 2
	})
	if ka, kb := kinds(a, b.ID()), kinds(b, a.ID()); ka != "relayed Outbound, direct Outbound, " || kb != "relayed Inbound, direct Inbound, " {
		t.Error(ka, "and ", kb)
	}
	if c := echoTo(t, a, b.ID()); c != nil {
		if p, _ := PathOf(c); p.Kind != Direct {
			t.Error("a new stream takes ", p)
		}
	}
}

func connectDirect(ctx context.Context, h host.Host, p peer.ID) error {
	h.Peerstore().ClearAddrs(p) // identify has put in its TCP address
	h.Peerstore().AddAddr(p, Addr, time.Hour)
	_, err := h.Network().DialPeer(ctx, p)
	return err
}
