package icetcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
	"github.com/passeur-p2p/passeur/node/upgrade"
)

// TestPath: both ends know how the connection came about, from the first moment.
func TestPath(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	out, in := a.dial(t, b, b.listen(t))
	for end, c := range map[string]transport.CapableConn{"out": out, "in": in} {
		p, ok := PathOf(c.(network.ConnStat))
		if !ok {
			t.Fatal(end, ": no path")
		}
		if p.Kind != Direct || p.LocalType != "host" || p.RemoteType != "host" || p.Relay != "" {
			t.Errorf("%s: %+v", end, p)
		}
		if p.Controlling != (end == "out") {
			t.Errorf("%s: controlling is %v", end, p.Controlling)
		}
		if p.RTT <= 0 || p.RTT > deadline {
			t.Errorf("%s: RTT is %s", end, p.RTT)
		}
		if p.TLS.Version != tls.VersionTLS13 || p.TLS.CurveID != tls.X25519MLKEM768 || !p.TLS.HandshakeComplete {
			t.Errorf("%s: TLS is %s", end, tlsDetail(p.TLS))
		}
		for addr, m := range map[netip.AddrPort]ma.Multiaddr{p.Local: c.LocalMultiaddr(), p.Remote: c.RemoteMultiaddr()} {
			if want := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/ice", addr.Port()); m.String() != want {
				t.Errorf("%s: multiaddr %s, want %s", end, m, want)
			}
		}
	}
	pa, _ := PathOf(out.(network.ConnStat))
	pb, _ := PathOf(in.(network.ConnStat))
	if pa.Local != pb.Remote || pa.Remote != pb.Local {
		t.Errorf("%s and %s are not one connection", pa, pb)
	}
	if out.LocalMultiaddr().String() != fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/ice", a.mux.addr().Port()) &&
		out.RemoteMultiaddr().String() != fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/ice", b.mux.addr().Port()) {
		t.Error("neither end is a listening port: ", pa)
	}
	if _, ok := PathOf(noPath{}); ok {
		t.Error("a path of a connection that is not ours")
	}
}

type noPath struct{}

func (noPath) Stat() network.ConnStats { return network.ConnStats{} }

