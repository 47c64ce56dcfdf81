package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// The behaviours that Jami's own tests of its file transfer show (unitTest/fileTransfer,
// 2020 to 2026), where one node after the other can be looked at. The names of its tests
// are given at each. What needs many devices or a bad network is in test/homes.

func TestFilesOfAGroup(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.start("alice", ""), w.start("bob", ""), w.start("carol", "")
	group := club(t, alice, bob, carol)
	g := grouped{alice, bob, carol, group}
	for _, step := range []struct {
		name string
		test func(*testing.T, grouped)
	}{
		{"two members get it, the sender sees one file", testTwoMembers},
		{"a vCard is a file", testVCard},
		{"asked for again, of two who have it", testAskedAgain},
		{"it is here already", testHereAlready},
		{"given up", testGivenUp},
		{"absurd names", testAbsurdNames},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(t, g) }) {
			return // what comes after says nothing
		}
	}
}

// grouped are the members of a group.
type grouped struct {
	alice, bob, carol *node.Node
	id                conversation.ID
}

// testTwoMembers: testConversationFileTransfer, testDataTransferInfo. Before anybody
// answers both sides show 0 of 64,000 bytes; the sender waits for its peers once,
// although there are two; in the end all show everything.
func testTwoMembers(t *testing.T, g grouped) {
	path, content := randomFile(t, "letters.txt", 64_000)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	events := g.alice.Watch(ctx)
	sent, err := g.alice.SendFile(t.Context(), path, "club")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node.Node{g.bob, g.carol} {
		offer := nodetest.Offer(t, n, "letters.txt")
		if offer.Bytes != 0 || offer.Size != 64_000 || offer.Conversation != g.id {
			t.Errorf("%s is offered %+v", n.Identity().Name, offer)
		}
	}
	waits := nodetest.Transfer(t, g.alice, "both to be asked", func(x node.Transfer) bool {
		return x.ID == sent.ID && len(x.Parts) == 2 && !slices.ContainsFunc(x.Parts, func(p node.Part) bool { return p.State != filexfer.AwaitingPeer })
	})
	if waits.State != filexfer.AwaitingPeer || waits.Bytes != 0 || waits.Size != 64_000 {
		t.Errorf("the sender shows %+v", waits)
	}
	for _, n := range []*node.Node{g.bob, g.carol} {
		offer := nodetest.Offer(t, n, "letters.txt")
		if _, err := n.Accept(t.Context(), offer.ID, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		got := nodetest.Ended(t, n, offer.ID)
		if arrived, err := os.ReadFile(got.File); got.State != filexfer.Finished || got.Bytes != 64_000 || !bytes.Equal(arrived, content) {
			t.Errorf("%s ends with %+v, %v", n.Identity().Name, got, err)
		}
	}
	waited, times := false, 0
	for e := range events {
		if e.Transfer == nil || e.Transfer.ID != sent.ID {
			continue
		}
		if waiting := e.Transfer.State == filexfer.AwaitingPeer; waiting != waited {
			if waited = waiting; waiting {
				times++
			}
		}
		if all := e.Transfer.Parts; e.Transfer.State == filexfer.Finished && !slices.ContainsFunc(all, func(p node.Part) bool { return p.State != filexfer.Finished }) {
			if times != 1 || e.Transfer.Bytes != 64_000 {
				t.Errorf("the sender waited %d times and ends with %+v", times, e.Transfer)
			}
			return
		}
	}
	t.Error("alice's node does not tell the end")
}

// testVCard: testVcfFileTransferInConversation.
func testVCard(t *testing.T, g grouped) {
	path := filepath.Join(t.TempDir(), "profile.vcf")
	if err := os.WriteFile(path, []byte("BEGIN:VCARD\nFN:Somebody Else\nEND:VCARD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	share(t, g.alice, "club", path, []*node.Node{g.bob}, []*node.Node{g.carol})
	if c := nodetest.Contact(t, g.bob, "alice", node.Accepted); c.Name != "alice" {
		t.Errorf("a file renamed a contact: %+v", c)
	}
}

// testAskedAgain: testReaskForTransfer, testAskToMultipleParticipants. Bob refuses,
// carol takes the file. Later bob asks for it: alice and carol have it, one copy comes.
func testAskedAgain(t *testing.T, g grouped) {
	path, content := randomFile(t, "song.ogg", 64_000)
	entry := share(t, g.alice, "club", path, []*node.Node{g.carol}, []*node.Node{g.bob})
	dir := t.TempDir()
	wanted, err := g.bob.GetFile(t.Context(), "club", entry.String()[:10], dir)
	if err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, g.bob, wanted.ID)
	got, err := os.ReadFile(filepath.Join(dir, "song.ogg"))
	if end.State != filexfer.Finished || end.Entry != entry || !bytes.Equal(got, content) {
		t.Errorf("ended as %+v, %v", end, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
}

// testHereAlready: testDontDownloadExistingFile, testTransferInfo. Who has the file and
// asks for it has it at once, where it is; nothing is written.
func testHereAlready(t *testing.T, g grouped) {
	path, _ := randomFile(t, "here.txt", 64_000)
	entry := share(t, g.alice, "club", path, []*node.Node{g.bob}, []*node.Node{g.carol})
	held := holds(t, g.bob, entry, node.HeldHere)
	got, err := g.bob.GetFile(t.Context(), "club", "here.txt", "")
	if err != nil || got.State != filexfer.Finished || got.File != held.Path || got.Size != 64_000 || got.Bytes != 64_000 {
		t.Errorf("get gives %+v, %v; the file is %+v", got, err, held)
	}
	if list, err := os.ReadDir(filepath.Dir(held.Path)); err != nil || len(list) != 1 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
	missed, err := g.carol.Missed()
	if err != nil || slices.ContainsFunc(missed, func(m node.Message) bool { return m.ID == entry }) {
		t.Errorf("who has refused a file has missed it: %+v, %v", missed, err)
	}
}

// testGivenUp: testCancelInTransfer. A file that nobody has is wanted, until the user
// gives it up: nothing is left of it, and it does not come when somebody has it.
func testGivenUp(t *testing.T, g grouped) {
	path, content := randomFile(t, "late.txt", 64_000)
	share(t, g.alice, "club", path, nil, []*node.Node{g.bob, g.carol})
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wanted, err := g.bob.GetFile(t.Context(), "club", "late.txt", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.bob.Cancel(t.Context(), wanted.ID); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, g.bob, wanted.ID); end.State != filexfer.ClosedByHost || end.Code != node.EndCancelled {
		t.Errorf("ended as %s, %s (%s)", end.State, end.Code, end.Reason)
	}
	empty(t, dir)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := g.bob.GetFile(t.Context(), "club", "late.txt", dir) // anew, and now it comes
	if err != nil || again.ID == wanted.ID {
		t.Fatalf("%+v, %v", again, err)
	}
	if end := nodetest.Ended(t, g.bob, again.ID); end.State != filexfer.Finished {
		t.Errorf("ended as %+v", end)
	}
}

// testAbsurdNames: testTransferInfoInvalidPathDoesNotAbort.
func testAbsurdNames(t *testing.T, g grouped) {
	text := say(t, g.alice, "club", "no file")
	reads(t, g.bob, "club", "alice: no file")
	for name, want := range map[string]error{
		strings.Repeat("x", 5000):     node.ErrUnknownEntry,
		"../../../etc/passwd":         node.ErrUnknownEntry,
		"":                            node.ErrUnknownEntry,
		text.ID.String():              node.ErrNotAFile,
		(conversation.ID{1}).String(): node.ErrUnknownEntry,
	} {
		if x, err := g.bob.GetFile(t.Context(), "club", name, ""); !errors.Is(err, want) {
			t.Errorf("get %.20q: %+v, %v, want %v", name, x, err, want)
		}
	}
	if _, err := g.bob.GetFile(t.Context(), strings.Repeat("x", 5000), "late.txt", ""); !errors.Is(err, node.ErrUnknownConversation) {
		t.Errorf("get from a conversation that is none: %v", err)
	}
}

// TestWrongPartIsFetchedAnew: testTooLarge. Part of a wanted file lies there, and is
// not of it: it is not taken for what it is not, and the file comes all the same.
func TestWrongPartIsFetchedAnew(t *testing.T) {
	w := newWorld(t)
	homes := []string{t.TempDir(), t.TempDir()}
	alice, bob := w.start("alice", homes[0]), w.start("bob", homes[1])
	nodetest.Befriend(t, alice, bob)
	path, content := randomFile(t, "photo.jpg", 64_000)
	entry := share(t, alice, "bob", path, nil, []*node.Node{bob})
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wanted, err := bob.GetFile(t.Context(), "alice", entry.String(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(dir, fmt.Sprintf(".passeur-%s.part", wanted.ID))
	if err := os.WriteFile(part, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	bob = w.start("", homes[1])
	if x, found := bob.Transfer(wanted.ID); !found || x.State != filexfer.Created {
		t.Errorf("after the restart the file is %+v", x)
	}
	w.start("", homes[0])
	end := nodetest.Ended(t, bob, wanted.ID)
	if got, err := os.ReadFile(end.File); end.State != filexfer.Finished || !bytes.Equal(got, content) {
		t.Errorf("ended as %+v, %v", end, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
}
