package node_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
)

// brokenStore is a node's file, which for a while takes no row of a table.
type brokenStore struct {
	t     *testing.T
	db    *sql.DB
	table string
}

func openBroken(t *testing.T, home, table string) brokenStore {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(home, "node.db")+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return brokenStore{t, db, table}
}

func (b brokenStore) fail() {
	b.exec("CREATE TRIGGER full BEFORE INSERT ON " + b.table + " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
}

func (b brokenStore) heal() { b.exec("DROP TRIGGER full") }

func (b brokenStore) exec(statement string) {
	b.t.Helper()
	if _, err := b.db.ExecContext(b.t.Context(), statement); err != nil {
		b.t.Fatal(err)
	}
}

// hasEnded tells whether a node that is killed now would know that a transfer has ended.
func (b brokenStore) hasEnded(id string) (ended bool) {
	b.t.Helper()
	if err := b.db.QueryRowContext(b.t.Context(), "SELECT ended FROM transfer WHERE id = ?", id).Scan(&ended); err != nil {
		b.t.Fatal(err)
	}
	return ended
}

// The end of a transfer that could not be stored is stored when that can be done: with
// what is stored of another transfer, each minute, and when the node closes.
func TestEndsThatCouldNotBeStored(t *testing.T) {
	home := t.TempDir()
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTServer})
	bob := nodetest.New(t, node.Config{Name: "bob", Home: home, DHT: node.DHTServer, Bootstrap: nodetest.Addrs(alice)})
	nodetest.Befriend(t, alice, bob)
	disk := openBroken(t, home, "transfer")
	offer := func(name string) node.Transfer {
		path, _ := randomFile(t, name, 1000)
		if _, err := alice.SendFile(t.Context(), path, "bob"); err != nil {
			t.Fatal(err)
		}
		return nodetest.Offer(t, bob, name)
	}
	take := func(name string) node.Transfer {
		offered := offer(name)
		disk.fail()
		if _, err := bob.Accept(t.Context(), offered.ID, ""); err != nil {
			t.Fatal(err)
		}
		end := nodetest.Ended(t, bob, offered.ID)
		if end.State != filexfer.Finished || end.Reason != "" || disk.hasEnded(end.ID) {
			t.Errorf("%s ended as %+v, stored: %v", name, end, disk.hasEnded(end.ID))
		}
		disk.heal()
		return end
	}

	first := take("a.jpg")
	offer("b.jpg")
	if !disk.hasEnded(first.ID) {
		t.Error("the end is not stored when another transfer is")
	}

	last := take("c.jpg")
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	if !disk.hasEnded(last.ID) {
		t.Error("the end is not stored when the node closes")
	}
}

// Where a file lies that was sent or has come is noted as soon as that can be stored:
// others ask for it here.
func TestHoldsWhatCouldNotBeStored(t *testing.T) {
	homes := []string{t.TempDir(), t.TempDir()}
	alice := nodetest.New(t, node.Config{Name: "alice", Home: homes[0], DHT: node.DHTServer})
	bob := nodetest.New(t, node.Config{Name: "bob", Home: homes[1], DHT: node.DHTServer, Bootstrap: nodetest.Addrs(alice)})
	nodetest.Befriend(t, alice, bob)
	var disks []brokenStore
	for _, home := range homes {
		disks = append(disks, openBroken(t, home, "held"))
		disks[len(disks)-1].fail()
	}
	path, _ := randomFile(t, "a.jpg", 1000)
	if _, err := alice.SendFile(t.Context(), path, "bob"); err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, bob, "a.jpg")
	if _, err := bob.Accept(t.Context(), offer.ID, ""); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, bob, offer.ID); end.State != filexfer.Finished {
		t.Errorf("ended as %+v", end)
	}
	for i, n := range []*node.Node{alice, bob} {
		name := n.Identity().Name
		if files, err := n.Files(); err != nil || len(files) != 0 {
			t.Errorf("%s holds %+v, %v", name, files, err)
		}
		disks[i].heal()
		lab.Eventually(t, name+" holds the file", func() bool {
			files, err := n.Files()
			return err == nil && len(files) == 1 && files[0].State == node.HeldHere
		})
	}
}