// TestKinds: what the candidates of both sides, and who dialled, make of the pair.
func TestKinds(t *testing.T) {
	c := func(a string, typ sdp.Type, way sdp.TCPType, mapped bool) sdp.Candidate {
		return sdp.Candidate{Addr: netip.MustParseAddrPort(a), Type: typ, TCPType: way, Mapped: mapped}
	}
	theirs := sdp.Description{
		Candidates: []sdp.Candidate{
			c("10.0.0.1:4000", sdp.Host, sdp.Passive, false), c("10.0.0.1:9", sdp.Host, sdp.Active, false),
			c("203.0.113.1:4000", sdp.Srflx, sdp.Passive, false), c("203.0.113.1:4444", sdp.Srflx, sdp.Passive, true),
			c("[2001:db8:1::1]:4000", sdp.Host, sdp.Passive, false), c("[2001:db8:2::1]:4000", sdp.Host, sdp.Passive, false),
		},
		Relays: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:50000")},
	}
	public := sdp.Description{Candidates: []sdp.Candidate{c("198.51.100.1:5000", sdp.Host, sdp.Passive, false)}}
	nat := sdp.Description{Candidates: []sdp.Candidate{
		c("10.0.0.2:5000", sdp.Host, sdp.Passive, false), c("198.51.100.1:5000", sdp.Srflx, sdp.Passive, false),
	}}
	for _, v := range []struct {
		what, remote         string
		dialled, peerDialled bool
		ours                 sdp.Description
		mapped               bool
		relay                string
		want                 string
	}{
		{"the same LAN", "10.0.0.1:4000", true, false, nat, false, "", "direct host"},
		{"it dialled from a free port", "10.0.0.1:33333", false, false, nat, false, "", "direct host"},
		{"SYNs met behind firewalls", "[2001:db8:1::1]:4000", true, true, public, false, "", "punched host"},
		{"SYNs met on the LAN, IPv6", "[2001:db8:2::1]:4000", true, true, nat, false, "", "direct host"},
		{"SYNs met on the LAN", "10.0.0.1:4000", true, true, nat, false, "", "direct host"},
		{"SYNs met at NATs", "203.0.113.1:4000", true, true, nat, false, "", "punched srflx"},
		{"its NAT lets all in", "203.0.113.1:4000", true, false, nat, false, "", "punched srflx"},
		{"our NAT lets all in", "203.0.113.1:4000", false, true, nat, false, "", "punched srflx"},
		{"it left its NAT towards our own address", "203.0.113.1:4000", false, true, public, false, "", "direct srflx"},
		{"a symmetric NAT towards our own address", "203.0.113.1:4001", false, true, public, false, "", "direct prflx"},
		{"its router maps", "203.0.113.1:4444", true, false, nat, false, "", "mapped srflx"},
		{"our router maps", "203.0.113.1:4001", false, true, nat, true, "", "mapped prflx"},
		{"its relay", "192.0.2.1:50000", true, false, nat, false, "", "relayed relay"},
		{"our relay", "203.0.113.1:4001", false, true, nat, false, "turn.example:3478", "relayed prflx"},
	} {
		n := &negotiation{ours: v.ours, theirs: &theirs}
		if v.mapped {
			n.mapped = []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:7777")}
		}
		s := &socket{dialled: v.dialled, peerDialled: v.peerDialled, relay: v.relay}
		s.local, s.remote = netip.MustParseAddrPort("10.0.0.2:5000"), netip.MustParseAddrPort(v.remote)
		if s.remote.Addr().Is6() {
			s.local = netip.MustParseAddrPort("[2001:db8:2::2]:5000")
		}
		remote := typeOf(s.remote, remotes(&theirs))
		if got := fmt.Sprint(n.kind(s, remote), " ", remote); got != v.want {
			t.Errorf("%s: %s, want %s", v.what, got, v.want)
		}
	}
}

// events collects what a device observes.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) observe(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := ev.Phase
	if ev.Path != nil {
		s += fmt.Sprintf(" %s %v", ev.Path.Kind, ev.Path.TLS.Version == tls.VersionTLS13)
	}
	e.list = append(e.list, s)
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, ", ")
}

func TestEvents(t *testing.T) {
	x := newExchange()
	var ea, eb events
	a := newDevice(t, x, func(c *Config) { c.Observe = ea.observe })
	b := newDevice(t, x, func(c *Config) { c.Observe = eb.observe })
	a.dial(t, b, b.listen(t))
	const want = "offered, answered, pair direct false, tls direct true"
	if ea.String() != want || eb.String() != want {
		t.Errorf("observed %s\nand %s\nwant %s", &ea, &eb, want)
	}
}

// TestBothDial: two devices that dial each other at once get a connection each.
func TestBothDial(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	la, lb := a.listen(t), b.listen(t)
	for range 20 {
		start := make(chan struct{})
		var wg sync.WaitGroup
		for _, side := range []struct {
			from, to device
			l        transport.Listener
		}{{a, b, lb}, {b, a, la}} {
			wg.Go(func() {
				<-start
				out, in, err := side.from.reach(t, side.to, side.l)
				if err != nil {
					t.Error(err)
					return
				}
				echo(t, out, in)
				out.Close()
				in.Close()
			})
		}
		close(start)
		wg.Wait()
	}
}

