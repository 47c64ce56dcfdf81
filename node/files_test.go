package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// states are what each part of a transfer has come to, "name: state" in order.
func states(t node.Transfer) []string {
	var list []string
	for _, p := range t.Parts {
		list = append(list, p.Contact+": "+p.State.String())
	}
	slices.Sort(list)
	return list
}

// transferTo waits until a transfer of the node is as wanted.
func transferTo(t *testing.T, n *node.Node, id, what string, ready func(node.Transfer) bool) node.Transfer {
	t.Helper()
	return nodetest.Transfer(t, n, what, func(x node.Transfer) bool { return x.ID == id && ready(x) })
}

// heldState tells in which state a node holds an entry's file; "" if it never did.
func heldState(t *testing.T, n *node.Node, entry string) node.HeldState {
	t.Helper()
	files, err := n.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Entry.String() == entry {
			return f.State
		}
	}
	return ""
}

// asks waits until an answer to a request for a file says that.
func asks(t *testing.T, events <-chan node.Event, answer string) {
	t.Helper()
	late := time.After(90 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Phase == node.PhaseAsk && strings.Contains(e.Detail, answer) {
				return
			}
		case <-late:
			t.Fatalf("nobody answered %q", answer)
		}
	}
}

func lies(t *testing.T, path string, content []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s is not what was sent: %d bytes, %v", path, len(got), err)
	}
}

// missed waits until a node misses a file.
func missed(t *testing.T, n *node.Node, name string) node.Message {
	t.Helper()
	var found node.Message
	nodetest.Until(t, n, name+" to be missed", func() bool {
		list, err := n.Missed()
		for _, m := range list {
			if m.File.DisplayName == name {
				found = m
			}
		}
		return err == nil && found.File != nil
	})
	return found
}

