package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// notebook keeps a log's lines.
type notebook struct {
	mu    sync.Mutex
	lines []string
}

func (b *notebook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(line))
	return len(line), nil
}

// count tells how many lines have all these words.
func (b *notebook) count(words ...string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		found := true
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			n++
		}
	}
	return n
}

// TestRequestsThatAreRefused: a member of a group asks another one's device for what it
// must not get, or what is not there. Each time the answer says why, in one word; the
// log says it once; nothing is sent.
func TestRequestsThatAreRefused(t *testing.T) {
	log := new(notebook)
	w := newWorld(t)
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTClient, Bootstrap: w.boot,
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	bob, carol := w.start("bob", ""), w.start("carol", "")
	group := club(t, alice, bob, carol)
	both := []*node.Node{bob, carol}
	photo, _ := randomFile(t, "photo.jpg", 10_000)
	edited, _ := randomFile(t, "edited.txt", 10_000)
	taken, _ := randomFile(t, "taken.txt", 10_000)
	theirs, _ := randomFile(t, "theirs.txt", 10_000)
	private, _ := randomFile(t, "private.txt", 10_000)
	entries := map[string]conversation.ID{
		"photo":  share(t, alice, "club", photo, nil, both),
		"edited": share(t, alice, "club", edited, nil, both),
		"taken":  share(t, alice, "club", taken, nil, both),
		"theirs": share(t, bob, "club", theirs, nil, []*node.Node{alice, carol}),
		"text":   say(t, alice, "club", "hello").ID,
	}
	secret := share(t, alice, "bob", private, nil, []*node.Node{bob})
	pair, err := alice.Conversation("bob")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(edited, bytes.Repeat([]byte{1}, 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.DeleteMessage(t.Context(), "club", entries["taken"].String()); err != nil {
		t.Fatal(err)
	}
	before := len(alice.Transfers()) + len(carol.Transfers())

	good := requestOf(carol, group, entries["photo"])
	for _, tc := range []struct {
		name, word string
		request    request
	}{
		{"in the name of another device", "device", good.with("deviceId", bob.Identity().Device.String())},
		{"a conversation that nobody knows", "unknown-conversation", good.with("conversation", conversation.ID{1}.String())},
		{"a conversation of others", "not-a-member", requestOf(carol, pair.ID, secret)},
		{"an entry that nobody knows", "unknown-entry", good.with("interaction", conversation.ID{1}.String())},
		{"an entry of another conversation", "unknown-entry", requestOf(carol, group, secret)},
		{"a text", "not-a-file", requestOf(carol, group, entries["text"])},
		{"a file that was taken back", "not-here", requestOf(carol, group, entries["taken"])},
		{"a file that was edited", "changed", requestOf(carol, group, entries["edited"])},
		{"a file that is elsewhere", "not-here", requestOf(carol, group, entries["theirs"])},
		{"bytes behind the end", "range", good.with("start", "10001")},
		{"a name that is no id", "unknown-entry", good.with("interaction", "../../photo.jpg")},
		{"no device", "protocol", good.with("deviceId", "")},
	} {
		for range 3 {
			if got := ask(t, carol, alice, tc.request); got != "NO "+tc.word && !strings.HasPrefix(got, "NO "+tc.word+" ") {
				t.Errorf("%s: the answer is %q, want NO %s", tc.name, got, tc.word)
			}
		}
	}
	if _, err := alice.ChangeMember(t.Context(), "club", conversation.Ban, "carol", ""); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := ask(t, carol, alice, good); got != "NO not-a-member" {
			t.Errorf("a member who was removed: the answer is %q", got)
		}
	}
	if after := len(alice.Transfers()) + len(carol.Transfers()); after != before {
		t.Errorf("%d transfers came of it", after-before)
	}
	for reason, entries := range map[error]int{
		rerequest.ErrDevice: 1, rerequest.ErrUnknownConversation: 1, rerequest.ErrChanged: 1, rerequest.ErrNotHeld: 2, rerequest.ErrRange: 1,
	} {
		if n := log.count(carol.Identity().Device.String(), reason.Error()); n != entries {
			t.Errorf("%q is logged %d times, want once for each of %d entries", reason, n, entries)
		}
	}
}

// TestRevokedDeviceGetsNoFile: its account's contacts do not even let it in.
func TestRevokedDeviceGetsNoFile(t *testing.T) {
	w := newWorld(t)
	alice, laptop := w.start("alice", ""), w.start("bob", "")
	nodetest.Befriend(t, laptop, alice)
	phone := w.link(laptop, "phone", t.TempDir(), false)
	say(t, phone, "alice", "from the phone")
	reads(t, alice, "bob", "bob: from the phone")
	path, _ := randomFile(t, "photo.jpg", 10_000)
	entry := share(t, alice, "bob", path, nil, []*node.Node{laptop, phone})
	pair, err := alice.Conversation("bob")
	if err != nil {
		t.Fatal(err)
	}
	before := len(alice.Transfers())

	if _, err := laptop.RevokeDevice(t.Context(), "phone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, alice, "alice to refuse the phone", func() bool { return node.Refuses(t.Context(), alice, phone) })
	if got := ask(t, phone, alice, requestOf(phone, pair.ID, entry)); strings.HasPrefix(got, "OK") {
		t.Errorf("the answer is %q", got)
	}
	if after := len(alice.Transfers()); after != before {
		t.Errorf("%d transfers came of it", after-before)
	}
}

// TestManyRequestsAreCheap: a member asks for one large file a hundred times and
// takes none. The holder reads it no more often than before, and sends nothing.
func TestManyRequestsAreCheap(t *testing.T) {
	log := new(notebook)
	w := newWorld(t)
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTClient, Bootstrap: w.boot,
		Logger: slog.New(slog.NewTextHandler(log, nil))})
	bob := w.start("bob", "")
	nodetest.Befriend(t, alice, bob)
	path, _ := randomFile(t, "film.mkv", 16<<20)
	entry := share(t, alice, "bob", path, nil, []*node.Node{bob})
	sent := alice.Transfers()
	pair := sent[len(sent)-1].Conversation // alice and bob may have begun two at once
	before := len(sent)

	answers := make(map[string]int)
	for range 100 {
		answers[ask(t, bob, alice, requestOf(bob, pair, entry))]++
	}
	t.Logf("answers: %v", answers)
	for answer := range answers {
		if answer != "OK" && answer != "NO sending" && answer != "NO busy" {
			t.Errorf("an answer is %q", answer)
		}
	}
	for _, x := range alice.Transfers()[before:] {
		if x.Bytes != 0 {
			t.Errorf("to one who takes nothing came %+v", x)
		}
	}
	if n := log.count(bob.Identity().Device.String()); n > 20 {
		t.Errorf("100 requests are %d lines in the log", n)
	}
	if inbox := bob.Inbox(); len(inbox) != 0 {
		t.Errorf("bob, who has refused the file, is asked again: %+v", inbox)
	}
}