// echo sends a few bytes there and back on a stream of the connection.
func echo(t testing.TB, out, in transport.CapableConn) {
	t.Helper()
	go func() {
		if s, err := in.AcceptStream(); err == nil {
			io.Copy(s, s)
			s.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	s, err := out.OpenStream(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	s.Write([]byte("there and back"))
	s.CloseWrite()
	if b, err := io.ReadAll(s); err != nil || string(b) != "there and back" {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestManyAtOnce: as many dials at once as one peer may have.
func TestManyAtOnce(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	l := b.listen(t)
	var wg sync.WaitGroup
	for range maxPeerSessions {
		wg.Go(func() {
			if _, _, err := a.reach(t, b, l); err != nil { // in may be the end of another dial's out
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestImpostor: TLS refuses whoever is not the device that the signalling named.
func TestImpostor(t *testing.T) {
	refused := func(t *testing.T, from device, to peer.ID, l transport.Listener) {
		t.Helper()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				t.Errorf("accepted %s", c.RemotePeer())
				c.Close()
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		c, err := from.Dial(ctx, Addr, to)
		if err == nil {
			// The dialler's handshake is done before the listener has seen its certificate.
			defer c.Close()
			_, err = c.AcceptStream()
		}
		if err == nil {
			t.Error("connected")
		}
		t.Log(err)
	}
	t.Run("answers", func(t *testing.T) { // b answers in the name of c
		x := newExchange()
		a, b := newDevice(t, x, nil), newDevice(t, x, nil)
		_, c := newKey(t)
		l := b.listen(t)
		line{x, c}.HandleOffers(x.answer(b.id))
		refused(t, a, c, l)
		_, err := a.Dial(context.Background(), Addr, c)
		var mismatch sec.ErrPeerIDMismatch
		if !errors.As(err, &mismatch) || mismatch.Actual != b.id {
			t.Errorf("the dialler says %v", err)
		}
	})
	t.Run("offers", func(t *testing.T) { // a offers in the name of c
		x := newExchange()
		_, c := newKey(t)
		a := newDevice(t, x, func(cfg *Config) { cfg.Signaller = line{x, c} })
		b := newDevice(t, x, nil)
		refused(t, a, b.id, b.listen(t))
	})
}

// dialFails dials, which must end because it is cancelled.
func dialFails(t *testing.T, a device, to peer.ID, cancelWhen <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-cancelWhen
		cancel()
	}()
	c, err := a.Dial(ctx, Addr, to)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Error("got ", err)
	}
}

// signalFunc is a Signaller that answers by itself.
type signalFunc func(ctx context.Context, offer []byte) ([]byte, error)

func (f signalFunc) Offer(ctx context.Context, _ peer.ID, offer []byte) ([]byte, error) {
	return f(ctx, offer)
}

func (signalFunc) HandleOffers(func(context.Context, peer.ID, []byte) ([]byte, error)) {}

// answerWith makes a Signaller whose peer answers with that text.
func answerWith(d sdp.Description) signalFunc {
	return func(_ context.Context, offer []byte) ([]byte, error) {
		m, err := sdp.ParseMessage(offer)
		if err != nil {
			return nil, err
		}
		return sdp.NewMessage(m.ID, sdp.Answer, d).Marshal()
	}
}

// TestCancel: wherever a dial is, it ends at once, and nothing is left of it.
func TestCancel(t *testing.T) {
	_, p := newKey(t)
	nothingLeft := func(t *testing.T, d device) {
		t.Helper()
		if left := d.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
			t.Error("left: ", left)
		}
	}
	t.Run("before", func(t *testing.T) {
		a := newDevice(t, newExchange(), nil)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := a.Dial(ctx, Addr, p); !errors.Is(err, context.Canceled) && err == nil {
			t.Error("got ", err)
		}
		nothingLeft(t, a)
	})
	t.Run("while the offer is out", func(t *testing.T) {
		out := make(chan struct{})
		a := newDevice(t, nil, func(c *Config) {
			c.Signaller = signalFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
				close(out)
				<-ctx.Done()
				return nil, ctx.Err()
			})
		})
		dialFails(t, a, p, out)
		nothingLeft(t, a)
	})
	t.Run("during the checks", func(t *testing.T) {
		deaf := newTestMux(t) // it accepts and knows no session
		answered := make(chan struct{})
		a := newDevice(t, nil, func(c *Config) {
			c.Signaller = answerWith(sdp.Description{Ufrag: "nobody", Pwd: strings.Repeat("x", 32), HandOff: true, Candidates: []sdp.Candidate{
				{Foundation: "H", Priority: 1, Addr: deaf.addr(), Type: sdp.Host, TCPType: sdp.Passive},
				{Foundation: "H", Priority: 1, Addr: closedPort(t), Type: sdp.Host, TCPType: sdp.Passive},
			}})
			c.Observe = func(e Event) {
				if e.Phase == "answered" {
					time.AfterFunc(50*time.Millisecond, func() { close(answered) })
				}
			}
		})
		dialFails(t, a, p, answered)
		nothingLeft(t, a)
	})
	t.Run("in TLS", func(t *testing.T) {
		x := newExchange()
		paired := make(chan struct{})
		a := newDevice(t, x, func(c *Config) {
			c.Observe = func(e Event) {
				if e.Phase == "pair" {
					close(paired)
				}
			}
		})
		hangs := make(chan struct{})
		b := newDevice(t, x, func(c *Config) { c.Gater = &gater{accept: func() bool { <-hangs; return false }} })
		b.listen(t)
		dialFails(t, a, b.id, paired)
		nothingLeft(t, a)
		close(hangs)
	})
}

// closedPort gives an address that refuses connections.
func closedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	ls, err := listen(onLoopback)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(ls...)
	return addrPort(ls[0].Addr())
}

// TestTimeout: Config.Timeout bounds the whole.
func TestTimeout(t *testing.T) {
	_, p := newKey(t)
	a := newDevice(t, nil, func(c *Config) {
		c.Timeout = 300 * time.Millisecond
		c.Signaller = answerWith(sdp.Description{Ufrag: "nobody", Pwd: strings.Repeat("x", 32), HandOff: true, Candidates: []sdp.Candidate{
			{Foundation: "H", Priority: 1, Addr: closedPort(t), Type: sdp.Host, TCPType: sdp.Passive},
		}})
	})
	_, err := a.Dial(context.Background(), Addr, p)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("got ", err)
	}
}

// TestCloseDuringDial: Close ends the negotiations of both sides.
func TestCloseDuringDial(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	b.listen(t)
	answered := make(chan struct{})
	reply := x.answer(b.id)
	line{x, b.id}.HandleOffers(func(ctx context.Context, from peer.ID, offer []byte) ([]byte, error) {
		_, err := reply(ctx, from, offer) // b now waits for checks that do not come
		close(answered)
		<-ctx.Done()
		return nil, err
	})
	done := make(chan error)
	go func() {
		_, err := a.Dial(context.Background(), Addr, b.id)
		done <- err
	}()
	<-answered
	b.Close()
	a.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Error("the dial that was under way: ", err)
	}
	for _, d := range []device{a, b} {
		if left := d.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
			t.Error("left: ", left)
		}
		if _, err := d.Dial(context.Background(), Addr, b.id); !errors.Is(err, ErrClosed) {
			t.Error("Dial after Close: ", err)
		}
		if _, err := d.Listen(Addr); !errors.Is(err, ErrClosed) {
			t.Error("Listen after Close: ", err)
		}
	}
}

// TestClose ends connections too.
func TestClose(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	out, in := a.dial(t, b, b.listen(t))
	b.Close()
	b.Close()
	if _, err := out.AcceptStream(); err == nil {
		t.Error("the other side noticed nothing")
	}
	eventually(t, "closed", in.IsClosed)
	if left := b.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
		t.Error("left: ", left)
	}
}

