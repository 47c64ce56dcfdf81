package pairing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/signalling"
)

var _ Inboxes = (*signalling.Service)(nil)

// patience is how long a test waits for what should take milliseconds.
const patience = 2 * time.Minute

// noKeys knows nobody's key: nothing is sealed here.
type noKeys struct{}

func (noKeys) SealKey(context.Context, peer.ID) (hpke.PublicKey, error) {
	return nil, signalling.ErrNoKey
}

func (noKeys) OpenKeys() []hpke.PrivateKey { return nil }

// peerNode is a real host on loopback with a real DHT and real signalling, and its
// pairing on a disk.
type peerNode struct {
	*device
	host    host.Host
	signals *signalling.Service

	mu   sync.Mutex
	kept [][]byte // what lay in the inboxes it keeps
}

func newPeer(t testing.TB, name string, mode dht.ModeOpt, bootstrap ...*peerNode) *peerNode {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := &peerNode{}
	n.host, err = libp2p.New(
		libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport), libp2p.DisableRelay(), libp2p.DisableMetrics(),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.host.Close() })
	routing, err := dht.New(n.host, dht.ProtocolPrefix("/passeur"), dht.Mode(mode), dht.DisableAutoRefresh())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { routing.Close() })
	for _, other := range bootstrap {
		n.connect(t, other)
	}
	account, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n.signals, err = signalling.New(signalling.Config{
		Host: n.host, Routing: routing, Keys: noKeys{}, Key: key, Account: account.Account(),
		ServeInboxes: mode == dht.ModeServer, OnStore: n.keep,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.signals.Close() })
	n.device = newDevice(t, name, n.signals)
	n.cfg.Memory, n.cfg.ExchangeTime = NewLedger(files{t.TempDir()}), patience
	n.party = Party{Device: n.host.ID(), Account: account.Account(), Name: name, Addrs: n.host.Addrs()}
	n.restart()
	return n
}

func (n *peerNode) connect(t testing.TB, other *peerNode) {
	if err := n.host.Connect(t.Context(), *host.InfoFromHost(other.host)); err != nil {
		t.Fatal(err)
	}
}

func (n *peerNode) keep(_ signalling.Inbox, message []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept = append(n.kept, bytes.Clone(message))
}

func (n *peerNode) sawKinds() (kinds map[kind]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	kinds = make(map[kind]int)
	seen := make(map[string]bool)
	for _, raw := range n.kept {
		if m, err := parseMessage(raw); err == nil && m != nil && !seen[string(raw)] {
			kinds[kind(raw[1])]++
			seen[string(raw)] = true
		}
	}
	return kinds
}

// saw waits until n has kept a message of each kind, for it is told of one after who
// listens is, and gives how many it kept.
func (n *peerNode) saw(t testing.TB, kinds ...kind) map[kind]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		seen := n.sawKinds()
		if !slices.ContainsFunc(kinds, func(k kind) bool { return seen[k] == 0 }) {
			return seen
		}
		if !pause(ctx, 5*time.Millisecond) {
			t.Fatalf("the server saw %v, not %v", seen, kinds)
		}
	}
}

// trio is a DHT server, and two that know nothing but it.
func trio(t testing.TB) (server, a, b *peerNode) {
	server = newPeer(t, "server", dht.ModeServer)
	return server, newPeer(t, "a", dht.ModeClient, server), newPeer(t, "b", dht.ModeClient, server)
}

// A node that serves inboxes and knows nobody else is offline as any other: what it
// leaves with itself tells nothing about the code.
func TestServerAloneIsOffline(t *testing.T) {
	n := newPeer(t, "a", dht.ModeServer)
	n.cfg.ExchangeTime = 100 * time.Millisecond
	n.restart()
	mustFail(t, "entered", <-n.enter(t.Context(), typed(t, NewCode(Contact).Words())), ErrOffline)
}

func TestPairingOverAServer(t *testing.T) {
	for _, p := range []Purpose{Link, Contact} {
		t.Run(string(p), func(t *testing.T) {
			server, a, b := trio(t)
			c := NewCode(p)
			shown := a.show(soon(t), c)
			mustPair(t, a.device, b.device, shown, b.enter(soon(t), typed(t, c.Words())))
			kinds := server.saw(t, kindHello, kindAnswer, kindProof, kindWelcome)
			if kinds[kindHello] != 1 || kinds[kindAnswer] != 1 || kinds[kindProof] != 1 || kinds[kindWelcome] != 1 || kinds[kindOver] != 0 {
				t.Errorf("the server saw %v", kinds)
			}
			assertNothingSecret(t, server, c, a.party, b.party)
		})
	}
}

