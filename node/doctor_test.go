package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/portmap"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/node/turnrelay"
)

func TestNATKinds(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("203.0.113.9")}
	seen := func(addrs ...string) (list []icetcp.Reflection) {
		for _, a := range addrs {
			list = append(list, icetcp.Reflection{Server: "s", Seen: netip.MustParseAddrPort(a)})
		}
		return list
	}
	for _, c := range []struct {
		what string
		seen []icetcp.Reflection
		want NAT
	}{
		{"no answer", nil, NATUnknown},
		{"our own address", seen("203.0.113.9:4000"), NATNone},
		{"one server", seen("198.51.100.1:4000"), NATSome},
		{"two that agree", seen("198.51.100.1:4000", "198.51.100.1:4000"), NATEndpointIndependent},
		{"two that differ", seen("198.51.100.1:4000", "198.51.100.1:4001"), NATSymmetric},
	} {
		got := natOf(append(c.seen, icetcp.Reflection{Server: "dead"}), own)
		if got[0].NAT != c.want || got[1].NAT != NATUnknown {
			t.Errorf("%s: %+v, want %s", c.what, got, c.want)
		}
	}
}

func TestAdviceNamesTheWorst(t *testing.T) {
	good := func() Checkup {
		return Checkup{
			NAT:      []FamilyNAT{{NAT: NATEndpointIndependent}, {NAT: NATUnknown}},
			DHTNodes: 3, Inbox: signalling.Status{Subscribed: 3}, ClocksAsked: 3,
		}
	}
	for word, change := range map[string]func(*Checkup){
		"All is well":  func(*Checkup) {},
		"clock":        func(c *Checkup) { c.ClockAhead = -time.Hour; c.DHTNodes = 0 },
		"--bootstrap":  func(c *Checkup) { c.DHTNodes = 0; c.Inbox.Subscribed = 0 },
		"inbox":        func(c *Checkup) { c.Inbox.Subscribed = 0 },
		"TURN server":  func(c *Checkup) { c.TURN = []turnrelay.Status{{}} },
		"another port": func(c *Checkup) { c.NAT[0].NAT = NATSymmetric },
		"STUN":         func(c *Checkup) { c.NAT[0].NAT = NATUnknown; c.STUN = []icetcp.Reflection{{}} },
	} {
		c := good()
		change(&c)
		if got := c.advise(); !strings.Contains(got, word) {
			t.Errorf("want advice with %q, got %q", word, got)
		}
	}
	mapped := good()
	mapped.NAT[0].NAT = NATSymmetric
	mapped.Routers = []portmap.Router{{Ports: []portmap.Mapping{{Port: 1}}}}
	if got := mapped.advise(); got != "All is well." {
		t.Errorf("a mapped port makes up for a symmetric NAT, but: %q", got)
	}
}

func TestDoctorOnItsOwn(t *testing.T) {
	server, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := server.Doctor(t.Context())
	if c.ICEPort4 == 0 || c.ICEPort6 != 0 || c.DHT != DHTServer || !strings.Contains(c.Advice, "--bootstrap") {
		t.Errorf("a node that knows nobody: %+v", c)
	}
	if !slices.Equal(server.ownAddrs(), []netip.Addr{netip.MustParseAddr("127.0.0.1")}) {
		t.Errorf("own addresses: %v", server.ownAddrs())
	}
}
