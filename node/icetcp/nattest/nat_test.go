// Package nattest tests the transport of node/icetcp through real NATs, STUN and TURN
// servers: a device is a process on a host of package natlab.
package nattest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

// deviceEnv holds the setup in a process that is a device.
const deviceEnv = "NATTEST_DEVICE"

func TestMain(m *testing.M) {
	if config := os.Getenv(deviceEnv); config != "" {
		if err := runDevice(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(lab.Main(lab.NoLeaks(m.Run)))
}

// pair is two devices.
type pair struct {
	t   testing.TB
	dir string
}

// devices starts one on each side.
func devices(t testing.TB, n *natlab.Net, a, b setup) pair {
	t.Helper()
	dir, err := os.MkdirTemp("", "nat") // t.TempDir's are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	p := pair{t, dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a.Name, a.Other, a.Dir = "a", "b", dir
	b.Name, b.Other, b.Dir = "b", "a", dir
	p.start(n.A, a)
	p.start(n.B, b)
	return p
}

func (p pair) start(h *natlab.Host, s setup) {
	p.t.Helper()
	config, err := json.Marshal(s)
	if err != nil {
		p.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := h.Command(context.Background(), self)
	cmd.Env = append(os.Environ(), deviceEnv+"="+string(config))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := call(p.dir, s.Name, "Close", 0, new(int)); err != nil {
			p.t.Errorf("device %s: close: %v", s.Name, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("device %s: %s", s.Name, out.String())
		}
	})
	lab.Eventually(p.t, "device "+s.Name+" serves", func() bool {
		_, err := os.Stat(filepath.Join(p.dir, s.Name))
		return err == nil
	})
}

// dial connects a with b, and gives both ends.
func (p pair) dial() (a, b Result) {
	p.t.Helper()
	if err := call(p.dir, "a", "Dial", 1<<20, &a); err != nil {
		p.t.Fatal(err)
	}
	if a.Err != "" {
		p.t.Fatalf("a: %s\n%+v", a.Err, a)
	}
	if err := call(p.dir, "b", "Accepted", 0, &b); err != nil {
		p.t.Fatal(err)
	}
	p.t.Logf("%s after %s, RTT %s", a.Kind, a.Took.Round(time.Millisecond), a.RTT)
	return a, b
}

func (p pair) reflections(name string) (list []icetcp.Reflection) {
	p.t.Helper()
	if err := call(p.dir, name, "Reflections", 0, &list); err != nil {
		p.t.Fatal(err)
	}
	return list
}

// between makes an internet with these NATs.
func between(t testing.TB, a, b natlab.NAT) *natlab.Net {
	return natlab.New(t, natlab.Config{A: natlab.Side{NAT: a}, B: natlab.Side{NAT: b}})
}

func relayOf(s *natlab.TURN) turnrelay.Server {
	return turnrelay.Server{URL: s.URL(false, false), Username: s.User, Password: s.Password}
}

// TestPunched: routers that drop what they did not expect; the two SYNs meet.
func TestPunched(t *testing.T) {
	n := between(t, natlab.PRC, natlab.PRC)
	know := setup{STUN: n.STUN()}
	a, b := devices(t, n, know, know).dial()
	for end, r := range map[string]Result{"a": a, "b": b} {
		if r.Kind != "punched" || r.LocalType != "host" || r.RemoteType != "srflx" || r.Relay != "" || r.RTT <= 0 {
			t.Errorf("%s: %+v", end, r)
		}
		if !slices.ContainsFunc(r.Attempts, func(a icetcp.Attempt) bool { return a.Open && a.Remote == r.Remote }) {
			t.Errorf("%s: attempts %+v", end, r.Attempts)
		}
	}
	if want := "srflx 203.0.113.11:"; !slices.ContainsFunc(a.Announced, func(s string) bool { return strings.HasPrefix(s, want) }) {
		t.Errorf("announced %q", a.Announced)
	}
}

// punching is for devices that are to have found the hole before they try a relay,
// even if this machine is busy with much else.
const punching = lab.Patience

// TestPunchedLate: the answer is four seconds on its way, b has long begun, and has
// come through the relay; the hole is punched and taken.
func TestPunchedLate(t *testing.T) {
	n := between(t, natlab.PRC, natlab.PRC)
	turn := n.TURN(natlab.TURNConfig{})
	late := setup{STUN: n.STUN(), TURN: []turnrelay.Server{relayOf(turn)}, Slow: 4 * time.Second, RelayDelay: punching}
	early := late
	early.RelayDelay = 0
	a, b := devices(t, n, late, early).dial()
	if a.Kind != "punched" || b.Kind != "punched" || a.Took < 4*time.Second {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// TestPunchedIPv6: firewalls without NAT; the addresses are the devices' own.
func TestPunchedIPv6(t *testing.T) {
	side := natlab.Side{NAT: natlab.PRC, NoIPv4: true, IPv6: natlab.IPv6Firewalled}
	n := natlab.New(t, natlab.Config{A: side, B: side})
	a, b := devices(t, n, setup{}, setup{}).dial()
	if a.Kind != "punched" || b.Kind != "punched" || a.RemoteType != "host" || !a.Remote.Addr().Is6() {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// TestPunchedRST: routers that refuse what they did not expect, which ends a dial.
// With relays on both sides, too, the hole is found before these are tried. Two SYNs
// must be under way at once for that, so the routers are 20 ms apart, as near homes
// are; with no way between them it can take thousands of dials.
func TestPunchedRST(t *testing.T) {
	side := natlab.Side{NAT: natlab.PRCRST, Link: wire.Config{Delay: 10 * time.Millisecond}}
	n := natlab.New(t, natlab.Config{A: side, B: side})
	know := setup{STUN: n.STUN(), TURN: []turnrelay.Server{relayOf(n.TURN(natlab.TURNConfig{}))}, RelayDelay: punching}
	p := devices(t, n, know, know)
	for range 3 {
		if a, b := p.dial(); a.Kind != "punched" || b.Kind != "punched" {
			t.Errorf("%+v\n%+v", a, b)
		}
	}
}

// TestOpen: without a NAT there are no reflexive addresses, and nothing is punched.
func TestOpen(t *testing.T) {
	n := between(t, natlab.Open, natlab.PRC)
	know := setup{STUN: n.STUN()}
	a, b := devices(t, n, know, know).dial()
	if a.Kind != "direct" || b.Kind != "direct" || b.RemoteType != "host" {
		t.Errorf("%+v\n%+v", a, b)
	}
	if slices.ContainsFunc(a.Announced, func(s string) bool { return !strings.HasPrefix(s, "host ") }) {
		t.Errorf("announced %q", a.Announced)
	}
}

// TestRelayed: two symmetric NATs, a TURN server known to a, to b, to both.
func TestRelayed(t *testing.T) {
	for who, has := range map[string][2]bool{"a": {true, false}, "b": {false, true}, "both": {true, true}} {
		t.Run(who, func(t *testing.T) {
			n := between(t, natlab.Sym, natlab.Sym)
			servers := []turnrelay.Server{relayOf(n.TURN(natlab.TURNConfig{}))}
			a, b := setup{STUN: n.STUN()}, setup{}
			b.STUN = a.STUN
			if has[0] {
				a.TURN = servers
			}
			if has[1] {
				b.TURN = servers
			}
			ra, rb := devices(t, n, a, b).dial()
			for _, r := range []Result{ra, rb} {
				if r.Kind != "relayed" || r.Relay == "" || r.RTT <= 0 || r.LocalType != "relay" && r.RemoteType != "relay" {
					t.Errorf("%+v", r)
				}
			}
			if ra.Took < 2*time.Second { // relays are tried late
				t.Error("took ", ra.Took)
			}
		})
	}
}

// TestRelayOfOtherFamily: a has no IPv6 and b nothing else; a's relayed IPv6 address
// brings them together.
func TestRelayOfOtherFamily(t *testing.T) {
	n := natlab.New(t, natlab.Config{
		A: natlab.Side{NAT: natlab.PRC},
		B: natlab.Side{NoIPv4: true, IPv6: natlab.IPv6Open},
	})
	a, b := devices(t, n, setup{TURN: []turnrelay.Server{relayOf(n.TURN(natlab.TURNConfig{}))}}, setup{}).dial()
	if a.Kind != "relayed" || b.Kind != "relayed" || !a.Local.Addr().Is6() || a.Remote.Addr() != n.B.Addr6() {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// TestNoWay: the report names the pairs that were tried.
func TestNoWay(t *testing.T) {
	n := between(t, natlab.Sym, natlab.Sym)
	know := setup{STUN: n.STUN(), Timeout: 4 * time.Second}
	var r Result
	if err := call(devices(t, n, know, know).dir, "a", "Dial", 8, &r); err != nil {
		t.Fatal(err)
	}
	if r.Err == "" {
		t.Fatalf("connected: %+v", r)
	}
	tried := 0
	for _, at := range r.Attempts {
		if at.RemoteType == "srflx" && !at.Open && at.Failure != "" {
			tried++
		}
	}
	if tried == 0 {
		t.Errorf("attempts %+v", r.Attempts)
	}
}

// TestSTUN: two coturns, one of which is killed and started again; the question is
// asked anew from the same port.
func TestSTUN(t *testing.T) {
	n := between(t, natlab.PRC, natlab.Open)
	one, two := n.TURN(natlab.TURNConfig{}), n.TURN(natlab.TURNConfig{})
	know := setup{}
	for _, s := range []*natlab.TURN{one, two} {
		know.STUN = append(know.STUN, fmt.Sprintf("%s:3478", s.Addrs[0]))
	}
	p := devices(t, n, know, setup{})
	answers := func() (seen []string) {
		for _, r := range p.reflections("a") {
			if r.Seen.IsValid() {
				seen = append(seen, r.Seen.String())
			}
		}
		return seen
	}
	lab.Eventually(t, "both answer", func() bool { return len(answers()) == 2 })
	before := answers()
	if before[0] != before[1] || !strings.HasPrefix(before[0], "203.0.113.11:") {
		t.Error("seen as ", before)
	}
	one.Kill()
	lab.Eventually(t, "one is gone", func() bool { return len(answers()) == 1 })
	one.Start()
	lab.Eventually(t, "it is back", func() bool { return len(answers()) == 2 })
	if after := answers(); !slices.Equal(after, before) {
		t.Errorf("seen as %q, before as %q", after, before)
	}
}
