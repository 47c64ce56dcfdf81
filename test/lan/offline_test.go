package lan

import (
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// A node that is to look for others on the LAN starts without one, as on a laptop in a
// train.
func TestStartsWithoutANetwork(t *testing.T) {
	t.Parallel()
	h := lab.New(t).Host("alice")
	if out, err := h.Command(t.Context(), "ip", "link", "set", "eth0", "down").CombinedOutput(); err != nil {
		t.Fatalf("ip link: %v %s", err, out)
	}
	newPerson(t, h, people.Config{Name: "alice", Server: true, MDNS: true})
}