// One member takes a file and another refuses; later, with the sender gone, the
// second gets it from the first.
func TestFileOfAGroup(t *testing.T) {
	net, carol, group := newClub(t)
	path, content := randomFile(t, "plan.pdf", 3<<20)
	sent, err := net.Alice.SendFile(t.Context(), path, "club")
	if err != nil {
		t.Fatal(err)
	}
	toBob, toCarol := nodetest.Offer(t, net.Bob, "plan.pdf"), nodetest.Offer(t, carol, "plan.pdf")
	if toBob.Conversation != group.ID || toBob.Entry.IsZero() || toBob.Entry != toCarol.Entry {
		t.Errorf("offers are %+v and %+v", toBob, toCarol)
	}
	waiting := transferTo(t, net.Alice, sent.ID, "both to be asked", func(x node.Transfer) bool {
		return slices.Equal(states(x), []string{"bob: awaiting-peer", "carol: awaiting-peer"})
	})
	if waiting.State != filexfer.AwaitingPeer || waiting.Contact != "club" {
		t.Errorf("the sender sees %+v", waiting)
	}
	if _, err := carol.Refuse(t.Context(), toCarol.ID); err != nil {
		t.Fatal(err)
	}
	refused := transferTo(t, net.Alice, sent.ID, "carol to refuse", func(x node.Transfer) bool {
		return slices.Equal(states(x), []string{"bob: awaiting-peer", "carol: closed-by-peer"})
	})
	if refused.State != filexfer.AwaitingPeer || refused.Ended {
		t.Errorf("one of two refused: %+v", refused)
	}
	if _, err := net.Bob.Accept(t.Context(), toBob.ID, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	got, done := nodetest.Ended(t, net.Bob, toBob.ID), nodetest.Ended(t, net.Alice, sent.ID)
	if done.State != filexfer.Finished || done.Code != node.EndNone || got.State != filexfer.Finished {
		t.Errorf("ended as %+v and %+v", done, got)
	}
	lies(t, got.File, content)
	if list, err := carol.Missed(); err != nil || len(list) != 0 {
		t.Errorf("carol refused, and misses %v, %v", list, err)
	}
	net.Alice.Close()

	folder := t.TempDir()
	get, err := carol.GetFile(t.Context(), "club", "plan.pdf", folder+"/")
	if err != nil {
		t.Fatal(err)
	}
	later := nodetest.Ended(t, carol, get.ID)
	if later.State != filexfer.Finished || later.Device != net.Bob.Identity().Device {
		t.Errorf("carol's ended as %+v", later)
	}
	lies(t, filepath.Join(folder, "plan.pdf"), content)
	served := nodetest.Transfer(t, net.Bob, "bob's serving", func(x node.Transfer) bool { return x.Direction == node.Outgoing && x.Ended })
	if served.State != filexfer.Finished || len(served.Parts) != 1 || served.Parts[0].Device != carol.Identity().Device {
		t.Errorf("bob served as %+v", served)
	}
	for _, n := range []*node.Node{net.Bob, carol} {
		nodetest.Until(t, n, "the file to be held", func() bool { return heldState(t, n, toBob.Entry.String()) == node.HeldHere })
	}
}

// A file is asked for before anybody has it; it comes by itself when its holder is
// back, over a restart of the one who asked, too.
func TestWantedFileComesByItself(t *testing.T) {
	server := nodetest.New(t, node.Config{Name: "dht"})
	home := t.TempDir()
	config := node.Config{Name: "bob", Home: home, DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server)}
	bob := nodetest.New(t, config)
	config.Name, config.Home = "alice", t.TempDir()
	alice := nodetest.New(t, config)
	nodetest.Befriend(t, alice, bob)
	path, content := randomFile(t, "photo.jpg", 100_000)
	sent, err := alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, bob, "photo.jpg")
	if _, err := alice.Cancel(t.Context(), sent.ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Ended(t, bob, offer.ID)
	m := missed(t, bob, "photo.jpg")

	away := path + "-away"
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	get, err := bob.GetFile(t.Context(), "alice", m.ID.String()[:10], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := bob.GetFile(t.Context(), "alice", "photo.jpg", ""); err != nil || again.ID != get.ID {
		t.Errorf("asked twice: %+v, %v", again, err)
	}
	if heldState(t, alice, m.ID.String()) != node.HeldGone {
		t.Error("alice's file is gone, and she holds it")
	}
	if err := os.Rename(away, path); err != nil {
		t.Fatal(err)
	}
	bob.Close()
	config.Name, config.Home = "bob", home
	bob = nodetest.New(t, config)
	done := nodetest.Ended(t, bob, get.ID)
	if done.State != filexfer.Finished {
		t.Fatalf("ended as %+v", done)
	}
	lies(t, done.File, content)

	// What lies here needs no asking: it is pointed out, or copied.
	here, err := bob.GetFile(t.Context(), "alice", "photo.jpg", "")
	if err != nil || here.State != filexfer.Finished || here.File != done.File {
		t.Errorf("held already: %+v, %v", here, err)
	}
	elsewhere := filepath.Join(t.TempDir(), "copy.jpg")
	if copied, err := bob.GetFile(t.Context(), "alice", "photo.jpg", elsewhere); err != nil || copied.File != elsewhere {
		t.Errorf("copied: %+v, %v", copied, err)
	}
	lies(t, elsewhere, content)
}

// Bytes of the same length in place of the announced ones are not served; a file
// taken back is not, either.
func TestHolderServesOnlyWhatWasAnnounced(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	path, content := randomFile(t, "photo.jpg", 64_000)
	sent, err := net.Alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, net.Bob, "photo.jpg")
	if _, err := net.Bob.Refuse(t.Context(), offer.ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Ended(t, net.Alice, sent.ID)
	other := bytes.Repeat([]byte("B"), len(content))
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	events := net.Bob.Watch(t.Context())
	var get node.Transfer
	nodetest.Until(t, net.Bob, "the file to be asked for", func() bool {
		get, err = net.Bob.GetFile(t.Context(), "alice", "photo.jpg", t.TempDir())
		return err == nil
	})
	asks(t, events, rerequest.ErrChanged.Error())
	if heldState(t, net.Alice, offer.Entry.String()) != node.HeldChanged {
		t.Errorf("alice says that her file is %q", heldState(t, net.Alice, offer.Entry.String()))
	}
	if _, err := net.Alice.DeleteMessage(t.Context(), "bob", offer.Entry.String()); err != nil {
		t.Fatal(err)
	}
	gone := nodetest.Ended(t, net.Bob, get.ID)
	if gone.State != filexfer.ClosedByHost || !strings.Contains(gone.Reason, "taken the file back") {
		t.Errorf("taken back: %+v", gone)
	}
	if _, err := net.Bob.GetFile(t.Context(), "alice", offer.Entry.String(), ""); !errors.Is(err, node.ErrWithdrawn) {
		t.Errorf("got after it was taken back: %v", err)
	}
	lies(t, path, other)
}

// Who takes everything from contacts gets what was sent while he was away, too.
func TestAcceptContactsGetsWhatWasMissed(t *testing.T) {
	server := nodetest.New(t, node.Config{Name: "dht"})
	config := node.Config{Name: "bob", Home: t.TempDir(), DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server), Accept: node.AcceptContacts}
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server)})
	bob := nodetest.New(t, config)
	nodetest.Befriend(t, alice, bob)
	bob.Close()
	path, content := randomFile(t, "photo.jpg", 100_000)
	sent, err := alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	transferTo(t, alice, sent.ID, "the entry to be written", func(x node.Transfer) bool { return !x.Entry.IsZero() && len(x.Parts) == 1 })
	if _, err := alice.Cancel(t.Context(), sent.ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Ended(t, alice, sent.ID)
	bob = nodetest.New(t, config)
	missed(t, bob, "photo.jpg")
	if err := bob.GetMissed(time.Minute); err != nil {
		t.Fatal(err)
	}
	got := nodetest.Transfer(t, bob, "the photo to come", func(x node.Transfer) bool { return x.Ended })
	if got.State != filexfer.Finished {
		t.Fatalf("ended as %+v", got)
	}
	lies(t, got.File, content)
}

// The record of a member may not be known here, or not any more: then nobody of his
// is asked.
func TestNobodyIsAskedWhoseDevicesAreUnknown(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	say(t, net.Alice, "bob", "hello")
	talk, err := net.Alice.Conversation("bob")
	if err != nil {
		t.Fatal(err)
	}
	bob := net.Bob.Identity()
	if asked, err := node.DevicesAsked(net.Alice, talk.ID); err != nil || !slices.Contains(asked, bob.Device) {
		t.Fatalf("of a contact are asked %v, %v", asked, err)
	}
	if err := net.Alice.RemoveContact(t.Context(), bob.Account); err != nil {
		t.Fatal(err)
	}
	if asked, err := node.DevicesAsked(net.Alice, talk.ID); err != nil || slices.Contains(asked, bob.Device) {
		t.Errorf("of one who was removed are asked %v, %v", asked, err)
	}
}