func TestListeners(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	if _, err := b.Listen(ma.StringCast("/ip4/127.0.0.1/tcp/0")); err == nil {
		t.Error("listening on TCP")
	}
	first := b.listen(t)
	if first.Multiaddr().String() != "/ice" || first.Addr().String() != "ice" {
		t.Errorf("listening on %s, %s", first.Multiaddr(), first.Addr())
	}
	if _, err := b.Listen(Addr); !errors.Is(err, ErrListening) {
		t.Error("second listener: ", err)
	}
	first.Close()
	first.Close()
	if _, err := first.Accept(); !errors.Is(err, transport.ErrListenerClosed) {
		t.Error("Accept after Close: ", err)
	}
	if _, err := a.Dial(context.Background(), Addr, b.id); err == nil {
		t.Error("nobody listens, and yet")
	}
	a.dial(t, b, b.listen(t))
}

// TestAddresses: what is ours to dial.
func TestAddresses(t *testing.T) {
	a := newDevice(t, newExchange(), nil)
	for addr, want := range map[string]bool{
		"/ice": true, "/ip4/127.0.0.1/tcp/1/ice": false, "/ip4/127.0.0.1/tcp/1": false,
		"/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp/ice": false,
	} {
		if got := a.CanDial(ma.StringCast(addr)); got != want {
			t.Errorf("CanDial(%s) is %v", addr, got)
		}
		if _, err := a.Dial(context.Background(), ma.StringCast(addr), a.id); err == nil {
			t.Errorf("dialled %s", addr)
		}
	}
	addrs := []ma.Multiaddr{Addr, ma.StringCast("/ip4/127.0.0.1/tcp/1"), ma.StringCast("/ip4/127.0.0.1/tcp/1/ice")}
	if got := HideAddr(addrs); len(got) != 1 || !got[0].Equal(addrs[1]) || len(addrs) != 3 {
		t.Errorf("HideAddr left %s", got)
	}
}

