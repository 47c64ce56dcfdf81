package node_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// TestBootstrapNode: two nodes find each other by a node for everyone, which itself is
// nobody's contact, takes no file and keeps none.
func TestBootstrapNode(t *testing.T) {
	home := t.TempDir()
	server := nodetest.New(t, node.Config{Name: "dht", Home: home, Role: node.RoleDHT})
	join := func(name string) *node.Node {
		return nodetest.New(t, node.Config{Name: name, DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server)})
	}
	alice, bob := join("alice"), join("bob")
	nodetest.Befriend(t, alice, bob)
	path, _ := randomFile(t, "photo.jpg", 10_000)
	sent, err := alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Accept(t.Context(), nodetest.Offer(t, bob, "photo.jpg").ID, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, alice, sent.ID); end.State != filexfer.Finished {
		t.Errorf("the file ended as %+v", end)
	}

	files, err := filexfer.New(alice.Host(), filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := files.Send(t.Context(), server.Identity().Device, file); !errors.Is(err, filexfer.ErrRefused) || !strings.Contains(err.Error(), "takes no files") {
		t.Errorf("offered to the bootstrap node, the file ended as %v", err)
	}
	if len(server.Transfers())+len(server.Contacts()) > 0 {
		t.Errorf("the bootstrap node has %v, %v", server.Transfers(), server.Contacts())
	}
	if _, err := os.Stat(home + "/received"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the bootstrap node made a folder for files: %v", err)
	}
}

func TestRoleAndDHTMustFit(t *testing.T) {
	for _, c := range []node.Config{{Role: "king"}, {Role: node.RoleDHT, DHT: node.DHTClient}} {
		c.Home = "."
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "Role") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
