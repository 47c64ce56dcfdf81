package node

import (
	"net/netip"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"
)

// When /ice is dialled depends on whether another address may be reached.
func TestRankAddrs(t *testing.T) {
	home := netip.MustParsePrefix("192.168.1.0/24")
	promising := func(a netip.Addr) bool { return !a.IsPrivate() || home.Contains(a) }
	for _, test := range []struct {
		name  string
		addrs []string
		ice   time.Duration
	}{
		{"alone", []string{"/ice"}, 0},
		{"behind another NAT", []string{"/ip4/192.168.7.2/tcp/4001", "/ice"}, 0},
		{"in this home", []string{"/ice", "/ip4/192.168.7.2/tcp/4001", "/ip4/192.168.1.9/tcp/4001"}, icePatience},
		{"on the internet", []string{"/ip4/8.8.8.8/tcp/4001", "/ice"}, icePatience},
		{"perhaps behind a firewall", []string{"/ip6/2a00::1/tcp/4001", "/ice"}, icePatience},
		{"by a name", []string{"/dns4/example.com/tcp/4001", "/ice"}, 0},
		{"without /ice", []string{"/ip4/8.8.8.8/tcp/4001"}, -1},
		{"none", nil, -1},
	} {
		var addrs []multiaddr.Multiaddr
		for _, text := range test.addrs {
			addrs = append(addrs, multiaddr.StringCast(text))
		}
		ranked := rankAmong(addrs, promising)
		if len(ranked) != len(addrs) {
			t.Errorf("%s: %d addresses became %d", test.name, len(addrs), len(ranked))
		}
		ice := time.Duration(-1)
		for _, r := range ranked {
			if r.Addr.String() == "/ice" {
				ice = r.Delay
			}
		}
		if ice != test.ice {
			t.Errorf("%s: /ice after %v, want %v", test.name, ice, test.ice)
		}
	}
}

// The networks of this machine are known; a private address elsewhere is not promising.
func TestOwnNetworks(t *testing.T) {
	own, err := interfacePrefixes()
	if err != nil || len(own) == 0 {
		t.Fatalf("the machine is on %v, %v", own, err)
	}
}
