package node_test

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/internal/throttle"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// A file goes on at once when its connection is lost and another one to the device that
// brings it stands already.
func TestConnectionLostBesideAnother(t *testing.T) {
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTServer})
	bob, err := node.NewPatient(t.Context(), node.Config{
		Name: "bob", Home: t.TempDir(), Listen: "127.0.0.1:0", DHT: node.DHTServer, Bootstrap: nodetest.Addrs(alice), Accept: node.AcceptContacts,
	})
	if bob != nil {
		t.Cleanup(func() { bob.Close() })
	}
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Befriend(t, alice, bob)
	setLimit := func(perSecond int64) {
		t.Helper()
		if _, err := bob.SetLimits(t.Context(), "alice", nil, &perSecond); err != nil {
			t.Fatal(err)
		}
	}
	setLimit(throttle.MinRate)
	path, content := randomFile(t, "film.mkv", 3<<20)
	if _, err := alice.SendFile(t.Context(), path, "bob"); err != nil {
		t.Fatal(err)
	}
	got := nodetest.Transfer(t, bob, "film.mkv to flow", isOngoing)
	if _, err := node.LinksOf(bob).Another(t.Context(), alice.Identity().Device); err != nil {
		t.Fatal(err)
	}
	if err := carrier(t, bob, alice.Identity().Device).Close(); err != nil {
		t.Fatal(err)
	}
	setLimit(0)
	end := nodetest.Ended(t, bob, got.ID)
	if end.State != filexfer.Finished {
		t.Fatalf("it ended as %+v", end)
	}
	lies(t, end.File, content)
}

// carrier is the connection over which a device sends a file.
func carrier(t *testing.T, n *node.Node, device peer.ID) network.Conn {
	t.Helper()
	for _, c := range n.Host().Network().ConnsToPeer(device) {
		for _, s := range c.GetStreams() {
			if s.Protocol() == filexfer.ID {
				return c
			}
		}
	}
	t.Fatal("no connection carries the file")
	return nil
}
