package node_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// randomFile makes a file of size bytes, the same for the same name and size.
func randomFile(t *testing.T, name string, size int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	seed := sha3.Sum256([]byte(name))
	rand.NewChaCha8(seed).Read(content)
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func sumOf(content []byte) string {
	sum := sha3.Sum512(content)
	return hex.EncodeToString(sum[:])
}

func TestFileCrosses(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	path, content := randomFile(t, "photo.jpg", 5<<20+123)

	sent, err := net.Alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, net.Bob, "photo.jpg")
	if offer.Contact != "alice" || offer.Size != int64(len(content)) || offer.Direction != node.Incoming {
		t.Errorf("offer is %+v", offer)
	}
	folder := t.TempDir()
	if _, err := net.Bob.Accept(t.Context(), offer.ID, folder); err != nil {
		t.Fatal(err)
	}
	got, done := nodetest.Ended(t, net.Bob, offer.ID), nodetest.Ended(t, net.Alice, sent.ID)
	for side, end := range map[string]node.Transfer{"receiver": got, "sender": done} {
		if end.State != filexfer.Finished || end.Bytes != int64(len(content)) || end.Sum != sumOf(content) {
			t.Errorf("%s ended as %+v", side, end)
		}
		checkPath(t, side, end.Path)
	}
	arrived, err := os.ReadFile(got.File)
	if err != nil || !bytes.Equal(arrived, content) || got.File != filepath.Join(folder, "photo.jpg") {
		t.Errorf("%s differs from what was sent (%v)", got.File, err)
	}
}

// checkPath: what carried the file was ICE and TLS 1.3 with a post-quantum group.
func checkPath(t *testing.T, side string, p *icetcp.Path) {
	t.Helper()
	switch {
	case p == nil:
		t.Errorf("%s knows no path", side)
	case p.Kind != icetcp.Direct || p.LocalType == "" || p.RemoteType == "" || !p.Remote.IsValid():
		t.Errorf("%s: path is %+v, want a direct candidate pair", side, *p)
	case p.TLS.Version != tls.VersionTLS13 || p.TLS.CurveID != tls.X25519MLKEM768:
		t.Errorf("%s: TLS version %x, group %v", side, p.TLS.Version, p.TLS.CurveID)
	}
}

func TestOfferRefused(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	path, _ := randomFile(t, "song.ogg", 1000)
	sent, err := net.Alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, net.Bob, "song.ogg")
	if _, err := net.Bob.Refuse(t.Context(), offer.ID); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, net.Alice, sent.ID); end.State != filexfer.ClosedByPeer || end.Code != node.EndRefused {
		t.Errorf("sender ended as %s, %s", end.State, end.Code)
	}
	if end := nodetest.Ended(t, net.Bob, offer.ID); end.State != filexfer.ClosedByHost || end.Code != node.EndRefused {
		t.Errorf("receiver ended as %s, %s", end.State, end.Code)
	}
	if _, err := net.Bob.Accept(t.Context(), offer.ID, ""); !errors.Is(err, node.ErrNotWaiting) {
		t.Errorf("a refused offer is accepted: %v", err)
	}
}

func TestCancelOfEitherSideBeforeAcceptance(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	path, _ := randomFile(t, "film.mkv", 1000)
	for name, c := range map[string]struct {
		cancel                  func(sent, offered string) error
		senderState, offerState filexfer.State
	}{
		"sender": {func(sent, _ string) error { _, err := net.Alice.Cancel(t.Context(), sent); return err },
			filexfer.ClosedByHost, filexfer.ClosedByPeer},
		"receiver": {func(_, offered string) error { _, err := net.Bob.Cancel(t.Context(), offered); return err },
			filexfer.ClosedByPeer, filexfer.ClosedByHost},
	} {
		t.Run(name, func(t *testing.T) {
			sent, err := net.Alice.SendFile(t.Context(), path, "bob")
			if err != nil {
				t.Fatal(err)
			}
			offer := nodetest.Offer(t, net.Bob, "film.mkv")
			if err := c.cancel(sent.ID, offer.ID); err != nil {
				t.Fatal(err)
			}
			if end := nodetest.Ended(t, net.Alice, sent.ID); end.State != c.senderState || end.Code != node.EndCancelled {
				t.Errorf("sender ended as %s, %s (%s)", end.State, end.Code, end.Reason)
			}
			if end := nodetest.Ended(t, net.Bob, offer.ID); end.State != c.offerState || end.Code != node.EndCancelled {
				t.Errorf("receiver ended as %s, %s (%s)", end.State, end.Code, end.Reason)
			}
		})
	}
}

