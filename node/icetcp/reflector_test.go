package icetcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// offered gives the lines that are not host candidates of an offer that d makes now.
func offered(t testing.TB, d device) (lines []string) {
	t.Helper()
	n, err := d.begins(t.Context(), d.id, d.front, true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer n.end(nil)
	for _, c := range n.ours.Candidates {
		if c.Type != sdp.Host {
			lines = append(lines, fmt.Sprint(c))
		}
	}
	for _, r := range n.ours.Relays {
		lines = append(lines, r.String())
	}
	if _, err := sdp.Parse(n.ours.String()); err != nil {
		t.Error(err)
	}
	return lines
}

// with makes a change of the configuration that sets the STUN servers.
func with(servers ...*stunServer) func(*Config) {
	return func(c *Config) {
		for _, s := range servers {
			c.STUN = append(c.STUN, s.Addr().String())
		}
	}
}

// TestReflexive: the first offer has what the servers saw, and is asked from the
// listening port.
func TestReflexive(t *testing.T) {
	s := newSTUNServer(t, "127.0.0.1:0", "203.0.113.9:5555")
	d := newDevice(t, newExchange(), with(s))
	want := []string{"S7f000001 1 TCP 1694498815 203.0.113.9 5555 typ srflx tcptype passive"}
	if got := offered(t, d); !slices.Equal(got, want) {
		t.Errorf("offered %q, want %q", got, want)
	}
	if from := addrPort((<-s.conns).RemoteAddr()); from != d.mux.addr() {
		t.Errorf("asked from %s, we listen on %s", from, d.mux.addr())
	}
	r := d.Reflections()
	if len(r) != 1 || r[0].Seen.String() != "203.0.113.9:5555" || r[0].Local != d.mux.addr() || r[0].RTT <= 0 || r[0].V6 {
		t.Errorf("reflections %+v", r)
	}
}

// TestNoNAT: an address that is ours is offered once.
func TestNoNAT(t *testing.T) {
	d := newDevice(t, newExchange(), with(newSTUNServer(t, "127.0.0.1:0")))
	if got := offered(t, d); len(got) != 0 {
		t.Errorf("offered %q", got)
	}
	if r := d.Reflections(); len(r) != 1 || r[0].Seen != d.mux.addr() {
		t.Errorf("reflections %+v", r)
	}
}

// TestSymmetric: of a NAT with a port for each server two are enough to know it.
func TestSymmetric(t *testing.T) {
	var servers []*stunServer
	for i := range 12 {
		servers = append(servers, newSTUNServer(t, "127.0.0.1:0", fmt.Sprintf("203.0.113.%d:%d", 1+i%2, 5000+i)))
	}
	d := newDevice(t, newExchange(), with(servers...))
	eventually(t, "all have answered", func() bool {
		return !slices.ContainsFunc(d.Reflections(), func(r Reflection) bool { return !r.Seen.IsValid() })
	})
	got := offered(t, d)
	if len(got) != 2*maxPorts || !strings.Contains(got[3], " 1694498047 ") {
		t.Errorf("offered %q", got)
	}
}

// TestServerGone: that is noticed at once, the answer is offered on, and when the
// server is back it is asked again from the same port.
func TestServerGone(t *testing.T) {
	s := newSTUNServer(t, "127.0.0.1:0", "203.0.113.9:5555")
	at := s.Addr().String()
	d := newDevice(t, newExchange(), with(s))
	before := offered(t, d)
	s.Close()
	(<-s.conns).Close()
	eventually(t, "the failure is known", func() bool { return d.Reflections()[0].Err != nil })
	if got := offered(t, d); !slices.Equal(got, before) {
		t.Errorf("offered %q, before %q", got, before)
	}
	again := newSTUNServer(t, at, "203.0.113.9:6666")
	eventually(t, "the new answer", func() bool { return d.Reflections()[0].Seen.Port() == 6666 })
	if from := addrPort((<-again.conns).RemoteAddr()); from != d.mux.addr() {
		t.Errorf("asked from %s, we listen on %s", from, d.mux.addr())
	}
}

// TestRenew: after the network has changed an offer waits for the new answer; the
// connection before does not keep the port busy.
func TestRenew(t *testing.T) {
	s := newSTUNServer(t, "127.0.0.1:0", "203.0.113.9:5555", "198.51.100.9:5555", "192.0.2.9:5555")
	d := newDevice(t, newExchange(), with(s))
	for _, want := range s.seen {
		got := offered(t, d)
		if len(got) != 1 || !strings.Contains(got[0], " "+want.Addr().String()+" ") {
			t.Errorf("offered %q, want %s", got, want)
		}
		if from := addrPort((<-s.conns).RemoteAddr()); from != d.mux.addr() {
			t.Errorf("asked from %s, we listen on %s", from, d.mux.addr())
		}
		d.Renew()
	}
}

// TestSilentServer: one that never answers delays the first offers, and only while
// nobody else has answered.
func TestSilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, v := range []struct {
		change func(*Config)
		most   time.Duration // that an offer waits
		want   int           // lines
	}{
		{func(*Config) {}, reflectTimeout, 0},
		{with(newSTUNServer(t, "127.0.0.1:0", "203.0.113.9:5555")), reflectGrace, 1},
	} {
		d := newDevice(t, newExchange(), func(c *Config) {
			v.change(c)
			c.STUN = append(c.STUN, silent.Addr().String())
		})
		eventually(t, "the others have answered", func() bool { return len(d.front.reflector.seen()) == v.want })
		if left, _ := d.front.reflector.pending(); left > v.most {
			t.Errorf("the first offer waits for %s", left)
		}
		if got := offered(t, d); len(got) != v.want {
			t.Errorf("offered %q", got)
		}
		if left, _ := d.front.reflector.pending(); left > 0 {
			t.Errorf("the second offer waits for %s", left)
		}
	}
}

