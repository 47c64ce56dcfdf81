package portmap

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// external is the address outside of the router before host A.
var external = netip.MustParseAddr("11.0.113.11")

// protocols are all, for tests of each alone.
var protocols = []Protocol{UPnP, NATPMP, PCP}

// quick is a Config for tests: what takes minutes takes seconds. A lease lasts
// several times longer than it takes to renew it, also on a busy machine.
func quick(p ...Protocol) Config {
	return Config{Protocols: p, Lease: 8 * time.Second, Refresh: time.Second, Retry: 300 * time.Millisecond}
}

// quickPorts maps ports from the start, by all protocols.
func quickPorts(ports ...uint16) Config {
	c := quick()
	c.Ports = ports
	return c
}

// serve listens on a host, and accepts.
func serve(t testing.TB, h *natlab.Host, port uint16) {
	t.Helper()
	l, err := h.Listen(fmt.Sprintf("%s:%d", h.Addr4(), port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
		}
	}()
}

// reaches says whether host h connects to an address. There is time to send the SYN
// some times more: routers may take a rule away for a moment when they renew it.
func reaches(h *natlab.Host, to netip.AddrPort) bool { return connects(h, to, 10*time.Second) }

func connects(h *natlab.Host, to netip.AddrPort, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := h.Dial(ctx, nil, to.String())
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// run runs a command on a host and gives its output.
func run(t testing.TB, h *natlab.Host, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	out, err := h.Command(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// forwards says whether the router's rules forward anything.
func forwards(t testing.TB, router *natlab.Host) bool {
	t.Helper()
	return strings.Contains(run(t, router, "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"), "dnat")
}

// forgotten waits until the router forwards nothing any more.
func forgotten(t testing.TB, router *natlab.Host) {
	t.Helper()
	lab.Eventually(t, "the router forwards nothing", func() bool { return !forwards(t, router) })
}

func onUPnP(t testing.TB) *natlab.Net {
	t.Helper()
	return natlab.New(t, natlab.Config{A: natlab.Side{NAT: natlab.UPnP}})
}

// behindEach runs a test with each protocol, host A being behind a router that speaks
// all of them.
func behindEach(t *testing.T, test func(t *testing.T, p Protocol, n *natlab.Net)) {
	t.Parallel()
	for _, p := range protocols {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			test(t, p, onUPnP(t))
		})
	}
}

// Each protocol alone makes a mapping that lets strangers in, longer than its lease,
// and Close takes it away.
func TestProtocols(t *testing.T) {
	behindEach(t, func(t *testing.T, p Protocol, n *natlab.Net) {
		serve(t, n.A, 40001)
		start := time.Now()
		d := startDevice(t, n.A, quick(p))
		want := netip.AddrPortFrom(external, 40001)
		d.wants(40001, want)
		t.Logf("mapped after %s", time.Since(start))
		checkStatus(t, d.status(), p, want)
		end := time.Now().Add(quick().Lease * 3 / 2)
		lab.Eventually(t, "the lease is long over", func() bool {
			if !reaches(n.B, want) {
				t.Fatalf("a stranger does not get in, %s before the end", time.Until(end))
			}
			checkStatus(t, d.status(), p, want)
			return time.Now().After(end)
		})
		d.leaves(n.RouterA)
		if connects(n.B, want, time.Second) {
			t.Error("a stranger gets in after Close")
		}
		d.wants(40001)
	})
}

func checkStatus(t *testing.T, all []status, p Protocol, want netip.AddrPort) {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("there are %d routers: %+v", len(all), all)
	}
	s := all[0]
	if s.Gateway != netip.MustParseAddr("192.168.1.1") || s.Protocol != p || s.External != external || s.DoubleNAT || s.Err != "" {
		t.Errorf("the router is %+v", s)
	}
	if len(s.Ports) != 1 || s.Ports[0].Port != 40001 || s.Ports[0].External != want || !s.Ports[0].Expires.After(time.Now()) {
		t.Errorf("its mappings are %+v", s.Ports)
	}
}

// By all protocols at once there is one router, and one mapping for each port.
func TestTogether(t *testing.T) {
	t.Parallel()
	n := onUPnP(t)
	d := startDevice(t, n.A, quickPorts(40001, 40002))
	for _, port := range []uint16{40001, 40002, 40003} {
		serve(t, n.A, port)
		want := netip.AddrPortFrom(external, port)
		d.wants(port, want)
		if !reaches(n.B, want) {
			t.Errorf("a stranger does not get in at port %d", port)
		}
	}
	// Not at one moment: a machine that is short of time lets a lease of seconds run out.
	lab.Eventually(t, "one router answers by all protocols and maps all ports", func() bool {
		s := d.status()
		return len(s) == 1 && len(s[0].Speaks) == len(protocols) && len(s[0].Ports) == 3
	})
	d.leaves(n.RouterA)
}