// offerBytes makes an offer of a device that is nowhere.
func offerBytes(t testing.TB, change func(*sdp.Description)) []byte {
	t.Helper()
	d := sdp.Description{Ufrag: "nobody", Pwd: strings.Repeat("x", 32), HandOff: true}
	if change != nil {
		change(&d)
	}
	b, err := sdp.NewMessage(7, sdp.Request, d).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBusy: a peer has a few negotiations, all peers together a few more. Beyond, a peer's
// newest takes the place of his oldest, and one who has none gets a refusal.
func TestBusy(t *testing.T) {
	x := newExchange()
	const max = maxPeerSessions + 1
	a := newDevice(t, x, nil)
	b := newDevice(t, x, func(c *Config) { c.MaxSessions = max })
	l := b.listen(t)
	_, other := newKey(t)
	ask := func(from peer.ID) string {
		answer, err := x.answer(b.id)(context.Background(), from, offerBytes(t, nil))
		if err != nil {
			return err.Error()
		}
		m, err := sdp.ParseMessage(answer)
		if err != nil || m.ID != 7 {
			t.Errorf("answer %s, %v", answer, err)
			return ""
		}
		return m.Refusal
	}
	for range 3 * maxPeerSessions {
		if got := ask(a.id); got != "" {
			t.Error("refused: ", got)
		}
		if n, _ := b.answers.count(a.id); n > maxPeerSessions {
			t.Errorf("%d negotiations with one peer", n)
		}
	}
	for range 3 {
		if got := ask(other); got != "" {
			t.Error("another peer is refused: ", got)
		}
	}
	if _, n := b.answers.count(other); n != max {
		t.Errorf("%d negotiations", n)
	}
	_, third := newKey(t)
	if got := ask(third); got != "busy" {
		t.Errorf("one more than there are slots: %q", got)
	}
	l.Close()
	if len(b.answers.peer) != 0 || b.answers.used != 0 || len(l.(*listener).attempts.of) != 0 {
		t.Error("slots are lost")
	}
}

// TestStaleOffers: what others offered to a device while it was away, and have given up,
// keeps them from nothing when it is back.
func TestStaleOffers(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	l := b.listen(t)
	for range 2 * maxPeerSessions {
		if _, err := x.answer(b.id)(context.Background(), a.id, offerBytes(t, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.reach(t, b, l); err != nil {
		t.Error(err)
	}
}

func (s *slots) count(p peer.ID) (peers, used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer[p], s.used
}

func TestDialBusy(t *testing.T) {
	_, p := newKey(t)
	out := make(chan struct{})
	a := newDevice(t, nil, func(c *Config) {
		c.MaxSessions = 1
		c.Signaller = signalFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
			close(out)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan struct{})
	go func() { defer close(first); a.Dial(ctx, Addr, p) }()
	<-out
	if _, err := a.Dial(ctx, Addr, p); !errors.Is(err, ErrBusy) {
		t.Error("got ", err)
	}
	cancel()
	<-first
}

// TestBadAnswers: whatever comes back, the dial fails and says why.
func TestBadAnswers(t *testing.T) {
	good := sdp.Description{Ufrag: "nobody", Pwd: strings.Repeat("x", 32), HandOff: true}
	framed := good
	framed.HandOff = false
	_, p := newKey(t)
	answer := func(change func(*sdp.Message)) signalFunc {
		return func(_ context.Context, offer []byte) ([]byte, error) {
			m, err := sdp.ParseMessage(offer)
			if err != nil {
				return nil, err
			}
			a := sdp.NewMessage(m.ID, sdp.Answer, good)
			change(&a)
			return a.Marshal()
		}
	}
	for what, c := range map[string]struct {
		s    signalFunc
		want string
	}{
		"garbage":      {func(context.Context, []byte) ([]byte, error) { return []byte("garbage"), nil }, "not a JSON object"},
		"nothing":      {func(context.Context, []byte) ([]byte, error) { return nil, nil }, "not a JSON object"},
		"our offer":    {func(_ context.Context, b []byte) ([]byte, error) { return b, nil }, "not the answer"},
		"another id":   {answer(func(m *sdp.Message) { m.ID++ }), "not the answer"},
		"no text":      {answer(func(m *sdp.Message) { m.Addresses[0] = "x" }), "line 1"},
		"a refusal":    {answer(func(m *sdp.Message) { m.Addresses, m.Refusal = nil, "not now" }), "refused: not now"},
		"an empty one": {answer(func(m *sdp.Message) { m.Addresses = nil }), ErrRefused.Error()},
		"no hand-off":  {answerWith(framed), ErrNoHandOff.Error()},
		"an error":     {func(context.Context, []byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF.Error()},
	} {
		a := newDevice(t, nil, func(cfg *Config) { cfg.Signaller = c.s })
		if _, err := a.Dial(context.Background(), Addr, p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
}

// TestBadOffers: what is no offer is an error, what cannot be served a refusal.
func TestBadOffers(t *testing.T) {
	x := newExchange()
	b := newDevice(t, x, nil)
	b.listen(t)
	_, p := newKey(t)
	m, err := sdp.ParseMessage(offerBytes(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	m.Kind = sdp.Answer
	answer, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for what, offer := range map[string][]byte{
		"garbage":   []byte("garbage"),
		"an answer": answer,
		"no text":   []byte(`{"id":7,"protocol":16777218,"addresses":["x"]}`),
		"too long":  []byte(`{"id":7,"protocol":16777218,"addresses":["` + strings.Repeat("x", sdp.MaxMessage) + `"]}`),
		"candidates without end": []byte(`{"id":7,"protocol":16777218,"addresses":["nobody\n` + strings.Repeat("x", 32) +
			strings.Repeat(`\nH 1 TCP 1 127.0.0.1 4000 typ host tcptype passive`, 10_000) + `"]}`),
	} {
		if got, err := x.answer(b.id)(context.Background(), p, offer); err == nil {
			t.Errorf("%s: answered %s", what, got)
		}
	}
	got, err := x.answer(b.id)(context.Background(), p, offerBytes(t, func(d *sdp.Description) { d.HandOff = false }))
	if err != nil || !strings.Contains(string(got), `"refusal":"no handoff/1"`) {
		t.Errorf("no hand-off: %s, %v", got, err)
	}
	if left := b.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
		t.Error("left: ", left)
	}
}

// TestHostileCandidates: of a list full of addresses that nobody should dial, none is dialled.
func TestHostileCandidates(t *testing.T) {
	a := newDevice(t, newExchange(), func(c *Config) { c.Listen = netip.AddrPort{} })
	_, p := newKey(t)
	var cs []sdp.Candidate
	for _, s := range []string{
		"0.0.0.0:4000", "127.0.0.1:4000", "169.254.169.254:8080", "224.0.0.1:4000", "255.255.255.255:4000", "10.0.0.1:22", "10.0.0.1:0",
		"[::]:4000", "[::1]:4000", "[::ffff:127.0.0.1]:4000", "[fe80::1]:4000", "[ff02::1]:4000",
	} {
		cs = append(cs, sdp.Candidate{Foundation: "H", Priority: 1, Addr: netip.MustParseAddrPort(s), Type: sdp.Host, TCPType: sdp.Passive})
	}
	if got := a.dialable(p, cs); len(got) != 0 {
		t.Errorf("would dial %v", got)
	}
}

// gater lets pass what its functions let pass; a nil function everything.
type gater struct {
	addr           func(ma.Multiaddr) bool
	accept, secure func() bool
}

func (g *gater) InterceptPeerDial(peer.ID) bool { return true }
func (g *gater) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool {
	return g.addr == nil || g.addr(a)
}
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return g.accept == nil || g.accept() }
func (g *gater) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool {
	return g.secure == nil || g.secure()
}
func (g *gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

func TestGater(t *testing.T) {
	no := func() bool { return false }
	var mu sync.Mutex
	var asked []string
	for what, g := range map[string]*gater{
		"accept": {accept: no},
		"secure": {secure: no},
	} {
		x := newExchange()
		a := newDevice(t, x, nil)
		b := newDevice(t, x, func(c *Config) { c.Gater = g })
		l := b.listen(t)
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		c, err := a.Dial(ctx, Addr, b.id)
		if err == nil { // TLS 1.3: the client is done before the server has decided
			_, err = c.AcceptStream()
			c.Close()
		}
		if err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
		l.Close()
		if left := b.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
			t.Errorf("%s: left %s", what, left)
		}
	}
	// A dialler that may dial no address is still reached by the other side's dial.
	x := newExchange()
	a := newDevice(t, x, func(c *Config) {
		c.Gater = &gater{addr: func(m ma.Multiaddr) bool {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, m.String())
			return false
		}}
	})
	b := newDevice(t, x, nil)
	out, in := a.dial(t, b, b.listen(t))
	echo(t, out, in)
	if want := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/ice", b.mux.addr().Port()); !slices.Equal(asked, []string{want}) {
		t.Errorf("asked for %s, want %s", asked, want)
	}
	if p, _ := PathOf(out.(network.ConnStat)); p.Local.Port() != a.mux.addr().Port() {
		t.Errorf("connected by %s", p)
	}
}

// refuseAll is a resource manager that has nothing left.
type refuseAll struct{ network.NullResourceManager }

var errNothingLeft = errors.New("nothing left")

func (refuseAll) OpenConnection(network.Direction, bool, ma.Multiaddr) (network.ConnManagementScope, error) {
	return nil, errNothingLeft
}

func TestResources(t *testing.T) {
	x := newExchange()
	key, id := newKey(t)
	u, err := upgrade.New(key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(u, &refuseAll{}, Config{Listen: onLoopback, Signaller: line{x, id}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := newDevice(t, x, nil)
	l := b.listen(t)
	if _, err := a.Dial(context.Background(), Addr, b.id); !errors.Is(err, errNothingLeft) {
		t.Error("got ", err)
	}
	if left := a.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
		t.Error("left: ", left)
	}
	l.Close()
}

func TestConfig(t *testing.T) {
	for what, c := range map[string]Config{
		"Signaller":   {},
		"Timeout":     {Signaller: line{}, Timeout: -1},
		"MaxSessions": {Signaller: line{}, MaxSessions: -1},
	} {
		if _, err := New(nil, nil, c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	taken := newTestMux(t)
	if _, err := New(nil, nil, Config{Signaller: line{}, Listen: taken.addr()}); err == nil {
		t.Error("two transports on one port")
	}
}
