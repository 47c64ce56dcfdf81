package node_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// identified is what identify keeps of one peer's addresses at most.
const identified = 500

// TestHostileHost: strangers connect to somebody's node who tell a megabyte of addresses
// of theirs, in one message or in many, and open streams without end and say nothing on
// them. What the node keeps of it is bounded, and its owner's file crosses meanwhile.
func TestHostileHost(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	victim := node.HostOf(net.Bob)

	talkers := []host.Host{
		stranger(t, victim, bytes.Repeat(identity(350), 300)), // as many messages as anybody may send, and more
		stranger(t, victim, identity(50_000)),
	}
	mute := stranger(t, victim, identity(1))
	ctx, cancel := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	for range 4 {
		flooding.Go(func() { openStreams(ctx, mute.Network().ConnsToPeer(victim.ID())[0]) })
	}
	defer flooding.Wait()
	defer cancel()

	crosses(t, net.Alice, net.Bob)
	for _, h := range talkers {
		if n := len(victim.Peerstore().Addrs(h.ID())); n > identified+10 { // those of its connection, too
			t.Errorf("%d addresses of one peer are kept", n)
		}
	}
	streams := 0
	for _, c := range victim.Network().ConnsToPeer(mute.ID()) {
		streams += c.Stat().NumStreams
	}
	if streams > 2048 {
		t.Errorf("a peer has %d streams", streams)
	}
	for _, p := range victim.Mux().Protocols() {
		if strings.Contains(string(p), "circuit") {
			t.Errorf("the node relays for strangers: %s", p)
		}
	}
}

// stranger is a host of libp2p's that says this of itself, and is connected.
func stranger(t *testing.T, to host.Host, says []byte) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	asked := make(chan struct{}, 10)
	h.SetStreamHandler("/ipfs/id/1.0.0", func(s network.Stream) {
		s.Write(says) // until the other side has had enough
		s.Close()
		asked <- struct{}{}
	})
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
		t.Fatal(err)
	}
	<-asked
	return h
}

// identity is a message of identify's with so many addresses, its length before it.
func identity(addrs int) []byte {
	var m []byte
	for i := range addrs {
		a := multiaddr.StringCast(fmt.Sprintf("/ip4/10.%d.%d.%d/tcp/22", i>>16, i>>8&255, i&255)).Bytes()
		m = append(append(m, 0x12, byte(len(a))), a...) // listenAddrs
	}
	return append(binary.AppendUvarint(nil, uint64(len(m))), m...)
}

// openStreams opens streams until ctx ends or the connection does, and keeps them.
func openStreams(ctx context.Context, c network.Conn) {
	for {
		s, err := c.NewStream(ctx)
		if err != nil {
			if ctx.Err() != nil || c.IsClosed() {
				return
			}
			continue
		}
		s.Write([]byte{0})
	}
}

// crosses sends a file from one to the other, who accepts it, and compares it.
func crosses(t *testing.T, from, to *node.Node) {
	t.Helper()
	path, content := randomFile(t, "honest.bin", 3<<20)
	if _, err := from.SendFile(t.Context(), path, to.Identity().Name); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	offer := nodetest.Offer(t, to, "honest.bin")
	if _, err := to.Accept(t.Context(), offer.ID, dir); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, to, offer.ID); end.State != filexfer.Finished {
		t.Fatalf("the file ended as %+v", end)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "honest.bin")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}

// TestWhatIsNoFileIsNotSent, and what is larger than anybody's disk harms nobody.
func TestWhatIsNoFileIsNotSent(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	for _, path := range []string{"/dev/zero", "/dev/null", "/nowhere"} {
		if x, err := net.Alice.SendFile(t.Context(), path, "bob"); err == nil {
			t.Errorf("%s is sent: %+v", path, x)
		}
	}
	huge := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 1<<40); err != nil { // of nothing but holes
		t.Fatal(err)
	}
	sent, err := net.Alice.SendFile(t.Context(), huge, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, net.Bob, "huge")
	if offer.Size != 1<<40 {
		t.Errorf("%d bytes are offered", offer.Size)
	}
	if _, err := net.Bob.Refuse(t.Context(), offer.ID); err != nil {
		t.Fatal(err)
	}
	// Its sums are made all the same, for whoever asks later; its owner can end that.
	if _, err := net.Alice.Cancel(t.Context(), sent.ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Ended(t, net.Alice, sent.ID)
	crosses(t, net.Alice, net.Bob)
}

// TestUninvitedConversationsAreBounded: a contact founds one group after the other that
// his friend never joins. The friend's node takes a hundred, and still what there is.
func TestUninvitedConversationsAreBounded(t *testing.T) {
	server, home := nodetest.New(t, node.Config{Name: "dht"}), t.TempDir()
	start := func(name, home string) *node.Node {
		return nodetest.New(t, node.Config{Name: name, Home: home, DHT: node.DHTClient, Bootstrap: nodetest.Addrs(server)})
	}
	bob, alice := start("bob", t.TempDir()), start("alice", home)
	nodetest.Befriend(t, alice, bob)
	say(t, bob, "alice", "hello")
	reads(t, alice, "bob", "bob: hello")
	pair, err := alice.Conversation("bob")
	if err != nil {
		t.Fatal(err)
	}
	other := conversation.ID{1}
	if !node.Takes(alice, bob, other) {
		t.Error("the first group is not taken")
	}
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	if err := node.FoundGroups(t.Context(), bob, alice.Identity().Account, home, t.TempDir(), 100); err != nil {
		t.Fatal(err)
	}
	alice = start("alice", home)
	if !node.Takes(alice, bob, pair.ID) {
		t.Error("what the two have is taken no more")
	}
	if node.Takes(alice, bob, other) {
		t.Error("one more group is taken")
	}
}

// Groups that a user has left or declined, over the years, keep no new ones out.
func TestDeclinedConversationsTakeNoPlace(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	nodetest.Until(t, net.Alice, "bob's devices to be known", func() bool { return node.Takes(net.Alice, net.Bob, conversation.ID{1}) })
	for i := range 100 {
		c, err := net.Alice.CreateConversation(t.Context(), fmt.Sprint("holiday ", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := net.Alice.LeaveConversation(t.Context(), c.ID.String()); err != nil {
			t.Fatal(err)
		}
	}
	if !node.Takes(net.Alice, net.Bob, conversation.ID{1}) {
		t.Error("one more group is not taken")
	}
}

// What is said to prove that a conversation is not given brings no conversation.
func TestAProofBringsNoConversation(t *testing.T) {
	net := nodetest.NewTrio(t)
	group, err := net.Bob.CreateConversation(t.Context(), "group", nil)
	if err != nil {
		t.Fatal(err)
	}
	if has, err := node.Prove(net.Alice, net.Bob, group.ID); has || err != nil {
		t.Errorf("the conversation is here: %v, %v", has, err)
	}
}