// assertNothingSecret searches all that a server kept for the secret part, its words,
// each hash of them under any label, and who the two are.
func assertNothingSecret(t *testing.T, server *peerNode, c Code, parties ...Party) {
	t.Helper()
	secrets := append(hashesOf(c), []byte(c.long.secret), []byte(c.long.public))
	for _, p := range parties {
		key, err := conversation.DeviceKey(p.Device)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, key, p.Account[:], []byte(p.Device), p.Addrs[0].Bytes())
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	for _, raw := range server.kept {
		for _, secret := range secrets {
			if bytes.Contains(raw, secret[:min(len(secret), 16)]) {
				t.Errorf("%q lies in an inbox", secret)
			}
		}
	}
}

// Two on a LAN without anybody else, who keep each other's inboxes and their own. They
// meet while the code is shown already.
func TestPairingOnALANWithoutAServer(t *testing.T) {
	a := newPeer(t, "a", dht.ModeServer)
	c := NewCode(Link)
	shown := a.show(soon(t), c)
	b := newPeer(t, "b", dht.ModeServer)
	entered := b.enter(soon(t), typed(t, c.Words()))
	b.connect(t, a)
	mustPair(t, a.device, b.device, shown, entered)
}

// The device that shows the code is the only DHT server there is.
func TestPairingWithTheServerItself(t *testing.T) {
	a := newPeer(t, "a", dht.ModeServer)
	b := newPeer(t, "b", dht.ModeClient, a)
	c := NewCode(Contact)
	shown := a.show(soon(t), c)
	mustPair(t, a.device, b.device, shown, b.enter(soon(t), typed(t, c.QR())))
	c = NewCode(Contact)
	a.events, b.events = nil, nil
	shown = b.show(soon(t), c)
	mustPair(t, b.device, a.device, shown, a.enter(soon(t), typed(t, c.Words())))
}

func TestWrongWordOverAServerBurnsOnDisk(t *testing.T) {
	server, a, b := trio(t)
	c := NewCode(Link)
	shown := a.show(soon(t), c)
	mustFail(t, "entered", <-b.enter(soon(t), wrong(c)), ErrWrongCode)
	mustFail(t, "shown", <-shown, ErrWrongCode)
	assertBurntForEver(t, a.device, c)
	assertBurntForEver(t, b.device, c)
	kinds := server.saw(t, kindHello, kindAnswer, kindOver)
	assertNothingSecret(t, server, c, a.party, b.party)
	if kinds[kindProof]+kinds[kindWelcome] != 0 {
		t.Errorf("the server saw %v", kinds)
	}
}

// soon ends when a test has waited in vain.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Of two who enter the code at once one is served, whichever.
func TestTwoClaimantsOverAServer(t *testing.T) {
	server, a, b := trio(t)
	second := newPeer(t, "second", dht.ModeClient, server)
	c := NewCode(Contact)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shown := a.show(soon(t), c)
	byB, bySecond := b.enter(ctx, typed(t, c.Words())), second.enter(ctx, typed(t, c.QR()))
	o := <-shown
	if o.err != nil {
		t.Fatal(o.err)
	}
	winner, loser := byB, bySecond
	if o.Other.Device == second.party.Device {
		winner, loser = loser, winner
	}
	if got := <-winner; got.err != nil || got.Verifier != o.Verifier {
		t.Errorf("the one that was served: %v", got.err)
	}
	cancel() // the other would wait for the whole of its time
	mustFail(t, "the other", <-loser, context.Canceled)
	if kinds := server.saw(t, kindAnswer, kindWelcome); kinds[kindAnswer] != 1 {
		t.Errorf("the server saw %v", kinds)
	}
}

// Anyone who is connected to a server may leave something: what is left at random
// does not disturb a pairing.
func TestGarbageInTheInboxDisturbsNobody(t *testing.T) {
	server, a, b := trio(t)
	vandal := newPeer(t, "vandal", dht.ModeClient, server)
	c := NewCode(Contact)
	shown := a.show(soon(t), c)
	meeting := meetingKey(c.words.public, hourAt(time.Now())).Public().(ed25519.PublicKey)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 6 {
		for vandal.signals.Leave(ctx, meeting, bytes.Repeat([]byte{byte(i)}, 100*(i+1))) != nil { // until its DHT knows the server
			if !pause(ctx, 10*time.Millisecond) {
				t.Fatal("no server takes the garbage")
			}
		}
	}
	mustPair(t, a.device, b.device, shown, b.enter(soon(t), typed(t, c.Words())))
}
