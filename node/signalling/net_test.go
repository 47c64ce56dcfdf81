package signalling

import (
	"context"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
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
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ Routing = (*dht.IpfsDHT)(nil)

// patience is how long a test waits for what should take milliseconds.
const patience = 30 * time.Second

// directory is every device's record, as far as the test publishes it.
type directory struct {
	mu   sync.Mutex
	keys map[peer.ID]hpke.PrivateKey
}

func newDirectory() *directory { return &directory{keys: make(map[peer.ID]hpke.PrivateKey)} }

func (d *directory) publish(t testing.TB, p peer.ID) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys[p] = key
}

// keysOf is one device's view of the directory.
type keysOf struct {
	*directory
	self peer.ID
}

func (k keysOf) SealKey(_ context.Context, device peer.ID) (hpke.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[device]; key != nil {
		return key.PublicKey(), nil
	}
	return nil, fmt.Errorf("%s: %w", device, ErrNoKey)
}

func (k keysOf) OpenKeys() []hpke.PrivateKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[k.self]; key != nil {
		return []hpke.PrivateKey{key}
	}
	return nil
}

// node is a device: host, DHT and, once signal was called, its signalling.
type node struct {
	*Service
	host    host.Host
	dht     *dht.IpfsDHT
	key     crypto.PrivKey
	account conversation.Account
	dir     *directory
	cfg     Config // what New was given

	mu     sync.Mutex
	events []Event
}

func newKey(t testing.TB) crypto.PrivKey {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAccount(t testing.TB) conversation.Account {
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Account()
}

// newNode starts a real host on loopback, with a real DHT, and no signalling yet.
func newNode(t testing.TB, dir *directory, mode dht.ModeOpt, bootstrap ...*node) *node {
	n := &node{key: newKey(t), account: newAccount(t), dir: dir}
	var err error
	n.host, err = libp2p.New(
		libp2p.Identity(n.key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport), libp2p.DisableRelay(), libp2p.DisableMetrics(),
	)
	if err != nil {
		t.Fatal(err)
	}
	n.dht, err = dht.New(n.host, dht.ProtocolPrefix("/passeur"), dht.Mode(mode), dht.DisableAutoRefresh())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.stop(t) })
	for _, other := range bootstrap {
		n.connect(t, other)
	}
	return n
}

func (n *node) connect(t testing.TB, other *node) {
	if err := n.host.Connect(t.Context(), *host.InfoFromHost(other.host)); err != nil {
		t.Fatal(err)
	}
}

// signal starts the node's signalling; change may edit the configuration.
func (n *node) signal(t testing.TB, change func(*Config)) *node {
	n.dir.publish(t, n.host.ID())
	n.cfg = Config{
		Host: n.host, Routing: n.dht, Keys: keysOf{n.dir, n.host.ID()}, Key: n.key, Account: n.account,
		ServeInboxes: n.dht.Mode() == dht.ModeServer, Observe: n.observe, Logger: testLogger(n),
	}
	if change != nil {
		change(&n.cfg)
	}
	var err error
	if n.Service, err = New(n.cfg); err != nil {
		t.Fatal(err)
	}
	return n
}

func testLogger(n *node) *slog.Logger {
	if !testing.Verbose() {
		return nil
	}
	h := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(h).With("node", n.host.ID().ShortString())
}

func (n *node) observe(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

func (n *node) observed() []Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]Event(nil), n.events...)
}

// stop closes everything; it may be called twice.
func (n *node) stop(t testing.TB) {
	if n.Service != nil {
		if err := n.Service.Close(); err != nil {
			t.Error(err)
		}
	}
	n.dht.Close()
	n.host.Close()
}

// await polls until true.
func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !condition(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// listened waits until n is subscribed at that many servers.
func (n *node) listened(t testing.TB, servers int) *node {
	t.Helper()
	await(t, fmt.Sprintf("%s subscribed at %d servers", n.host.ID().ShortString(), servers),
		func() bool { return n.Status().Subscribed >= servers })
	return n
}

func (n *node) ask(t testing.TB, to *node, kind, payload string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := n.Request(ctx, to.host.ID(), kind, []byte(payload))
	return string(answer), err
}

// begin asks in the background. The request ends when it is cancelled, and at the
// latest when all that a test waits for should long have come.
func (n *node) begin(t testing.TB, to *node, kind string) (cancel func(), asked <-chan error) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() {
		_, err := n.Request(ctx, to.host.ID(), kind, nil)
		ended <- err
	}()
	return cancel, ended
}

// left waits until n knows that its request of a kind was taken.
func (n *node) left(t testing.TB, kind string) {
	t.Helper()
	await(t, "a "+kind+" request was taken", func() bool {
		return slices.ContainsFunc(n.observed(), func(e Event) bool { return e.Kind == kind && e.Phase == Sealed })
	})
}

func echo(_ context.Context, r Request) ([]byte, error) {
	return append([]byte("echo "), r.Payload...), nil
}
