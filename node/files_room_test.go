package node_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/internal/throttle"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// A file for which the disk becomes too small while it comes goes on being wanted, and
// comes when there is room.
func TestDiskThatFillsMeanwhile(t *testing.T) {
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTServer})
	config := node.Config{
		Name: "bob", Home: t.TempDir(), Listen: "127.0.0.1:0", DHT: node.DHTServer, Bootstrap: nodetest.Addrs(alice), Accept: node.AcceptContacts, Reserve: -1,
	}
	bob := nodetest.New(t, config)
	nodetest.Befriend(t, alice, bob)
	setLimit := func(perSecond int64) {
		t.Helper()
		if _, err := bob.SetLimits(t.Context(), "alice", nil, &perSecond); err != nil {
			t.Fatal(err)
		}
	}
	setLimit(throttle.MinRate)
	path := filepath.Join(t.TempDir(), "film.mkv")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 66<<20); err != nil { // the disk is looked at after 64 MiB
		t.Fatal(err)
	}
	if _, err := alice.SendFile(t.Context(), path, "bob"); err != nil {
		t.Fatal(err)
	}
	got := nodetest.Transfer(t, bob, "film.mkv to flow", isOngoing)
	full := config
	full.Reserve = math.MaxInt64
	if _, err := bob.Reload(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	setLimit(0)
	got = nodetest.Transfer(t, bob, "the disk to be full", func(x node.Transfer) bool { return x.ID == got.ID && !isOngoing(x) })
	if got.State != filexfer.Created || got.Ended || got.Bytes == 0 {
		t.Fatalf("it ended as %+v", got)
	}
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	bob = nodetest.New(t, config) // which else asks 30 s later
	if end := nodetest.Ended(t, bob, got.ID); end.State != filexfer.Finished {
		t.Errorf("with room it ended as %+v", end)
	}
}
