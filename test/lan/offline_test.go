package lan

import (
	"fmt"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// Nodes start without a network, as on a laptop that is up before its Wi-Fi is. Once
// there is one they find each other there: two by multicast, and who does not look
// for anybody that way by the bootstrap node.
func TestStartsWithoutANetwork(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	dht := newPerson(t, l.Host("dht", "10.1.0.1/24"), people.Config{Name: "dht", Server: true})
	hosts := []*lab.Host{l.Host("alice"), l.Host("bob"), l.Host("cas")}
	for _, h := range hosts {
		link(t, h, "down")
	}
	alice := newPerson(t, hosts[0], people.Config{Name: "alice", Server: true, MDNS: true})
	bob := newPerson(t, hosts[1], people.Config{Name: "bob", Server: true, MDNS: true})
	cas := newPerson(t, hosts[2], people.Config{Name: "cas", Bootstrap: dht.AddrsAt("10.1.0.1")})
	for i, h := range hosts {
		link(t, h, "up")
		h.Move(fmt.Sprintf("10.1.0.%d/24", 2+i))
	}
	meets(t, alice, hosts[1])
	meets(t, cas, dht.cable())
	people.Befriend(t, alice.Person, bob.Person)
	carry(t, alice, bob, people.File(t, 1<<20))
}

func link(t *testing.T, h *lab.Host, state string) {
	t.Helper()
	if out, err := h.Command(t.Context(), "ip", "link", "set", "eth0", state).CombinedOutput(); err != nil {
		t.Fatalf("ip link: %v %s", err, out)
	}
}

// meets waits until a node has a connection to a host.
func meets(t *testing.T, p *person, other *lab.Host) {
	t.Helper()
	addr := other.Addrs[0].String()
	lab.Eventually(t, p.name+" is connected to "+addr, func() bool {
		return connections(t, p.cable(), "dst", addr) != ""
	})
}