// TestLiars: a device asks the members for a file. Two say that they have it and give
// other bytes of the same length, each his own. Nothing of it stays, and the file comes
// from the one who has it.
func TestLiars(t *testing.T) {
	w := newWorld(t)
	home := t.TempDir()
	alice, bob, carol, dave := w.start("alice", home), w.start("bob", ""), w.start("carol", ""), w.start("dave", "")
	group := club(t, alice, bob, carol, dave)
	path, content := randomFile(t, "photo.jpg", 300_000)
	entry := share(t, alice, "club", path, nil, []*node.Node{bob, carol, dave})
	// in a group people need not be contacts, but here all shall be connected
	nodetest.Befriend(t, bob, carol)
	nodetest.Befriend(t, bob, dave)
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	lied := make(chan error, 100)
	root, truth := treeOf(t, content)
	lie(t, carol, group, entry, bytes.Repeat([]byte{'c'}, len(content)), filexfer.Tree{Root: root, List: truth}, lied)
	wrong := bytes.Repeat([]byte{'d'}, len(content))
	_, lies := treeOf(t, wrong)
	lie(t, dave, group, entry, wrong, filexfer.Tree{Root: root, List: lies}, lied)

	dir := t.TempDir()
	wanted, err := bob.GetFile(t.Context(), "club", entry.String(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for bad := 0; bad < 2; {
		if err := <-lied; err != nil && !errors.Is(err, filexfer.ErrRefused) {
			bad++ // a wrong unit, or sums that are not the root's
		}
	}
	if x, _ := bob.Transfer(wanted.ID); x.State == filexfer.Finished {
		t.Errorf("a lie is taken: %+v", x)
	}
	if _, err := os.Stat(filepath.Join(dir, "photo.jpg")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a lie has the file's name: %v", err)
	}
	w.start("alice", home)
	end := nodetest.Ended(t, bob, wanted.ID)
	if got, err := os.ReadFile(end.File); err != nil || !bytes.Equal(got, content) {
		t.Errorf("ended as %+v: %v", end, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
}

// lie has a node's device say that it holds a file, and then send these bytes.
func lie(t *testing.T, n *node.Node, group, entry conversation.ID, content []byte, tree filexfer.Tree, lied chan<- error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := filexfer.New(n.Host(), filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	n.Host().SetStreamHandler(rerequest.ID, func(s network.Stream) {
		running.Go(func() {
			defer s.Close()
			fmt.Fprint(s, "OK\n")
			file, err := filexfer.FileFromPath(path)
			if err == nil {
				file.Conversation, file.Interaction, file.Root = group.String(), entry.String(), tree.Root.String()
				file.Tree = func(context.Context) (filexfer.Tree, error) { return tree, nil }
				_, err = files.Send(ctx, s.Conn().RemotePeer(), file)
			}
			lied <- err
		})
	})
	t.Cleanup(func() {
		n.Host().RemoveStreamHandler(rerequest.ID)
		cancel()
		running.Wait()
		files.Close()
	})
}

func treeOf(t *testing.T, content []byte) (sha3tree.Sum, sha3tree.List) {
	t.Helper()
	list, err := sha3tree.Read(t.Context(), bytes.NewReader(content), int64(len(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list.Root(), list
}

// TestOffersThatAreRefused: what nobody has asked for, and is not what a conversation
// tells of, does not even come before the user.
func TestOffersThatAreRefused(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.start("alice", ""), w.start("bob", ""), w.start("carol", "")
	group := club(t, alice, bob, carol)
	nodetest.Befriend(t, carol, bob)
	both := []*node.Node{bob, carol}
	photo, _ := randomFile(t, "photo.jpg", 10_000)
	alices := share(t, alice, "club", photo, nil, both)
	mine, _ := randomFile(t, "mine.txt", 10_000)
	carols := share(t, carol, "club", mine, []*node.Node{bob}, []*node.Node{alice})
	text := say(t, carol, "club", "hello").ID
	reads(t, bob, "club", "carol: hello")
	pair, err := alice.Conversation("bob")
	if err != nil {
		say(t, alice, "bob", "hello")
		if pair, err = alice.Conversation("bob"); err != nil {
			t.Fatal(err)
		}
	}

	files, err := filexfer.New(carol.Host(), filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	before := len(bob.Transfers())
	other, _ := randomFile(t, "mine.txt", 9_999)
	for _, tc := range []struct {
		name, reason string
		path         string
		conv, entry  conversation.ID
	}{
		{"a file that is here", "it is here already", mine, group, carols},
		{"another file than was announced", "not the file", other, group, carols},
		{"a file of another member's", "not the file", photo, group, alices},
		{"a text", "no file", mine, group, text},
		{"in a conversation of others", "not a member", mine, pair.ID, alices},
	} {
		file, err := filexfer.FileFromPath(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		file.Conversation, file.Interaction = tc.conv.String(), tc.entry.String()
		_, err = files.Send(t.Context(), bob.Identity().Device, file)
		if !errors.Is(err, filexfer.ErrRefused) || !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%s: ended as %v, want it refused: %s", tc.name, err, tc.reason)
		}
	}
	if after := len(bob.Transfers()); after != before {
		t.Errorf("bob was asked %d times: %+v", after-before, bob.Transfers()[before:])
	}
}

// TestFileForAnEntryToCome: a member names the entry of another's file, which bob's device
// has not got yet, and offers another file for it. Bob takes that. When the entry is there,
// nobody takes the one file for the other.
func TestFileForAnEntryToCome(t *testing.T) {
	w := newWorld(t)
	bob, before := beforeTheEntry(t, w)
	offered := make(chan error, 1)
	before.offer(t, bob, offered)
	if _, err := bob.Accept(t.Context(), nodetest.Offer(t, bob, "other.jpg").ID, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := <-offered; err != nil {
		t.Fatal(err)
	}
	w.start("alice", before.author)
	eventually(t, bob, "bob to miss alice's file", func() bool {
		list, err := bob.Missed()
		return err == nil && len(list) == 1 && list[0].ID == before.entry
	})
	holds(t, bob, before.entry, node.HeldChanged)
	wanted, err := bob.GetFile(t.Context(), "club", before.entry.String(), "")
	if err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, bob, wanted.ID)
	if got, err := os.ReadFile(end.File); err != nil || !bytes.Equal(got, before.content) {
		t.Errorf("bob gets other bytes than alice has sent: %+v, %v", end, err)
	}
	holds(t, bob, before.entry, node.HeldHere)
}

// TestOfferForAnEntryToCome: such an offer still waits when the entry comes.
func TestOfferForAnEntryToCome(t *testing.T) {
	w := newWorld(t)
	bob, before := beforeTheEntry(t, w)
	offered := make(chan error, 1)
	before.offer(t, bob, offered)
	waits := nodetest.Offer(t, bob, "other.jpg")
	w.start("alice", before.author)
	if err := <-offered; !errors.Is(err, filexfer.ErrRefused) || !strings.Contains(err.Error(), "not the file") {
		t.Errorf("it ended as %v", err)
	}
	if end := nodetest.Ended(t, bob, waits.ID); end.State != filexfer.ClosedByHost {
		t.Errorf("bob shows %+v", end)
	}
}

// toCome is a file of a group's whose entry one member has not got yet.
type toCome struct {
	group, entry conversation.ID
	content      []byte
	author       string         // the home of who sent it
	member       crypto.PrivKey // another member's device, whose node does not run
}

// beforeTheEntry gives the node of such a member, and what is to come.
func beforeTheEntry(t *testing.T, w world) (*node.Node, toCome) {
	t.Helper()
	home, before := t.TempDir(), toCome{author: t.TempDir()}
	alice, bob, carol := w.start("alice", before.author), w.start("bob", home), w.start("carol", "")
	before.group = club(t, alice, bob, carol)
	nodetest.Befriend(t, carol, bob)
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	path, content := randomFile(t, "photo.jpg", 10_000)
	sent, err := alice.SendFile(t.Context(), path, "club")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := carol.Refuse(t.Context(), nodetest.Offer(t, carol, "photo.jpg").ID); err != nil {
		t.Fatal(err)
	}
	sent, _ = alice.Transfer(sent.ID)
	before.entry, before.content = sent.Entry, content
	before.member = node.HostOf(carol).Peerstore().PrivKey(carol.Identity().Device)
	if err := errors.Join(alice.Close(), carol.Close()); err != nil {
		t.Fatal(err)
	}
	return w.start("bob", home), before
}

// offer has the other member's device offer a file for the entry.
func (c toCome) offer(t *testing.T, to *node.Node, ended chan<- error) {
	t.Helper()
	h, err := libp2p.New(libp2p.Identity(c.member), libp2p.NoListenAddrs, libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	victim := node.HostOf(to)
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: victim.ID(), Addrs: victim.Addrs()}); err != nil {
		t.Fatal(err)
	}
	files, err := filexfer.New(h, filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	path, content := randomFile(t, "other.jpg", len(c.content))
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	root, list := treeOf(t, content)
	file.Conversation, file.Interaction, file.Root = c.group.String(), c.entry.String(), root.String()
	file.Tree = func(context.Context) (filexfer.Tree, error) { return filexfer.Tree{Root: root, List: list}, nil }
	var running sync.WaitGroup
	running.Go(func() {
		_, err := files.Send(context.Background(), victim.ID(), file)
		ended <- err
	})
	t.Cleanup(func() {
		files.Close()
		running.Wait()
		h.Close()
	})
}

// TestOfferThatBreaksBeforeItsSums: a file that was offered before it was hashed, and
// whose sums never came, belongs to no entry, so that nobody can be asked for it. It ends,
// and leaves nothing.
func TestOfferThatBreaksBeforeItsSums(t *testing.T) {
	net := nodetest.NewTrio(t)
	alice, bob := net.Alice, net.Bob
	nodetest.Befriend(t, alice, bob)
	for name, c := range map[string]struct {
		tree  func(ctx context.Context, id string) (filexfer.Tree, error) // once bytes may flow
		state filexfer.State
		code  node.EndCode
	}{
		"lost": {func(ctx context.Context, _ string) (filexfer.Tree, error) {
			alice.Host().Network().ClosePeer(bob.Identity().Device)
			<-ctx.Done()
			return filexfer.Tree{}, context.Cause(ctx)
		}, filexfer.ClosedByPeer, node.EndLost},
		"unreadable": {func(context.Context, string) (filexfer.Tree, error) {
			return filexfer.Tree{}, errors.New("unreadable")
		}, filexfer.ClosedByPeer, node.EndBadPath},
		"cancelled": {func(ctx context.Context, id string) (filexfer.Tree, error) {
			if _, err := bob.Cancel(ctx, id); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return filexfer.Tree{}, context.Cause(ctx)
		}, filexfer.ClosedByHost, node.EndCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := filexfer.New(alice.Host(), filexfer.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			path, _ := randomFile(t, name+".mkv", 100_000)
			file, err := filexfer.FileFromPath(path)
			if err != nil {
				t.Fatal(err)
			}
			file.Conversation = conversation.ID{1}.String() // one that bob will hear of
			file.Tree = func(ctx context.Context) (filexfer.Tree, error) {
				return c.tree(ctx, nodetest.Transfer(t, bob, "the file to flow", isOngoing).ID)
			}
			connect(t, alice, bob)
			var sending sync.WaitGroup
			defer sending.Wait()
			sending.Go(func() { files.Send(t.Context(), bob.Identity().Device, file) })
			offer, dir := nodetest.Offer(t, bob, name+".mkv"), t.TempDir()
			if _, err := bob.Accept(t.Context(), offer.ID, dir); err != nil {
				t.Fatal(err)
			}
			if end := nodetest.Ended(t, bob, offer.ID); end.State != c.state || end.Code != c.code {
				t.Errorf("ended as %+v", end)
			}
			eventually(t, bob, "nothing to be left", func() bool {
				list, err := os.ReadDir(dir)
				return err == nil && len(list) == 0
			})
		})
	}
}

// connect has one node connect to another, if it is not: what goes past the node does
// not look for a device.
func connect(t *testing.T, from, to *node.Node) {
	t.Helper()
	if err := from.Host().Connect(t.Context(), peer.AddrInfo{ID: to.Host().ID(), Addrs: to.Host().Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// TestSumsThatNameAnotherEntry: a file that was offered before it was hashed turns out to
// go under the entry of another one. It ends, leaves nothing, and nobody is asked for it.
func TestSumsThatNameAnotherEntry(t *testing.T) {
	net := nodetest.NewTrio(t)
	alice, bob := net.Alice, net.Bob
	nodetest.Befriend(t, alice, bob)
	photo, _ := randomFile(t, "photo.jpg", 10_000)
	entry := share(t, alice, "bob", photo, nil, []*node.Node{bob})
	pair, err := alice.Conversation("bob")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filexfer.New(alice.Host(), filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	path, content := randomFile(t, "other.jpg", 100_000)
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	root, list := treeOf(t, content)
	file.Conversation = pair.ID.String()
	file.Tree = func(context.Context) (filexfer.Tree, error) {
		return filexfer.Tree{Root: root, List: list, Interaction: entry.String()}, nil
	}
	connect(t, alice, bob)
	sent := make(chan error, 1)
	go func() { _, err := files.Send(t.Context(), bob.Identity().Device, file); sent <- err }()
	offer, dir := nodetest.Offer(t, bob, "other.jpg"), t.TempDir()
	if _, err := bob.Accept(t.Context(), offer.ID, dir); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err == nil {
		t.Error("it is taken")
	}
	if end := nodetest.Ended(t, bob, offer.ID); end.State != filexfer.ClosedByHost || end.Code != node.EndFailed {
		t.Errorf("ended as %+v", end)
	}
	eventually(t, bob, "nothing to be left", func() bool {
		list, err := os.ReadDir(dir)
		return err == nil && len(list) == 0
	})
}