// TestHostileServers: what is no answer is an error, and what is too long is not read.
func TestHostileServers(t *testing.T) {
	for what, answer := range map[string][]byte{
		"HTTP":            []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"empty attribute": stunMessage(bindingSuccess, xorMapped, []byte{}),
		"other ID":        stunMessage(bindingSuccess, xorMapped, xored(1, []byte{203, 0, 113, 9}, 5555)),
		"64 KiB":          append([]byte{1, 1, 0xff, 0xfc}, make([]byte, 1<<16)...),
	} {
		ours, theirs := net.Pipe()
		go func() {
			readSTUN(theirs)
			theirs.Write(answer)
			theirs.Close()
		}()
		if got, err := binding(ours); err == nil {
			t.Errorf("%s: %s", what, got)
		}
		ours.Close()
		theirs.Close()
	}
}

// TestWrongServers: literal addresses are asked over their own family alone, and
// mistakes are told.
func TestWrongServers(t *testing.T) {
	d := newDevice(t, newExchange(), func(c *Config) {
		c.STUN = []string{"[2001:db8::1]:3478", "192.0.2.1", closedPort(t).String()}
	})
	if got := offered(t, d); len(got) != 0 {
		t.Errorf("offered %q", got)
	}
	r := d.Reflections()
	if len(r) != 2 || r[0].Err == nil || r[1].Err == nil || r[1].Server != "192.0.2.1" {
		t.Errorf("reflections %+v", r)
	}
}

// TestPeerAtServer: a session that dials the address of the STUN server gets along
// with the connection that is there.
func TestPeerAtServer(t *testing.T) {
	s := newSTUNServer(t, "127.0.0.1:0", "203.0.113.9:5555")
	d := newDevice(t, newExchange(), with(s))
	offered(t, d)
	asks := <-s.conns
	ses, p := newTestSession(t, d.mux)
	ses.start(credentials{"theirs", strings.Repeat("x", 32)}, true, []sdp.Candidate{{Addr: addrPort(s.Addr())}})
	p.WriteTo(check(t, credentials{"theirs", strings.Repeat("x", 32)}, ses.local.ufrag), s.Addr())
	if from := addrPort((<-s.conns).RemoteAddr()); from == d.mux.addr() {
		t.Error("dialled from the port that is taken")
	}
	if got := offered(t, d); len(got) != 1 || d.Reflections()[0].Err != nil {
		t.Errorf("offered %q, %+v", got, d.Reflections())
	}
	if err := quiet(asks, time.Millisecond); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error("the server's connection: ", err)
	}
}

// mappings is a Mapper that knows, or waits until its context ends.
type mappings struct {
	addrs []netip.AddrPort
	wait  bool
	port  chan uint16
}

func (m mappings) Mapped(ctx context.Context, port uint16) []netip.AddrPort {
	select {
	case m.port <- port:
	default:
	}
	if m.wait {
		<-ctx.Done()
	}
	return m.addrs
}

// TestMapped: forwarded addresses are marked as such, before those of STUN servers;
// nonsense is left out.
func TestMapped(t *testing.T) {
	m := mappings{port: make(chan uint16, 1)}
	for _, a := range []string{"203.0.113.9:7777", "[::ffff:203.0.113.8]:7777", "0.0.0.0:7", "203.0.113.9:0"} {
		m.addrs = append(m.addrs, netip.MustParseAddrPort(a))
	}
	m.addrs = append(m.addrs, netip.AddrPort{})
	d := newDevice(t, newExchange(), func(c *Config) {
		with(newSTUNServer(t, "127.0.0.1:0", "203.0.113.9:5555"))(c)
		c.Mapper = m
	})
	want := []string{
		"S7f000001 1 TCP 1694498815 203.0.113.9 7777 typ srflx tcptype passive via mapping",
		"S7f000001 1 TCP 1694498559 203.0.113.8 7777 typ srflx tcptype passive via mapping",
		"S7f000001 1 TCP 1694498303 203.0.113.9 5555 typ srflx tcptype passive",
	}
	if got := offered(t, d); !slices.Equal(got, want) {
		t.Errorf("offered %q\nwant %q", got, want)
	}
	if port := <-m.port; port != d.front.port(false) {
		t.Error("asked for port ", port)
	}
}

// TestPatience: helpers that block delay one offer, and hardly the next.
func TestHelpersPatience(t *testing.T) {
	d := newDevice(t, newExchange(), func(c *Config) {
		c.Mapper = mappings{wait: true}
		c.Relay = &relayTest{borrow: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
	})
	begin := time.Now()
	offered(t, d)
	if took := time.Since(begin); took < gatherTimeout/2 {
		t.Error("the first offer took ", took)
	}
	if !d.relays.tired.Load() || !d.mappings.tired.Load() {
		t.Error("the second offer would wait as long")
	}
	offered(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.begins(ctx, d.id, d.front, true, false); !errors.Is(err, context.Canceled) {
		t.Error("cancelled: ", err)
	}
	if got := d.mux.left(); got != "0 sessions, 0 sockets, 0 unknown" {
		t.Error("left: ", got)
	}
}
