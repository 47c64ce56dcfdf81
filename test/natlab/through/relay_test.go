package through

import (
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// symmetric: nothing but a relay helps.
var symmetric = natlab.Config{A: natlab.Side{NAT: natlab.Sym}, B: natlab.Side{NAT: natlab.Sym}}

// relayed wants both sides to say that the path was a relay's.
func relayed(t *testing.T, r people.Result) {
	t.Helper()
	if r.Sent.Path != "relayed" || r.Received.Path != "relayed" {
		t.Errorf("the paths are %q and %q, want relayed: %+v", r.Sent.Path, r.Received.Path, r.Sent.PathDetails)
	}
}

// One TURN server is enough, whoever of the two knows it, also where only TLS at
// port 443 gets through.
func TestOneRelay(t *testing.T) {
	for _, c := range []struct {
		name           string
		onAlice, onBob bool
		tls            bool
		permissions    time.Duration
	}{
		{name: "the sender's", onAlice: true},
		{name: "the receiver's", onBob: true},
		{name: "only TLS at 443", onAlice: true, onBob: true, tls: true},
		// A permission ends before the other side's first dial, and is renewed.
		{name: "permissions of two seconds", onAlice: true, permissions: 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := meet(t, symmetric, func(n *natlab.Net) (alice, bob servers) {
				cfg := natlab.TURNConfig{Permissions: c.permissions}
				if c.tls {
					cfg.OnlyTLS, cfg.TLSPort = true, 443
				}
				known := []people.Relay{relayOf(n.TURN(cfg), c.tls, false)}
				alice.stun = n.STUN()
				bob.stun = alice.stun
				if c.onAlice {
					alice.turn = known
				}
				if c.onBob {
					bob.turn = known
				}
				return alice, bob
			})
			r := sends(t, s.alice, s.bob, 4<<20)
			relayed(t, r)
			t.Logf("first byte after %v", r.FirstByte)
		})
	}
}

// Two whose only common address is a relay's IPv6 one.
func TestRelayByIPv6(t *testing.T) {
	t.Parallel()
	only := natlab.Side{NAT: natlab.PRC, IPv6: natlab.IPv6Firewalled, NoIPv4: true}
	s := meet(t, natlab.Config{A: only, B: natlab.Side{NAT: natlab.Sym, IPv6: natlab.IPv6Broken}}, func(n *natlab.Net) (alice, bob servers) {
		turn := n.TURN(natlab.TURNConfig{})
		known := servers{stun: n.STUN(), turn: []people.Relay{relayOf(turn, false, true)}}
		return known, servers{stun: known.stun, turn: []people.Relay{relayOf(turn, false, false)}}
	})
	relayed(t, sends(t, s.alice, s.bob, 1<<20))
}

// When a router lets strangers in all of a sudden, the relay is left for a direct
// connection, without a word from anybody.
func TestRelayLeft(t *testing.T) {
	t.Parallel()
	s := meet(t, natlab.Config{A: natlab.Side{NAT: natlab.PRC}, B: natlab.Side{NAT: natlab.Sym}}, everything)
	relayed(t, sends(t, s.alice, s.bob, 1024))
	s.BecomeA(natlab.FullCone)
	for _, p := range []struct {
		who *people.Person
		of  string
	}{{s.alice, "bob"}, {s.bob, "alice"}} {
		lab.Eventually(t, p.of+" is reached directly", func() bool {
			var e api.Explanation
			p.who.Get(&e, "path", p.of)
			return len(e.Devices) == 1 && direct(e.Devices[0].Path)
		})
	}
	if r := sends(t, s.alice, s.bob, 1024); !direct(r.Sent.Path) || !direct(r.Received.Path) {
		t.Errorf("the paths are %q and %q", r.Sent.Path, r.Received.Path)
	}
}

// A server that dies in the middle of a file ends or delays the transfer and spoils
// nothing; one that is back serves again.
func TestRelayDies(t *testing.T) {
	t.Parallel()
	var turn *natlab.TURN
	s := meet(t, symmetric, func(n *natlab.Net) (alice, bob servers) {
		turn = n.TURN(natlab.TURNConfig{})
		known := servers{n.STUN(), []people.Relay{relayOf(turn, false, false)}}
		return known, known
	})
	big := s.alice.Send(s.bob, people.File(t, 256<<20))
	big.Flows()
	turn.Kill()
	r := big.End(enough)
	t.Logf("the transfer whose relay died: %s, %s: %s", r.Sent.State, r.Sent.Code, r.Sent.Reason)
	if r.Sent.State != filexfer.Finished && (r.Sent.Code == "" || r.Sent.Reason == "") {
		t.Errorf("the end is not explained: %+v", r.Sent)
	}
	s.bob.HasNo(t, "file-268435456", r.Sent.State == filexfer.Finished)
	turn.Start()
	relayed(t, sends(t, s.alice, s.bob, 4<<20))
}

