package icetcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// inNamespace runs a test again in a process of its own with a network of its own,
// and is true in there. Without root it takes a user namespace along.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const env = "ICETCP_TEST_NAMESPACE"
	if os.Getenv(env) == t.Name() {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), env+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
	return false
}

// ip runs iproute2's command once for each line.
func ip(t *testing.T, lines string) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
}

// oneCable joins two interfaces by a cable, with an address of each family at each end.
const oneCable = `
link set lo up
link add va type veth peer name vb
addr add 10.77.0.1/24 dev va
addr add 10.77.0.2/24 dev vb
addr add fd77::1/64 dev va nodad
addr add fd77::2/64 dev vb nodad
link set va up
link set vb up`

// TestEveryInterface: without an address to listen on, all that others could dial is
// offered, on one port; and no more.
func TestEveryInterface(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	ip(t, oneCable)
	everywhere := func(c *Config) { c.Listen = netip.AddrPort{} }
	x := newExchange()
	a, b := newDevice(t, x, everywhere), newDevice(t, x, everywhere)

	ag, err := a.newAgent(a.front.door)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ag.gatherHost(context.Background())
	ag.close()
	if err != nil {
		t.Fatal(err)
	}
	port := a.front.port(false)
	if port != a.front.port(true) {
		t.Error("two ports: ", port, a.front.port(true))
	}
	var got []string
	for _, c := range d.Candidates {
		got = append(got, fmt.Sprintf("%s %s %s", c.Addr, c.Type, c.TCPType))
	}
	var want []string
	for _, addr := range []string{"[fd77::1]", "[fd77::2]", "10.77.0.1", "10.77.0.2"} {
		want = append(want, fmt.Sprintf("%s:%d host passive", addr, port), addr+":9 host active")
	}
	slices.Sort(got[:4])
	slices.Sort(want[:4])
	slices.Sort(got[4:])
	slices.Sort(want[4:])
	if !slices.Equal(got, want) {
		t.Errorf("offered %q\nwant    %q", got, want)
	}
	if d.Candidates[0].Priority != 2130706431 || d.Candidates[2].Priority >= d.Candidates[0].Priority {
		t.Error("priorities of ", d)
	}

	out, in := a.dial(t, b, b.listen(t))
	echo(t, out, in)
	if p, _ := PathOf(out.(network.ConnStat)); p.Remote.Addr().IsLoopback() || p.Kind != Direct {
		t.Error("connected by ", p)
	}
}

// TestIPv6: one side has nothing but IPv6.
func TestIPv6(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	ip(t, oneCable)
	x := newExchange()
	a := newDevice(t, x, func(c *Config) { c.Listen = netip.MustParseAddrPort("[fd77::1]:0") })
	b := newDevice(t, x, func(c *Config) { c.Listen = netip.AddrPort{} })
	out, in := a.dial(t, b, b.listen(t))
	echo(t, out, in)
	p, _ := PathOf(out.(network.ConnStat))
	if !p.Local.Addr().Is6() || !strings.HasPrefix(out.LocalMultiaddr().String(), "/ip6/fd77::1/tcp/") {
		t.Error("connected by ", p)
	}
}

// TestLoopbackNotDialled: an answer full of our own loopback makes us dial nobody.
func TestLoopbackNotDialled(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	ip(t, oneCable)
	trap, err := net.Listen("tcp", ":4000")
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	var cs []sdp.Candidate
	for i, addr := range []string{"127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"} {
		cs = append(cs, sdp.Candidate{
			Foundation: "H", Priority: sdp.Priority(sdp.Host, i), Type: sdp.Host, TCPType: sdp.Passive,
			Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 4000),
		})
	}
	_, p := newKey(t)
	a := newDevice(t, nil, func(c *Config) {
		c.Listen = netip.AddrPort{}
		c.Timeout = time.Second
		c.Signaller = answerWith(sdp.Description{Ufrag: "nobody", Pwd: strings.Repeat("x", 32), HandOff: true, Candidates: cs})
	})
	if _, err := a.Dial(context.Background(), Addr, p); err == nil {
		t.Error("connected")
	}
	trap.(*net.TCPListener).SetDeadline(time.Now())
	if c, err := trap.Accept(); err == nil {
		t.Error("dialled from ", c.RemoteAddr())
		c.Close()
	}
}

// TestNoAddress: a machine without a network says so.
func TestNoAddress(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	ip(t, "link set lo up")
	a := newDevice(t, newExchange(), func(c *Config) { c.Listen = netip.AddrPort{} })
	_, p := newKey(t)
	if _, err := a.Dial(context.Background(), Addr, p); err == nil || !strings.Contains(err.Error(), "no address to offer") {
		t.Error("got ", err)
	}
}
