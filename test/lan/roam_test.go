package lan

import (
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestRoam: a device gets another address while it is connected, and has the old one
// no longer. Files go on crossing both ways, and nothing of the old address is left.
func TestRoam(t *testing.T) {
	t.Parallel() // it takes a while until a connection to nowhere is found dead
	l := lab.New(t)
	dht := newPerson(t, l.Host("dht", "10.1.0.1/24"), people.Config{Name: "dht", Server: true})
	join := dht.AddrsAt("10.1.0.1")
	here, there := l.Host("alice", "10.1.0.2/24"), l.Host("bob", "10.1.0.3/24")
	alice := newPerson(t, here, people.Config{Name: "alice", Bootstrap: join})
	bob := newPerson(t, there, people.Config{Name: "bob", Bootstrap: join})
	people.Befriend(t, alice.Person, bob.Person)
	cross(t, alice, bob, people.File(t, 1<<20))

	here.Move("10.1.0.22/24")
	lab.Eventually(t, "alice has no connection from the old address", func() bool {
		return connections(t, here, "src", "10.1.0.2") == ""
	})
	carry(t, bob, alice, people.File(t, 1<<20))
	carry(t, alice, bob, people.File(t, 1<<20))
	for _, h := range []*lab.Host{there, dht.cable()} {
		lab.Eventually(t, "nobody has a connection to the old address", func() bool {
			return connections(t, h, "dst", "10.1.0.2") == ""
		})
	}
}

// connections lists the established TCP connections of a host from or to an address.
func connections(t *testing.T, h *lab.Host, end, addr string) string {
	t.Helper()
	out, err := h.Command(t.Context(), "ss", "-Htn", "state", "established", end, addr).CombinedOutput()
	if err != nil {
		t.Fatalf("ss: %v %s", err, out)
	}
	return string(out)
}
