package through

import (
	"testing"

	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// On a LAN without internet two nodes find each other.
func TestLAN(t *testing.T) {
	t.Parallel()
	n := natlab.New(t, natlab.Config{})
	alice := people.Start(t, n.A, people.Config{Name: "alice", MDNS: true, Server: true})
	bob := people.Start(t, n.B, people.Config{Name: "bob", MDNS: true, Server: true})
	alice.Ready()
	bob.Ready()
	people.Befriend(t, alice, bob)
	if r := sends(t, alice, bob, 4<<20); !direct(r.Sent.Path) {
		t.Errorf("the path is %s", r.Sent.Path)
	}
}