func TestStrangerCanOfferNothing(t *testing.T) {
	net := nodetest.NewTrio(t)
	// Alice believes that Bob is her contact; Bob has only seen her ask.
	if _, err := net.Alice.AddContact(t.Context(), net.Bob.Identity().Account, "bob"); err != nil {
		t.Fatal(err)
	}
	nodetest.Contact(t, net.Bob, "alice", node.Pending)
	path, _ := randomFile(t, "spam.txt", 10)
	if _, err := net.Alice.SendFile(t.Context(), path, "bob"); !errors.Is(err, node.ErrNotAccepted) {
		t.Errorf("sending to one who has not accepted: %v", err)
	}
	// what a modified node would do: straight to the stream protocol
	files, err := filexfer.New(net.Alice.Host(), filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	bob := net.Bob.Host()
	net.Alice.Host().Peerstore().AddAddrs(bob.ID(), bob.Addrs(), 1<<40)
	if _, err := files.Send(t.Context(), bob.ID(), file); !errors.Is(err, filexfer.ErrRefused) {
		t.Errorf("a stranger's offer ended as %v", err)
	}
	if inbox := net.Bob.Inbox(); len(inbox) != 0 {
		t.Errorf("a stranger's offer was shown: %+v", inbox)
	}
}

func TestUnreachableContact(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	if err := net.Bob.Close(); err != nil {
		t.Fatal(err)
	}
	path, _ := randomFile(t, "late.txt", 10)
	sent, err := net.Alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, net.Alice, sent.ID)
	if end.State != filexfer.Unjoinable || end.Code != node.EndUnjoinable || end.Reason == "" {
		t.Errorf("ended as %s, %s (%s)", end.State, end.Code, end.Reason)
	}
}

func TestAcceptContactsTakesEverything(t *testing.T) {
	server := nodetest.New(t, node.Config{Name: "dht"})
	boot := nodetest.Addrs(server)
	downloads := filepath.Join(t.TempDir(), "incoming")
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTClient, Bootstrap: boot})
	bob := nodetest.New(t, node.Config{Name: "bob", DHT: node.DHTClient, Bootstrap: boot,
		Accept: node.AcceptContacts, Downloads: downloads})
	nodetest.Befriend(t, alice, bob)
	path, content := randomFile(t, "notes.txt", 4321)
	for _, want := range []string{"notes.txt", "notes (2).txt"} {
		sent, err := alice.SendFile(t.Context(), path, "bob")
		if err != nil {
			t.Fatal(err)
		}
		if end := nodetest.Ended(t, alice, sent.ID); end.State != filexfer.Finished {
			t.Fatalf("ended as %s: %s", end.State, end.Reason)
		}
		if arrived, err := os.ReadFile(filepath.Join(downloads, want)); err != nil || !bytes.Equal(arrived, content) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestStateSurvivesRestart(t *testing.T) {
	home := t.TempDir()
	server := nodetest.New(t, node.Config{Name: "dht"})
	boot := nodetest.Addrs(server)
	alice := nodetest.New(t, node.Config{Name: "alice", Home: home, DHT: node.DHTClient, Bootstrap: boot})
	bob := nodetest.New(t, node.Config{Name: "bob", DHT: node.DHTClient, Bootstrap: boot})
	nodetest.Befriend(t, alice, bob)
	path, _ := randomFile(t, "kept.bin", 100)
	sent, err := alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Offer(t, bob, "kept.bin")
	before := alice.Identity()
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Transfer(t, bob, "the offer to end", func(x node.Transfer) bool { return x.State.Final() }); end.State != filexfer.ClosedByPeer {
		t.Errorf("receiver sees %s", end.State)
	}

	again := nodetest.New(t, node.Config{Home: home, DHT: node.DHTClient, Bootstrap: boot})
	if id := again.Identity(); id.Account != before.Account || id.Device != before.Device || id.Name != "alice" {
		t.Errorf("came back as %+v", id)
	}
	if c := again.Contacts(); len(c) != 1 || c[0].Name != "bob" || c[0].State != node.Accepted {
		t.Errorf("contacts after restart: %+v", c)
	}
	kept, found := again.Transfer(sent.ID)
	if !found || kept.State != filexfer.ClosedByHost || kept.Code != node.EndRestarted || kept.Contact != "bob" {
		t.Errorf("transfer after restart: %+v", kept)
	}
}

func TestOneNodeAHome(t *testing.T) {
	home := t.TempDir()
	nodetest.New(t, node.Config{Home: home})
	if _, err := node.New(t.Context(), node.Config{Home: home, Listen: "127.0.0.1:0"}); !errors.Is(err, node.ErrLocked) {
		t.Errorf("second node on the home: %v", err)
	}
}

func TestWrongConfigNamesTheField(t *testing.T) {
	for field, c := range map[string]node.Config{
		"Home":      {},
		"Listen":    {Home: "h", Listen: "nonsense"},
		"Bootstrap": {Home: "h", Bootstrap: []string{"/ip4/127.0.0.1/tcp/1"}},
		"DHT":       {Home: "h", DHT: "sometimes"},
		"Accept":    {Home: "h", Accept: "maybe"},
	} {
		if _, err := node.New(context.Background(), c); err == nil || !bytes.Contains([]byte(err.Error()), []byte(field)) {
			t.Errorf("%s: error is %v", field, err)
		}
	}
}
