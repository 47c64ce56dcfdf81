package through

import (
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/test/natlab"
)

// By IPv6 there is no NAT, only firewalls, and they are punched.
func TestIPv6(t *testing.T) {
	only := func(nat natlab.NAT, v natlab.IPv6) natlab.Side { return natlab.Side{NAT: nat, IPv6: v, NoIPv4: true} }
	dual := func(nat natlab.NAT, v natlab.IPv6) natlab.Side { return natlab.Side{NAT: nat, IPv6: v} }
	for _, c := range []struct {
		name  string
		a, b  natlab.Side
		paths []string
	}{
		{"only IPv6", only(natlab.Open, natlab.IPv6Open), only(natlab.Open, natlab.IPv6Open), []string{"direct"}},
		{"only IPv6, one firewall", only(natlab.Open, natlab.IPv6Open), only(natlab.PRC, natlab.IPv6Firewalled), []string{"direct", "punched"}},
		{"only IPv6, two firewalls", only(natlab.PRC, natlab.IPv6Firewalled), only(natlab.PRC, natlab.IPv6Firewalled), []string{"direct", "punched"}},
		// IPv4 alone would need a relay.
		{"both, symmetric NATs and firewalls", dual(natlab.Sym, natlab.IPv6Firewalled), dual(natlab.Sym, natlab.IPv6Firewalled), []string{"direct", "punched"}},
		{"both, IPv6 broken", dual(natlab.PRC, natlab.IPv6Broken), dual(natlab.PRC, natlab.IPv6Broken), []string{"punched"}},
		{"both, IPv6 broken on one side", dual(natlab.PRC, natlab.IPv6Broken), dual(natlab.PRC, natlab.IPv6Firewalled), []string{"punched"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := meet(t, natlab.Config{A: c.a, B: c.b}, onlySTUN)
			r := sends(t, s.alice, s.bob, 4<<20)
			if !slices.Contains(c.paths, r.Sent.Path) || !slices.Contains(c.paths, r.Received.Path) {
				t.Errorf("the paths are %q and %q, want %q: %+v", r.Sent.Path, r.Received.Path, c.paths, r.Sent.PathDetails)
			}
			t.Logf("%s %s: first byte after %v: %v", r.Sent.Path, r.Sent.PathDetails.Remote, r.FirstByte, r.Steps)
		})
	}
}

// onlySTUN: two STUN servers, known to both.
func onlySTUN(n *natlab.Net) (alice, bob servers) {
	s := servers{stun: n.STUN()}
	return s, s
}
