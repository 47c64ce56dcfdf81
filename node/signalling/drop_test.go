package signalling

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
)

func newOwner(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func (n *node) mustListen(t testing.TB, ctx context.Context, owner ed25519.PrivateKey) <-chan []byte {
	t.Helper()
	messages, err := n.Listen(ctx, owner)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// drops leaves a message, again and again while nobody takes it.
func (n *node) drops(t testing.TB, owner ed25519.PublicKey, message string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	await(t, "some server takes the message", func() bool {
		err := n.Leave(ctx, owner, []byte(message))
		if err != nil && !errors.Is(err, ErrNoServer) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// mustReceive takes messages until want has come; others fail the test.
func mustReceive(t testing.TB, messages <-chan []byte, want string) {
	t.Helper()
	select {
	case m, more := <-messages:
		if string(m) != want {
			t.Fatalf("got %q, %v; want %q", m, more, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q has not come", want)
	}
}

func TestDropBringsWhatLiesThereAndWhatComes(t *testing.T) {
	_, alice, bob := trio(t, nil, nil, nil)
	public, owner := newOwner(t)
	bob.drops(t, public, "before")
	messages := alice.mustListen(t, t.Context(), owner)
	mustReceive(t, messages, "before")
	bob.drops(t, public, "after")
	mustReceive(t, messages, "after")
	if s := alice.Status(); s.Subscribed != 1 {
		t.Errorf("its own inbox: %+v", s)
	}
}

// Two devices on a LAN without anyone else are each other's servers, and their own.
func TestDropBetweenTwoServersAlone(t *testing.T) {
	dir := newDirectory()
	a := newNode(t, dir, dht.ModeServer).signal(t, nil)
	public, owner := newOwner(t)
	messages := a.mustListen(t, t.Context(), owner)
	b := newNode(t, dir, dht.ModeServer).signal(t, nil)
	if err := b.Leave(t.Context(), public, []byte("only here")); !errors.Is(err, ErrNoServer) || b.Status().Queued != 1 {
		t.Fatalf("a server alone keeps %d messages for itself, and says %v", b.Status().Queued, err)
	}
	b.connect(t, a)
	await(t, "b leaves something where a listens", func() bool {
		if err := b.Leave(t.Context(), public, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		select {
		case m := <-messages:
			return string(m) == "hello" || string(m) == "only here"
		default:
			return false
		}
	})
}

func TestDropIsReadFromManyServersOnce(t *testing.T) {
	dir := newDirectory()
	first := newNode(t, dir, dht.ModeServer).signal(t, nil)
	servers := []*node{first}
	for range 3 {
		servers = append(servers, newNode(t, dir, dht.ModeServer, servers...).signal(t, nil))
	}
	alice := newNode(t, dir, dht.ModeClient, servers...).signal(t, nil).listened(t, len(servers))
	bob := newNode(t, dir, dht.ModeClient, servers...).signal(t, nil).listened(t, len(servers))
	public, owner := newOwner(t)
	messages := alice.mustListen(t, t.Context(), owner)
	for i := range 5 {
		text := fmt.Sprint("message ", i)
		bob.drops(t, public, text)
		bob.drops(t, public, text)
		mustReceive(t, messages, text)
	}
}

// Two who made the same key from the same word both hear what is left there.
func TestTwoListenersOfOneDropBothHear(t *testing.T) {
	server, alice, bob := trio(t, nil, nil, nil)
	carol := newNode(t, server.dir, dht.ModeClient, server).signal(t, nil).listened(t, 1)
	public, owner := newOwner(t)
	toAlice, toBob := alice.mustListen(t, t.Context(), owner), bob.mustListen(t, t.Context(), owner)
	carol.drops(t, public, "hello")
	mustReceive(t, toAlice, "hello")
	mustReceive(t, toBob, "hello")
}

func TestDropIsGivenToNobodyWithoutTheKey(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	other := newNode(t, dir, dht.ModeServer).signal(t, nil)
	alice := newNode(t, dir, dht.ModeClient, server)
	mallory := newNode(t, dir, dht.ModeClient, server)
	public, owner := newOwner(t)
	_, foreign := newOwner(t)
	mallorys := newClaim(foreign, mallory.host.ID(), server.host.ID())
	mallorys.owner = [ed25519.PublicKeySize]byte(public)
	for name, f := range map[string]frame{
		"as an inbox of a device":   subscribe{DropOf(public)},
		"signed by another key":     mallorys,
		"unsigned":                  claim{owner: [ed25519.PublicKeySize]byte(public)},
		"signed for another device": newClaim(owner, alice.host.ID(), server.host.ID()),
		"signed for another server": newClaim(owner, mallory.host.ID(), other.host.ID()),
	} {
		if reply := mallory.rawFrame(t, server, InboxProtocol, f); reply != codeNotYours {
			t.Errorf("%s: %v", name, reply)
		}
	}
	if reply := mallory.rawFrame(t, server, InboxProtocol, newClaim(owner, mallory.host.ID(), server.host.ID())); reply != (ok{}) {
		t.Errorf("with the key: %v", reply)
	}
}

func TestDropEndsWithItsContextOrTheService(t *testing.T) {
	server, alice, _ := trio(t, nil, nil, nil)
	_, owner := newOwner(t)
	subscribers := func() int { return server.Status().Subscribers }
	idle := subscribers()
	ctx, cancel := context.WithCancel(t.Context())
	messages := alice.mustListen(t, ctx, owner)
	await(t, "the server pushes the drop", func() bool { return subscribers() == idle+1 })
	cancel()
	if m, more := <-messages; more {
		t.Errorf("a message after the end: %q", m)
	}
	await(t, "the server has let go", func() bool { return subscribers() == idle })
	messages = alice.mustListen(t, t.Context(), owner)
	if err := alice.Service.Close(); err != nil {
		t.Fatal(err)
	}
	if m, more := <-messages; more {
		t.Errorf("a message after Close: %q", m)
	}
	if _, err := alice.Listen(t.Context(), owner); !errors.Is(err, ErrClosed) {
		t.Errorf("Listen after Close: %v", err)
	}
	if err := alice.Leave(t.Context(), owner.Public().(ed25519.PublicKey), []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Leave after Close: %v", err)
	}
}

func TestDropRefusesWhatMakesNoSense(t *testing.T) {
	n := newNode(t, newDirectory(), dht.ModeServer).signal(t, nil)
	n.connect(t, newNode(t, n.dir, dht.ModeClient)) // for whom it may be
	public, owner := newOwner(t)
	for name, c := range map[string]struct {
		owner   ed25519.PublicKey
		message []byte
		want    error
	}{
		"no message":     {public, nil, nil},
		"too large":      {public, make([]byte, MaxMessage+1), ErrTooLarge},
		"no key":         {nil, []byte("x"), nil},
		"largest":        {public, make([]byte, MaxMessage), errNone},
		"a private key?": {ed25519.PublicKey(owner), []byte("x"), nil},
	} {
		err := n.Leave(t.Context(), c.owner, c.message)
		if (err == nil) != (c.want == errNone) || c.want != nil && c.want != errNone && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Leave(ended, public, []byte("x")); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrNoServer) {
		t.Errorf("when there is no time left: %v", err)
	}
	if _, err := n.Listen(t.Context(), ed25519.PrivateKey(public)); err == nil {
		t.Error("a public key was taken for a private one")
	}
}

var errNone = errors.New("no error")

func TestDropsListenedToAreBounded(t *testing.T) {
	n := newNode(t, newDirectory(), dht.ModeServer).signal(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all []<-chan []byte
	for range maxDrops {
		_, owner := newOwner(t)
		all = append(all, n.mustListen(t, ctx, owner))
	}
	_, owner := newOwner(t)
	if _, err := n.Listen(ctx, owner); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	cancel()
	for _, messages := range all {
		<-messages
	}
	await(t, "there is room again", func() bool {
		again, err := n.Listen(ctx, owner)
		if err == nil {
			<-again
		}
		return err == nil
	})
}

// A drop that is listened to no more while a server says ok leaves no subscription
// behind, neither here nor there.
func TestListeningEndsWhileItBegins(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	alice := newNode(t, dir, dht.ModeServer, server).signal(t, nil)
	public, owner := newOwner(t)
	life := newLifetime()
	box := dropMailbox{owner, DropOf(public), alice.self}
	late := newSubscriber(alice.host, box, alice.closest, alice.server, life, func([]byte) {}, alice.log)
	life.close()
	for _, n := range []*node{server, alice} {
		l := listening{DropOf(public), n.self}
		if late.listen(t.Context(), l) {
			t.Error("it listens")
		}
		if alice.host.ConnManager().IsProtected(n.self, l.tag()) {
			t.Error("the connection is protected for ever")
		}
		await(t, "the subscription is gone", func() bool {
			n.server.store.mu.Lock()
			defer n.server.store.mu.Unlock()
			b := n.server.store.inboxes[DropOf(public)]
			return b == nil || b.sub == nil
		})
	}
}

// Without anybody who serves, a message lies nowhere, and the sender is told.
func TestDropWithoutServers(t *testing.T) {
	n := newNode(t, newDirectory(), dht.ModeClient).signal(t, nil)
	public, _ := newOwner(t)
	if err := n.Leave(t.Context(), public, []byte("x")); err == nil {
		t.Error("it lies somewhere")
	}
}

// A node that serves inboxes is among the closest to every one while it knows nobody
// else. What it leaves with itself reaches nobody then, and the sender is told.
func TestAloneWithItself(t *testing.T) {
	dir := newDirectory()
	alice := newNode(t, dir, dht.ModeServer).signal(t, nil)
	bob := newNode(t, dir, dht.ModeClient)
	public, _ := newOwner(t)
	if err := alice.Leave(t.Context(), public, []byte("x")); !errors.Is(err, ErrNoServer) {
		t.Errorf("left where nobody comes: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := alice.Request(ctx, bob.host.ID(), "ice", nil); !errors.Is(err, ErrNoServer) {
		t.Errorf("asked where nobody comes: %v", err)
	}
	alice.connect(t, bob)
	if err := alice.Leave(t.Context(), public, []byte("x")); err != nil {
		t.Errorf("somebody is here: %v", err)
	}
}

// A server that floods a drop with all different messages costs no memory here.
func TestDropRemembersABoundedNumberOfMessages(t *testing.T) {
	d := &drop{seen: make(map[[32]byte]struct{})}
	for i := range 3 * maxSeen {
		if !d.isNew([32]byte{byte(i), byte(i >> 8)}) || len(d.seen) > maxSeen {
			t.Fatalf("message %d: %d remembered", i, len(d.seen))
		}
	}
	if d.isNew([32]byte{0xff, 0x0b}) {
		t.Error("the latest is forgotten")
	}
}

// An inbox of a drop and one of a device are never the same, though both be named by
// the same bytes.
func TestDropIsNoDevicesInbox(t *testing.T) {
	n := newNode(t, newDirectory(), dht.ModeServer)
	device, key := n.inbox(), publicOf(n.key)
	if drop := DropOf(key); bytes.Equal(drop[:], device[:]) || owns(n.host.ID(), drop, time.Now()) {
		t.Error("a drop is taken for a device's inbox")
	}
}