// A password that the server refuses hurts only the relayed path.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := meet(t, natlab.Config{A: natlab.Side{NAT: natlab.PRC}, B: natlab.Side{NAT: natlab.PRC}}, wrongPassword)
	if r := sends(t, s.alice, s.bob, 4<<20); r.Sent.Path != "punched" {
		t.Errorf("the path is %s", r.Sent.Path)
	}
}

// wrongPassword: two STUN servers, and a TURN server that will refuse both.
func wrongPassword(n *natlab.Net) (alice, bob servers) {
	relay := relayOf(n.TURN(natlab.TURNConfig{}), false, false)
	relay.Password = "wrong"
	s := servers{n.STUN(), []people.Relay{relay}}
	return s, s
}

// unjoinable wants a file to end as such, with a reason.
func unjoinable(t *testing.T, s *scene) people.Result {
	t.Helper()
	r := s.alice.Send(s.bob, people.File(t, 1024)).End(enough)
	if r.Sent.State != filexfer.Unjoinable || r.Sent.Reason == "" {
		t.Errorf("after %v: %s, %q", r.Took, r.Sent.State, r.Sent.Reason)
	}
	t.Logf("after %v: %s", r.Took, r.Sent.Reason)
	return r
}

// Without a relay two symmetric NATs stay apart, and people learn why.
func TestNoWay(t *testing.T) {
	t.Parallel()
	s := meet(t, symmetric, onlySTUN)
	unjoinable(t, s)
	path := string(s.alice.Run("path", "bob"))
	t.Logf("path: %s", path)
	for _, word := range []string{"203.0.113.12", "srflx"} {
		if !strings.Contains(path, word) {
			t.Errorf("the path does not tell of %q", word)
		}
	}
}

// relaySize is the file that shows the relay's rate.
const relaySize = 256 << 20

// A big file arrives whole through a relay, about as fast as a plain stream.
func TestRelayRate(t *testing.T) {
	var turn *natlab.TURN
	s := meet(t, symmetric, func(n *natlab.Net) (alice, bob servers) {
		turn = n.TURN(natlab.TURNConfig{})
		known := servers{n.STUN(), []people.Relay{relayOf(turn, false, false)}}
		return known, known
	})
	relayed(t, sends(t, s.alice, s.bob, 1024)) // so that the connection stands
	file := people.File(t, relaySize)
	plain := plainRate(t, s.Net, turn, file, false)
	summed := plainRate(t, s.Net, turn, file, true)
	r := s.alice.Send(s.bob, file).End(enough)
	relayed(t, r)
	ours := relaySize / r.Took.Seconds()
	t.Logf("MiB/s through the relay: passeur %.0f; a plain stream %.0f, ratio %.2f; a plain stream whose ends sum and store %.0f, ratio %.2f",
		ours/(1<<20), plain/(1<<20), ours/plain, summed/(1<<20), ours/summed)
}

// Small files arrive over each kind of path, one after the other. A relay is known
// only where nothing else helps.
func TestSmallFiles(t *testing.T) {
	for path, p := range map[string]struct {
		pair
		know func(*natlab.Net) (alice, bob servers)
	}{
		"direct":  {pair{natlab.Open, natlab.Open}, onlySTUN},
		"punched": {pair{natlab.PRC, natlab.PRC}, onlySTUN},
		"mapped":  {pair{natlab.UPnP, natlab.Sym}, onlySTUN},
		"relayed": {pair{natlab.Sym, natlab.Sym}, everything},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			s := meet(t, natlab.Config{A: natlab.Side{NAT: p.a}, B: natlab.Side{NAT: p.b}}, p.know)
			arrived := 0
			for range 20 {
				r := s.alice.Send(s.bob, people.File(t, 1024)).End(enough)
				if r.Sent.State == filexfer.Finished && (r.Sent.Path == path || path == "direct" && direct(r.Sent.Path)) {
					arrived++
					continue
				}
				t.Errorf("a file: %s, %s over %q", r.Sent.State, r.Sent.Reason, r.Sent.Path)
			}
			t.Logf("%d of 20", arrived)
		})
	}
}
