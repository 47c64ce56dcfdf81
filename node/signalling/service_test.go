package signalling

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// trio is the usual demo: one DHT server, two clients that know nothing but it.
func trio(t testing.TB, server, alice, bob func(*Config)) (s, a, b *node) {
	dir := newDirectory()
	s = newNode(t, dir, dht.ModeServer).signal(t, server)
	a = newNode(t, dir, dht.ModeClient, s).signal(t, alice).listened(t, 1)
	b = newNode(t, dir, dht.ModeClient, s).signal(t, bob).listened(t, 1)
	return s, a, b
}

func mustEcho(t testing.TB, from, to *node, kind string) {
	t.Helper()
	if got, err := from.ask(t, to, kind, "hello"); err != nil || got != "echo hello" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestOneServerTwoClients(t *testing.T) {
	_, alice, bob := trio(t, nil, nil, nil)
	bob.Handle("ice", func(_ context.Context, r Request) ([]byte, error) {
		if r.From != alice.host.ID() || r.Account != alice.account || r.Kind != "ice" || time.Until(r.Expires) > RequestTTL {
			t.Errorf("request %+v", r)
		}
		return append([]byte("echo "), r.Payload...), nil
	})
	mustEcho(t, alice, bob, "ice")
	events := alice.observed()
	if len(events) != 3 || events[0].Phase != Found || events[1].Phase != Sealed || events[2].Phase != Answered {
		t.Fatalf("events %+v", events)
	}
	if e := events[1]; e.Servers != 1 || e.Live != 1 || e.Direct || e.Peer != bob.host.ID() || e.Kind != "ice" {
		t.Errorf("sealed: %+v", e)
	}
}

// Two devices on a LAN are each other's only DHT servers. They are connected, so
// the inboxes are used only when the direct protocol is not there.
func TestTwoServers(t *testing.T) {
	for name, direct := range map[string]bool{"direct": true, "inboxes": false} {
		t.Run(name, func(t *testing.T) {
			dir := newDirectory()
			a := newNode(t, dir, dht.ModeServer)
			b := newNode(t, dir, dht.ModeServer, a)
			a.signal(t, nil).Handle("ice", echo)
			b.signal(t, nil).Handle("ice", echo)
			if !direct {
				a.host.RemoveStreamHandler(DirectProtocol)
				b.host.RemoveStreamHandler(DirectProtocol)
			}
			a.listened(t, 2)
			b.listened(t, 2)
			if !a.Status().Self || !b.Status().Self {
				t.Error("neither serves itself")
			}
			mustEcho(t, a, b, "ice")
			mustEcho(t, b, a, "ice")
			// The answer may come before the second server has said that it took it.
			if e := a.observed()[1]; e.Direct != direct || (e.Servers == 0) != direct || e.Servers > 2 {
				t.Errorf("sealed: %+v", e)
			}
		})
	}
}

// A lone server is its own and only inbox server.
func TestAlone(t *testing.T) {
	n := newNode(t, newDirectory(), dht.ModeServer).signal(t, nil).listened(t, 1)
	if !n.Status().Self {
		t.Error("it does not serve itself")
	}
}

func TestFiveSendersAtOnce(t *testing.T) {
	server, _, bob := trio(t, nil, nil, nil)
	bob.Handle("ice", echo)
	var senders []*node
	for range 5 {
		senders = append(senders, newNode(t, server.dir, dht.ModeClient, server).signal(t, nil).listened(t, 1))
	}
	var wg sync.WaitGroup
	for i, n := range senders {
		wg.Go(func() {
			text := fmt.Sprint("sender ", i)
			if got, err := n.ask(t, bob, "ice", text); err != nil || got != "echo "+text {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// What a server keeps tells neither address nor password, nor who sent it.
func TestServersSeeNothingInClear(t *testing.T) {
	const offer = "ufrag8Q2x\npasswordOf24Characters\n1 1 TCP 2122252543 192.0.2.17 40123 typ host tcptype passive\n"
	var mu sync.Mutex
	var stored [][]byte
	_, alice, bob := trio(t, func(c *Config) {
		c.OnStore = func(_ Inbox, sealed []byte) {
			mu.Lock()
			defer mu.Unlock()
			stored = append(stored, bytes.Clone(sealed))
		}
	}, nil, nil)
	bob.Handle("ice", echo)
	if got, err := alice.ask(t, bob, "ice", offer); err != nil || got != "echo "+offer {
		t.Fatalf("%q, %v", got, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(stored) < 2 {
		t.Fatalf("%d messages passed the server, not a request and an answer", len(stored))
	}
	secrets := strings.Fields(offer)
	secrets = append(secrets, "ice", string(alice.account[:]), string(publicOf(alice.key)), alice.host.ID().String(), string(alice.host.ID()))
	for _, sealed := range stored {
		for _, secret := range secrets {
			if len(secret) > 3 && bytes.Contains(sealed, []byte(secret)) {
				t.Errorf("%q is in clear", secret)
			}
		}
		if len(sealed) != len(stored[0]) {
			t.Errorf("a request and an answer of %d and %d bytes", len(stored[0]), len(sealed))
		}
	}
}

func TestDirectConnectionIsPreferred(t *testing.T) {
	var stored atomic.Int32
	_, alice, bob := trio(t, func(c *Config) { c.OnStore = func(Inbox, []byte) { stored.Add(1) } }, nil, nil)
	alice.connect(t, bob)
	bob.Handle("ice", echo)
	mustEcho(t, alice, bob, "ice")
	if e := alice.observed()[1]; !e.Direct || stored.Load() != 0 {
		t.Errorf("%+v, and %d messages at the server", e, stored.Load())
	}
	bob.Handle("no", func(context.Context, Request) ([]byte, error) { return nil, &Refusal{Reason: "busy"} })
	if _, err := alice.ask(t, bob, "no", ""); !errors.Is(err, ErrRefused) {
		t.Errorf("a direct refusal: %v", err)
	}
}

// A request that came through the inbox is answered over a connection that stands
// by then.
func TestAnswerGoesDirect(t *testing.T) {
	var stored atomic.Int32
	_, alice, bob := trio(t, func(c *Config) { c.OnStore = func(Inbox, []byte) { stored.Add(1) } }, nil, nil)
	bob.Handle("ice", func(ctx context.Context, r Request) ([]byte, error) {
		bob.connect(t, alice)
		return echo(ctx, r)
	})
	mustEcho(t, alice, bob, "ice")
	if stored.Load() != 1 {
		t.Errorf("%d messages at the server", stored.Load())
	}
}

func TestInboxWhenTheDirectWayFails(t *testing.T) {
	for name, breakIt := range map[string]func(*node){
		"not spoken": func(b *node) { b.host.RemoveStreamHandler(DirectProtocol) },
		"reset": func(b *node) {
			b.host.SetStreamHandler(DirectProtocol, func(st network.Stream) { st.Reset() })
		},
		"garbage": func(b *node) {
			b.host.SetStreamHandler(DirectProtocol, func(st network.Stream) {
				st.Write(bytes.Repeat([]byte{0xff}, 100))
				st.Close()
			})
		},
		"no answer after ok": func(b *node) {
			b.host.SetStreamHandler(DirectProtocol, func(st network.Stream) {
				writeFrame(st, ok{})
				st.Close()
			})
		},
		"another's answer": func(b *node) {
			b.host.SetStreamHandler(DirectProtocol, func(st network.Stream) {
				writeFrame(st, ok{})
				writeFrame(st, message{bytes.Repeat([]byte{1}, 5000)})
				st.Close()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, alice, bob := trio(t, nil, nil, nil)
			alice.connect(t, bob)
			breakIt(bob)
			bob.Handle("ice", echo)
			mustEcho(t, alice, bob, "ice")
		})
	}
}

func TestRecordUnknown(t *testing.T) {
	_, alice, bob := trio(t, nil, nil, nil)
	alice.dir.mu.Lock()
	delete(alice.dir.keys, bob.host.ID())
	alice.dir.mu.Unlock()
	bob.Handle("ice", echo)
	mustEcho(t, alice, bob, "ice")
}

func TestRecipientComesLater(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	alice := newNode(t, dir, dht.ModeClient, server).signal(t, nil).listened(t, 1)
	bob := newNode(t, dir, dht.ModeClient)
	type result struct {
		answer string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		answer, err := alice.ask(t, bob, "ice", "hello")
		done <- result{answer, err}
	}()
	await(t, "the request at the server", func() bool { return server.Status().Queued == 1 })
	bob.connect(t, server)
	bob.signal(t, nil).Handle("ice", echo)
	if r := <-done; r.err != nil || r.answer != "echo hello" {
		t.Errorf("%+v", r)
	}
}

// The sender is up first, the servers come later.
func TestServerComesLater(t *testing.T) {
	dir := newDirectory()
	alice := newNode(t, dir, dht.ModeClient).signal(t, nil)
	bob := newNode(t, dir, dht.ModeClient).signal(t, nil)
	bob.Handle("ice", echo)
	done := make(chan error, 1)
	go func() {
		_, err := alice.ask(t, bob, "ice", "hello")
		done <- err
	}()
	await(t, "a request under way", func() bool { return alice.Status().Requests == 1 })
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	alice.connect(t, server)
	bob.connect(t, server)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	const stranger = "stranger"
	_, alice, bob := trio(t, nil, nil, func(c *Config) {
		c.Admit = func(_ context.Context, _ peer.ID, _ conversation.Account, kind string) error {
			switch kind {
			case "unwelcome":
				return errors.New("a secret of bob's disk")
			case "worded":
				return &Refusal{Reason: "not today"}
			case stranger:
				return fmt.Errorf("%w: unknown account", ErrSilent)
			}
			return nil
		}
	})
	var called atomic.Int32
	for _, kind := range []string{"unwelcome", "worded", stranger} {
		bob.Handle(kind, func(context.Context, Request) ([]byte, error) { called.Add(1); return nil, nil })
	}
	bob.Handle("fails", func(context.Context, Request) ([]byte, error) { return nil, errors.New("internal") })
	bob.Handle("long", func(context.Context, Request) ([]byte, error) { return make([]byte, MaxPayload+1), nil })
	for kind, reason := range map[string]string{"unwelcome": "", "worded": "not today", "fails": "", "long": ""} {
		_, err := alice.ask(t, bob, kind, "x")
		r, is := errors.AsType[*Refusal](err)
		if !is || r.Reason != reason || !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	cancel, asked := alice.begin(t, bob, stranger)
	alice.left(t, stranger)
	select {
	case err := <-asked:
		t.Fatalf("a stranger was answered: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	cancel()
	if err := <-asked; !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.Canceled) {
		t.Errorf("a stranger: %v", err)
	}
	if called.Load() != 0 {
		t.Error("a handler was called for somebody who was not admitted")
	}
}

// A kind that nobody handles yet is not refused in the first seconds.
func TestHandlerComesLater(t *testing.T) {
	_, alice, bob := trio(t, nil, nil, nil)
	asked := make(chan error, 1)
	go func() {
		_, err := alice.ask(t, bob, "ice", "x")
		asked <- err
	}()
	await(t, "the request left at the server", func() bool { return len(alice.observed()) >= 2 })
	bob.Handle("ice", echo)
	if err := <-asked; err != nil {
		t.Error(err)
	}
	bob.started = bob.started.Add(-settling)
	bob.Handle("ice", nil)
	if _, err := alice.ask(t, bob, "ice", "x"); !errors.Is(err, ErrRefused) {
		t.Errorf("a kind without a handler: %v", err)
	}
}

func TestRequestErrors(t *testing.T) {
	dir := newDirectory()
	alice := newNode(t, dir, dht.ModeClient).signal(t, func(c *Config) { c.Limits.Requests = 1 })
	bob := newNode(t, dir, dht.ModeClient)
	ask := func(to peer.ID, kind string, payload []byte) error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := alice.Request(ctx, to, kind, payload)
		return err
	}
	if err := ask(bob.host.ID(), "ice", nil); !errors.Is(err, ErrNoServer) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no DHT: %v", err)
	}
	if err := ask(bob.host.ID(), "ice", make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
	for _, kind := range []string{"", "ICE", "a b", strings.Repeat("x", MaxKind+1)} {
		if err := ask(bob.host.ID(), kind, nil); err == nil || errors.Is(err, ErrNoServer) {
			t.Errorf("kind %q: %v", kind, err)
		}
	}
	if err := ask(alice.host.ID(), "ice", nil); err == nil || errors.Is(err, ErrNoServer) {
		t.Errorf("to itself: %v", err)
	}
	if err := ask("not a key", "ice", nil); err == nil || errors.Is(err, ErrNoServer) {
		t.Errorf("to a peer ID without a key: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := alice.Request(t.Context(), bob.host.ID(), "ice", nil)
		waiting <- err
	}()
	await(t, "a request under way", func() bool { return alice.Status().Requests == 1 })
	if err := ask(bob.host.ID(), "ice", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	if err := alice.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("closed meanwhile: %v", err)
	}
	if err := ask(bob.host.ID(), "ice", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	n := newNode(t, newDirectory(), dht.ModeClient)
	good := Config{Host: n.host, Routing: n.dht, Keys: keysOf{n.dir, n.host.ID()}, Key: n.key, Account: n.account}
	for name, spoil := range map[string]func(*Config){
		"Config.Host":     func(c *Config) { c.Host = nil },
		"Config.Routing":  func(c *Config) { c.Routing = nil },
		"not Config.Host": func(c *Config) { c.Key = newKey(t) },
		"Limits.Handlers": func(c *Config) { c.Limits.Handlers = -1 },
	} {
		c := good
		spoil(&c)
		if s, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// A handler that is still at work when the service closes is told so, and waited for.
func TestCloseDuringAHandler(t *testing.T) {
	_, alice, bob := trio(t, nil, nil, nil)
	entered, left := make(chan struct{}), make(chan struct{})
	bob.Handle("ice", func(ctx context.Context, _ Request) ([]byte, error) {
		close(entered)
		<-ctx.Done()
		close(left)
		return nil, ctx.Err()
	})
	cancel, asked := alice.begin(t, bob, "ice")
	select {
	case <-entered:
	case err := <-asked:
		t.Fatalf("ended before the handler was called: %v", err)
	}
	if err := bob.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-left:
	default:
		t.Error("Close returned while the handler was at work")
	}
	alice.left(t, "ice") // bob may have it before the server's reply is here
	cancel()
	if err := <-asked; !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, p := range bob.host.Mux().Protocols() {
		if p == DirectProtocol || p == InboxProtocol {
			t.Errorf("%s is still handled", p)
		}
	}
}

// Whoever is not to know the account is told the device's own key in its place.
func TestRequestConcealsTheAccount(t *testing.T) {
	_, alice, bob := trio(t, nil, func(c *Config) {
		c.Conceals = func(_ peer.ID, kind string) bool { return kind == "ice" }
	}, nil)
	got := make(chan conversation.Account, 1)
	answer := func(_ context.Context, r Request) ([]byte, error) {
		got <- r.Account
		return append([]byte("echo "), r.Payload...), nil
	}
	for kind, want := range map[string]conversation.Account{"ice": conversation.Account(alice.selfKey), "contact": alice.account} {
		bob.Handle(kind, answer)
		mustEcho(t, alice, bob, kind)
		if account := <-got; account != want {
			t.Errorf("%s: %s, want %s", kind, account, want)
		}
	}
}

// An app without accounts and records names a host and a DHT, and no more.
func TestWithoutAccounts(t *testing.T) {
	bare := func(c *Config) { c.Keys, c.Key, c.Account = nil, nil, conversation.Account{} }
	_, alice, bob := trio(t, bare, bare, bare)
	got := make(chan peer.ID, 1)
	bob.Offers("ice").HandleOffers(func(_ context.Context, from peer.ID, offer []byte) ([]byte, error) {
		got <- from
		return append([]byte("to "), offer...), nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := alice.Offers("ice").Offer(ctx, bob.host.ID(), []byte("offer"))
	if err != nil || string(answer) != "to offer" || <-got != alice.host.ID() {
		t.Errorf("%q, %v", answer, err)
	}
	bob.Offers("ice").HandleOffers(nil)
	if len(bob.handlers) != 0 {
		t.Error("still handled")
	}
}
