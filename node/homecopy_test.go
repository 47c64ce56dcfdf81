package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
)

// TestCopyOfAHomeInUse: the copy is the same device with the same contacts and logs.
func TestCopyOfAHomeInUse(t *testing.T) {
	home, copied := t.TempDir(), t.TempDir()
	server := nodetest.New(t, node.Config{Name: "dht"})
	alice := nodetest.New(t, node.Config{Name: "alice", Home: home, Bootstrap: nodetest.Addrs(server)})
	bob := nodetest.New(t, node.Config{Name: "bob", Bootstrap: nodetest.Addrs(server)})
	nodetest.Befriend(t, alice, bob)
	before := say(t, alice, "bob", "hello")
	if err := node.CopyHome(t.Context(), home, copied); err != nil {
		t.Fatal(err)
	}
	id, err := node.CheckHome(copied)
	if err != nil {
		t.Fatal(err)
	}
	if want := alice.Identity(); id.Device != want.Device || id.Account != want.Account || id.Name != "alice" {
		t.Errorf("%+v, want %+v", id, want)
	}
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	again := nodetest.New(t, node.Config{Home: copied})
	if c := nodetest.Contact(t, again, "bob", node.Accepted); c.Account != bob.Identity().Account {
		t.Errorf("%+v", c)
	}
	list, err := again.Messages("bob", node.Page{})
	if err != nil || !slices.ContainsFunc(list, func(m node.Message) bool { return m.ID == before.ID }) {
		t.Errorf("%+v, %v", list, err) // it need not be the last: both may have begun a conversation
	}
}

func TestHomesThatAreNone(t *testing.T) {
	if err := node.CopyHome(t.Context(), t.TempDir(), t.TempDir()); !errors.Is(err, node.ErrNoHome) {
		t.Errorf("%v", err)
	}
	home := t.TempDir()
	if _, err := node.CheckHome(home); !errors.Is(err, node.ErrNoHome) {
		t.Errorf("%v", err)
	}
	if _, err := node.LoadIdentity(home, ""); err != nil { // makes keys
		t.Fatal(err)
	}
	if _, err := node.CheckHome(home); err != nil {
		t.Errorf("of a node that never ran: %v", err)
	}
	if err := os.Remove(filepath.Join(home, "account.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := node.CheckHome(home); !errors.Is(err, node.ErrNoHome) {
		t.Errorf("without an account: %v", err)
	}
	if err := os.WriteFile(filepath.Join(home, "account.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := node.CheckHome(home); err == nil {
		t.Error("a bad key went unnoticed")
	}
}
