package node_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
)

// killedAfterEntry makes a home, whose node does not run, what it is when the node is
// killed between the entry of a file and the note that the file is held here.
func killedAfterEntry(t *testing.T, home, transfer string) {
	t.Helper()
	s, err := store.Open(filepath.Join(home, "node.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := s.Transfer(transfer)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetHeld(x.Conversation); err != nil {
		t.Fatal(err)
	}
	x.Entry, x.Sum, x.Tree, x.State, x.Ended, x.Code, x.Reason = conversation.ID{}, "", "", filexfer.Created, false, "", ""
	if err := s.PutTransfer(x); err != nil {
		t.Fatal(err)
	}
}

// What was announced just before the node was killed can be got from it afterwards, be it
// a file or a folder.
func TestAnnouncedJustBeforeAKill(t *testing.T) {
	server := nodetest.New(t, node.Config{Name: "dht"})
	config := node.Config{Name: "bob", Home: t.TempDir(), DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server)}
	bob := nodetest.New(t, config)
	home := t.TempDir()
	config.Name, config.Home = "alice", home
	alice := nodetest.New(t, config)
	nodetest.Befriend(t, alice, bob)
	file, content := randomFile(t, "photo.jpg", 100_000)
	folder := filepath.Join(t.TempDir(), "trip")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "notes.txt"), content[:1000], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		name := filepath.Base(path)
		sent, err := alice.SendFile(t.Context(), path, "bob")
		if err != nil {
			t.Fatal(err)
		}
		offer := nodetest.Offer(t, bob, name)
		if _, err := alice.Cancel(t.Context(), sent.ID); err != nil {
			t.Fatal(err)
		}
		nodetest.Ended(t, alice, sent.ID)
		nodetest.Ended(t, bob, offer.ID)
		m := missed(t, bob, name)
		alice.Close()
		killedAfterEntry(t, home, sent.ID)
		alice = nodetest.New(t, config)
		lab.Eventually(t, name+" is held again", func() bool { return heldState(t, alice, m.ID.String()) != "" })
		get, err := bob.GetFile(t.Context(), "alice", m.ID.String(), "")
		if err != nil {
			t.Fatal(err)
		}
		if done := nodetest.Ended(t, bob, get.ID); done.State != filexfer.Finished {
			t.Fatalf("%s ended as %+v", name, done)
		}
	}
}

// A file that is another one by then is not given out as the announced one.
func TestChangedBeforeItIsHeld(t *testing.T) {
	server := nodetest.New(t, node.Config{Name: "dht"})
	config := node.Config{Name: "bob", DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server)}
	bob := nodetest.New(t, config)
	home := t.TempDir()
	config.Name, config.Home = "alice", home
	alice := nodetest.New(t, config)
	nodetest.Befriend(t, alice, bob)
	path, content := randomFile(t, "photo.jpg", 100_000)
	sent, err := alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Offer(t, bob, "photo.jpg")
	if _, err := alice.Cancel(t.Context(), sent.ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Ended(t, alice, sent.ID)
	alice.Close()
	killedAfterEntry(t, home, sent.ID)
	content[0]++
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	alice = nodetest.New(t, config)
	x, _ := alice.Transfer(sent.ID)
	if err := node.HoldAnnounced(alice, x); err == nil {
		t.Error("another file was taken for the announced one")
	}
	if files, err := alice.Files(); err != nil || len(files) != 0 {
		t.Errorf("alice holds %+v, %v", files, err)
	}
}
