package natlab_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

// within gives a context of the test that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// listener accepts connections on a host and gives them out.
func listener(t *testing.T, h *natlab.Host, at string) <-chan net.Conn {
	t.Helper()
	l, err := h.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 8)
	go func() {
		defer close(conns)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			conns <- c
		}
	}()
	t.Cleanup(func() { l.Close() })
	return conns
}

// reach dials and checks what happens: connected, refused or dropped. Nobody waits
// long for what is to be dropped.
func reach(t *testing.T, h *natlab.Host, from *net.TCPAddr, to, want string) {
	t.Helper()
	patience := lab.Patience
	if want == "dropped" {
		patience = 1500 * time.Millisecond
	}
	if got := dial(t, h, within(t, patience), from, to); got != want {
		t.Errorf("who dials %s is %s, want %s", to, got, want)
	}
}

func dial(t *testing.T, h *natlab.Host, ctx context.Context, from *net.TCPAddr, to string) string {
	t.Helper()
	c, err := h.Dial(ctx, from, to)
	switch {
	case err == nil:
		t.Cleanup(func() { c.Close() })
		return "connected"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case os.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded):
		return "dropped"
	}
	return err.Error()
}

// Each kind of NAT maps and filters as its name says.
func TestNATs(t *testing.T) {
	for _, c := range []struct {
		nat natlab.NAT
		// keeps: the port, and so the same for every destination
		keeps bool
		// what a stranger gets who dials the port
		stranger string
	}{
		{natlab.Open, true, "connected"},
		{natlab.FullCone, true, "connected"},
		{natlab.PRC, true, "dropped"},
		{natlab.PRCRST, true, "refused"},
		{natlab.PRCNoFW, true, "refused"},
		{natlab.Sym, false, "dropped"},
		{natlab.UPnP, true, "dropped"},
	} {
		t.Run(string(c.nat), func(t *testing.T) {
			t.Parallel()
			n := natlab.New(t, natlab.Config{A: natlab.Side{NAT: c.nat}})
			from := &net.TCPAddr{IP: n.A.Addr4().AsSlice(), Port: 40001}
			listener(t, n.A, from.String())
			first := mapped(t, n, from, "203.0.113.100:7000")
			second := mapped(t, n, from, "203.0.113.101:7000")
			if got := first.Port() == 40001 && first == second; got != c.keeps {
				t.Errorf("connections to two servers come from %v and %v", first, second)
			}
			if first.Addr() != netip.MustParseAddr("203.0.113.11") {
				t.Errorf("a connection comes from %v", first)
			}
			reach(t, n.B, nil, first.String(), c.stranger)
		})
	}
}

// mapped gives the address from which a connection of A arrives at the server.
func mapped(t *testing.T, n *natlab.Net, from *net.TCPAddr, to string) netip.AddrPort {
	t.Helper()
	conns := listener(t, n.Server, to)
	reach(t, n.A, from, to, "connected")
	return netip.MustParseAddrPort((<-conns).RemoteAddr().String())
}

// Two hosts behind NATs that keep ports meet by dialling each other at once.
func TestPunch(t *testing.T) {
	n := natlab.New(t, natlab.Config{A: natlab.Side{NAT: natlab.PRC}, B: natlab.Side{NAT: natlab.PRC}})
	dial := func(h *natlab.Host, to string) <-chan error {
		result := make(chan error, 1)
		go func() {
			c, err := h.Dial(within(t, lab.Patience), &net.TCPAddr{IP: h.Addr4().AsSlice(), Port: 40001}, to)
			if err == nil {
				c.Close()
			}
			result <- err
		}()
		return result
	}
	a, b := dial(n.A, "203.0.113.12:40001"), dial(n.B, "203.0.113.11:40001")
	if err := errors.Join(<-a, <-b); err != nil {
		t.Error(err)
	}
}

func TestIPv6(t *testing.T) {
	for _, c := range []struct {
		side    natlab.Side
		out, in string
	}{
		{natlab.Side{IPv6: natlab.IPv6Open}, "connected", "connected"},
		{natlab.Side{NAT: natlab.PRC, IPv6: natlab.IPv6Open}, "connected", "connected"},
		{natlab.Side{NAT: natlab.PRC, IPv6: natlab.IPv6Firewalled}, "connected", "dropped"},
		{natlab.Side{NAT: natlab.Sym, IPv6: natlab.IPv6Firewalled, NoIPv4: true}, "connected", "dropped"},
		{natlab.Side{NAT: natlab.PRC, IPv6: natlab.IPv6Broken}, "dropped", "dropped"},
	} {
		t.Run(string(c.side.NAT)+" "+string(c.side.IPv6), func(t *testing.T) {
			t.Parallel()
			n := natlab.New(t, natlab.Config{A: c.side, B: natlab.Side{IPv6: natlab.IPv6Open}})
			listener(t, n.Server, "[fd00:113::100]:7000")
			listener(t, n.A, "[::]:7000")
			reach(t, n.A, nil, "[fd00:113::100]:7000", c.out)
			at := netip.AddrPortFrom(n.A.Addr6(), 7000).String()
			for _, h := range []*natlab.Host{n.B, n.Server} {
				reach(t, h, nil, at, c.in)
			}
			if n.A.Addr4().IsValid() == c.side.NoIPv4 {
				t.Errorf("A has the addresses %v", n.A.Addrs)
			}
		})
	}
}