// A port that another device has outside becomes another one.
func TestTakenPort(t *testing.T) {
	behindEach(t, func(t *testing.T, p Protocol, n *natlab.Net) {
		run(t, n.A, "ip", "addr", "add", "192.168.1.3/24", "dev", "eth0")
		takePort(t, n.A, netip.MustParseAddr("192.168.1.3"), 40001)
		serve(t, n.A, 40001)
		d := startDevice(t, n.A, quick(p))
		got := d.mapped(40001)
		if len(got) != 1 || got[0].Port() == 40001 || !reaches(n.B, got[0]) {
			t.Fatalf("mapped at %v, status %+v", got, d.status())
		}
		first := d.status()[0].Ports[0].Expires
		lab.Eventually(t, "renewed", func() bool { return d.status()[0].Ports[0].Expires.After(first) })
		if again := d.mapped(40001); !slices.Equal(got, again) {
			t.Errorf("then at %v, now at %v", got, again)
		}
		d.close()
	})
}

// takePort has the router map a port to another address of the host, by NAT-PMP.
func takePort(t testing.TB, h *natlab.Host, addr netip.Addr, port uint16) {
	t.Helper()
	var c *net.UDPConn
	err := h.Do(func() (err error) {
		c, err = net.DialUDP("udp4", &net.UDPAddr{IP: addr.AsSlice()}, &net.UDPAddr{IP: net.IPv4(192, 168, 1, 1), Port: udpPort})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(lab.Patience))
	c.Write(natpmpMapRequest(port, port, time.Hour))
	b := make([]byte, maxAnswer)
	k, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := parseNATPMPMap(b[:k], port); err != nil || got != port {
		t.Fatalf("the other device got %d, %v", got, err)
	}
}

// A router that restarts, and has forgotten all, is asked again.
func TestRestart(t *testing.T) {
	behindEach(t, func(t *testing.T, p Protocol, n *natlab.Net) {
		serve(t, n.A, 40001)
		d := startDevice(t, n.A, quick(p))
		want := netip.AddrPortFrom(external, 40001)
		d.wants(40001, want)
		command := stop(t, n.RouterA)
		lab.Eventually(t, "the router is lost", func() bool { return len(d.status()) == 0 })
		d.wants(40001)
		ctx, cancel := context.WithCancel(context.Background())
		again := n.RouterA.Command(ctx, command[0], command[1:]...)
		if err := again.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cancel(); again.Wait() })
		lab.Eventually(t, "mapped again", func() bool { return slices.Equal(d.mapped(40001), []netip.AddrPort{want}) })
		if !reaches(n.B, want) {
			t.Error("a stranger does not get in")
		}
		d.close()
	})
}

// stop kills the router's daemon, has its rules and leases forgotten, and gives the
// command to start it again.
func stop(t testing.TB, router *natlab.Host) (command []string) {
	t.Helper()
	const script = `
here=$(readlink /proc/self/ns/net)
for p in /proc/[0-9]*; do
	if [ "$(readlink $p/ns/net)" = "$here" ] && [ "$(cat $p/comm)" = miniupnpd ]; then
		tr '\0' '\n' <$p/cmdline
		conf=$(tr '\0' '\n' <$p/cmdline | grep '[.]conf$')
		kill -9 ${p#/proc/}
		while [ -e $p ] && [ "$(cut -d' ' -f3 $p/stat)" != Z ]; do :; done
		: >$(sed -n 's/^lease_file=//p' $conf)
	fi
done 2>/dev/null
for c in miniupnpd prerouting_miniupnpd postrouting_miniupnpd; do
	nft flush chain inet filter $c
done`
	command = strings.Fields(run(t, router, "sh", "-c", script))
	if len(command) == 0 {
		t.Fatal("no miniupnpd runs")
	}
	return command
}

// A device that has got a way out is told so by Renew.
func TestRenew(t *testing.T) {
	t.Parallel()
	n := onUPnP(t)
	run(t, n.A, "ip", "route", "del", "default")
	d := startDevice(t, n.A, Config{Protocols: []Protocol{NATPMP, PCP}, Retry: time.Hour})
	d.wants(40001)
	run(t, n.A, "ip", "route", "add", "default", "via", "192.168.1.1")
	d.call(order{Call: "Renew"})
	d.wants(40001, netip.AddrPortFrom(external, 40001))
	d.call(order{Call: "Renew"})
	if got := d.mapped(40001); len(got) != 1 {
		t.Errorf("mapped at %v", got)
	}
	d.close()
}

// Without a router that maps ports the search ends, and after that nobody waits.
func TestNoRouter(t *testing.T) {
	t.Parallel()
	n := natlab.New(t, natlab.Config{A: natlab.Side{NAT: natlab.PRC}})
	for _, h := range []*natlab.Host{n.A, n.B} {
		d := startDevice(t, h, Config{})
		d.wants(40001)
		lab.Eventually(t, "nobody waits", func() bool { return d.call(order{Call: "Settled", Port: 40001}).Settled })
		if s := d.status(); len(s) != 0 {
			t.Errorf("status: %+v", s)
		}
		d.close()
	}
}

// Whatever is called at the same time, and whenever Close is, nothing is left.
func TestStorm(t *testing.T) {
	t.Parallel()
	n := onUPnP(t)
	atOnce := startDevice(t, n.A, quickPorts(40001))
	atOnce.close()
	d := startDevice(t, n.A, quickPorts(40001))
	d.call(order{Call: "Storm", Port: 40001})
	d.close()
	forgotten(t, n.RouterA)
}