// NAT-PMP (RFC 6886 §3.3): a mapping lets strangers in, at another address.
func TestUPnPMapping(t *testing.T) {
	n := natlab.New(t, natlab.Config{A: natlab.Side{NAT: natlab.UPnP}})
	listener(t, n.A, "192.168.1.2:40001")
	request := []byte{0, 2, 0, 0, 0x9c, 0x41, 0x9c, 0x41, 0, 0, 0, 60} // TCP 40001 → 40001, 60 s
	answer := ask(t, n.A, "192.168.1.1:5351", request)
	if len(answer) < 16 || !bytes.Equal(answer[:4], []byte{0, 130, 0, 0}) {
		t.Fatalf("the router answers % x", answer)
	}
	port := binary.BigEndian.Uint16(answer[10:])
	for addr, want := range map[string]string{"11.0.113.11": "connected", "203.0.113.11": "dropped"} {
		reach(t, n.B, nil, netip.AddrPortFrom(netip.MustParseAddr(addr), port).String(), want)
	}
}

// UPnP's discovery (SSDP) finds the router, by multicast.
func TestUPnPDiscovery(t *testing.T) {
	n := natlab.New(t, natlab.Config{A: natlab.Side{NAT: natlab.UPnP}})
	search := "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n" +
		"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
	if answer := string(ask(t, n.A, "239.255.255.250:1900", []byte(search))); !strings.Contains(answer, "http://192.168.1.1:5000/") {
		t.Errorf("the router answers %q", answer)
	}
}

// ask sends a datagram, again each second, until there is an answer.
func ask(t *testing.T, h *natlab.Host, to string, request []byte) []byte {
	t.Helper()
	var c *net.UDPConn
	err := h.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: h.Addr4().AsSlice()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))
	answer := make([]byte, 2000)
	for end := time.Now().Add(lab.Patience); time.Now().Before(end); {
		if _, err := c.WriteTo(request, addr); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		if n, _, err := c.ReadFrom(answer); err == nil {
			return answer[:n]
		}
	}
	t.Fatalf("%s does not answer", to)
	return nil
}

// STUN and TURN servers serve over TCP, from the start and again after a kill.
func TestServers(t *testing.T) {
	n := natlab.New(t, natlab.Config{
		A: natlab.Side{NAT: natlab.Sym, IPv6: natlab.IPv6Firewalled},
	})
	for _, addr := range n.STUN() {
		c, err := n.A.Dial(within(t, lab.Patience), nil, addr)
		if err != nil {
			t.Fatal(err)
		}
		if answer := binding(t, c); answer != "success" {
			t.Errorf("%s answers a STUN Binding with %s", addr, answer)
		}
	}
	first := n.TURN(natlab.TURNConfig{})
	second := n.TURN(natlab.TURNConfig{OnlyTLS: true, TLSPort: 443})
	if got := second.URL(false, false); got != "turns:203.0.113.111:443?transport=tcp" {
		t.Error(got)
	}
	reach(t, n.A, nil, "203.0.113.111:3478", "refused") // TLS only
	first.Kill()
	reach(t, n.A, nil, "203.0.113.110:3478", "refused")
	first.Start()
	reach(t, n.A, nil, "[fd00:113::110]:3478", "connected")
}

// binding asks for a STUN Binding (RFC 8489 §5) and gives the answer's class.
func binding(t *testing.T, c net.Conn) string {
	t.Helper()
	defer c.Close()
	c.SetDeadline(time.Now().Add(lab.Patience))
	request := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "transaction "...)
	answer := make([]byte, 20)
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	if binary.BigEndian.Uint16(answer) == 0x0101 && bytes.Equal(answer[8:], request[8:]) {
		return "success"
	}
	return "an error"
}

// After a test nothing is left of its internet.
func TestCleanUp(t *testing.T) {
	t.Run("lab", func(t *testing.T) {
		side := natlab.Side{NAT: natlab.UPnP, IPv6: natlab.IPv6Firewalled}
		side.Link.Delay = time.Millisecond
		n := natlab.New(t, natlab.Config{A: side, B: side})
		n.STUN()
		n.TURN(natlab.TURNConfig{})
	})
	for _, args := range [][]string{{"netns", "list"}, {"-br", "link", "show", "type", "bridge"}, {"-br", "link", "show", "type", "veth"}} {
		// the kernel takes a little longer to remove a namespace than ip does
		lab.Eventually(t, "nothing is left of "+args[len(args)-1], func() bool {
			out, err := exec.Command("ip", args...).CombinedOutput()
			return err == nil && len(out) == 0
		})
	}
}
