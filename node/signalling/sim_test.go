package signalling

import (
	"bytes"
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
	ma "github.com/multiformats/go-multiaddr"
)

// sim is a network in memory inside a synctest bubble, where minutes pass in no
// time. Its routing tells everyone of the same servers.
type sim struct {
	t       *testing.T
	net     mocknet.Mocknet
	dir     *directory
	nodes   []*node
	lookups atomic.Int32

	mu      sync.Mutex
	servers []peer.ID
}

// GetClosestPeers is the Routing of all nodes.
func (s *sim) GetClosestPeers(context.Context, string) ([]peer.ID, error) {
	s.lookups.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.servers) == 0 {
		return nil, errors.New("empty routing table")
	}
	return slices.Clone(s.servers), nil
}

// pass lets d go by, and what is due by then come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// simulate runs a bubble on one processor: under -race, the runtime of Go 1.26
// keeps one race context for all timers of a bubble, and crashes when two
// processors fire timers at once (bubble.timers.raceCtx in runtime/time.go).
func simulate(t *testing.T, run func(*testing.T, *sim)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) { inSim(t, run) })
}

// inSim is what simulate does inside its bubble.
func inSim(t *testing.T, run func(*testing.T, *sim)) {
	s := &sim{t: t, net: mocknet.New(), dir: newDirectory()}
	defer func() {
		for _, n := range s.nodes {
			n.Service.Close()
			n.host.Close()
		}
		s.net.Close()
	}()
	run(t, s)
}

func (s *sim) node(serves bool, change func(*Config)) *node {
	return s.nodeOf(newKey(s.t), serves, change)
}

func (s *sim) nodeOf(key crypto.PrivKey, serves bool, change func(*Config)) *node {
	n := &node{key: key, account: newAccount(s.t), dir: s.dir}
	var err error
	if n.host, err = s.net.AddPeer(n.key, ma.StringCast("/ip4/127.0.0.1/tcp/4242")); err != nil {
		s.t.Fatal(err)
	}
	if err := s.net.LinkAll(); err != nil {
		s.t.Fatal(err)
	}
	s.dir.publish(s.t, n.host.ID())
	n.cfg = Config{
		Host: n.host, Routing: s, Keys: keysOf{s.dir, n.host.ID()}, Key: n.key, Account: n.account,
		ServeInboxes: serves, Observe: n.observe, Logger: testLogger(n),
	}
	if change != nil {
		change(&n.cfg)
	}
	if n.Service, err = New(n.cfg); err != nil {
		s.t.Fatal(err)
	}
	if serves {
		s.announce(n)
	}
	s.nodes = append(s.nodes, n)
	return n
}

// announce has the routing tell of n as a server.
func (s *sim) announce(n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers = append(s.servers, n.host.ID())
}

// rawStream is raw for streams in memory, which have no deadlines.
func (n *node) rawStream(t testing.TB, to *node, bytes []byte) network.Stream {
	t.Helper()
	st, err := n.host.NewStream(t.Context(), to.host.ID(), InboxProtocol)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write(bytes); err != nil {
		t.Fatal(err)
	}
	return st
}

// readEnds tells whether the other side has ended st, once all has come to rest.
func readEnds(st network.Stream) *atomic.Bool {
	var over atomic.Bool
	go func() {
		for {
			if _, err := readFrame(st); err != nil {
				over.Store(true)
				return
			}
		}
	}()
	return &over
}

func TestSlowloris(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		server, mallory := s.node(true, nil), s.node(false, nil)
		complete := wire(put{mallory.inbox(), time.Minute, make([]byte, 1000)})
		over := readEnds(mallory.rawStream(t, server, complete[:len(complete)-1]))
		pass(frameTimeout - time.Second)
		if over.Load() {
			t.Error("ended early")
		}
		pass(2 * time.Second)
		if !over.Load() {
			t.Error("a frame may take for ever")
		}
	})
}

// A subscriber that does not read delays nobody, and is dropped.
func TestStalledSubscriber(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		server := s.node(true, func(c *Config) { c.Limits = Limits{InboxMessages: 1000, SenderMessages: 1000, SourceBurst: 1000} })
		owner, sender := s.node(false, nil), s.node(false, nil)
		owner.Service.Close()
		st := owner.rawStream(t, server, wire(subscribe{owner.inbox()}))
		defer st.Reset()
		if f, err := readFrame(st); f != (ok{}) {
			t.Fatal(f, err)
		}
		for i := range 200 {
			live, err := sender.put(t.Context(), server.host.ID(), put{owner.inbox(), 2 * time.Minute, []byte(fmt.Sprint(i))})
			if live != 1 || err != nil {
				t.Fatalf("put %d: %d live, %v", i, live, err)
			}
		}
		pass(frameTimeout + time.Second)
		live, err := sender.put(t.Context(), server.host.ID(), put{owner.inbox(), 2 * time.Minute, []byte("last")})
		if live != 0 || err != nil {
			t.Errorf("after the drop: %d live, %v", live, err)
		}
	})
}

func TestServerForgets(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		server, sender := s.node(true, nil), s.node(false, nil)
		for i, ttl := range []time.Duration{time.Second, 30 * time.Second, time.Hour} { // an hour becomes MaxTTL
			if _, err := sender.put(t.Context(), server.host.ID(), put{Inbox{1}, ttl, []byte{byte(i)}}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{sweepInterval, 2}, {30 * time.Second, 1}, {MaxTTL, 0}} {
			pass(c.after + time.Second)
			if got := server.Status().Queued; got != c.want {
				t.Errorf("%v later %d are held", c.after, got)
			}
		}
	})
}

// A request outlives its sealed copies: it is sealed anew, stays one session, and is
// handled once when the recipient comes up minutes later.
func TestRequestOutlivesItsCopies(t *testing.T) {
	for _, absence := range []time.Duration{30 * time.Second, 55 * time.Second, 5 * time.Minute, 20 * time.Minute} {
		simulate(t, func(t *testing.T, s *sim) {
			pass(24*time.Hour - 10*time.Minute) // the longest ends after midnight
			copies := make(map[string]int)
			s.node(true, func(c *Config) { c.OnStore = func(_ Inbox, b []byte) { copies[string(b)]++ } })
			alice, bob := s.node(false, nil), s.node(false, nil)
			bob.Service.Close()
			answered := make(chan error, 1)
			go func() {
				_, err := alice.Request(t.Context(), bob.host.ID(), "ice", nil)
				answered <- err
			}()
			pass(absence)
			want := 1 + int(absence/(RequestTTL-resealBefore))
			if len(copies) < want-want/4 || len(copies) > want {
				t.Errorf("%v: %d copies, want %d or somewhat less", absence, len(copies), want)
			}
			var calls atomic.Int32
			started := time.Now()
			bob = s.again(bob)
			bob.Handle("ice", counting(&calls))
			if err := <-answered; err != nil || calls.Load() != 1 || time.Since(started) > time.Second {
				t.Errorf("%v: %v, handled %d times, after %v", absence, err, calls.Load(), time.Since(started))
			}
			if e := alice.observed(); len(e) != 3 || e[1].Phase != Sealed || e[1].Servers != 1 || e[1].Live != 0 {
				t.Errorf("events %+v", e)
			}
		})
	}
}

// again starts the signalling of a node that was closed.
func (s *sim) again(n *node) *node {
	var err error
	n.Service, err = New(n.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// Eight servers push the same request at once; the answer is made and left once.
func TestOneAnswerForEightCopies(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		var mu sync.Mutex
		stored := make(map[Inbox]int)
		for range 12 {
			s.node(true, func(c *Config) {
				c.OnStore = func(i Inbox, _ []byte) {
					mu.Lock()
					defer mu.Unlock()
					stored[i]++
				}
			})
		}
		alice, bob := s.node(false, nil), s.node(false, nil)
		var calls atomic.Int32
		bob.Handle("ice", counting(&calls))
		synctest.Wait()
		if n := bob.Status().Subscribed; n != Replicas {
			t.Errorf("subscribed at %d", n)
		}
		mustEcho(t, alice, bob, "ice")
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		// The answer ends the sending of what is left of the request.
		if requests, answers := stored[bob.inbox()], stored[alice.inbox()]; calls.Load() != 1 || requests < 1 || requests > Replicas || answers != Replicas {
			t.Errorf("handled %d times, request left %d times, answer %d times", calls.Load(), requests, answers)
		}
		if e := alice.observed()[1]; e.Servers == 0 || e.Servers > Replicas || e.Live == 0 {
			t.Errorf("sealed: %+v", e)
		}
	})
}

// Subscriptions are looked at every minute, and renewed when their lease is over.
func TestSubscriptionsAreKept(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		pass(12 * time.Hour) // noon
		s.node(true, nil)
		bob := s.node(false, nil)
		synctest.Wait()
		if n := bob.Status().Subscribed; n != 1 {
			t.Fatalf("subscribed at %d", n)
		}
		second := s.node(true, nil)
		pass(resubscribe + time.Second)
		if n := bob.Status().Subscribed; n != 2 {
			t.Errorf("a minute after a second server came: %d", n)
		}
		for range 3 {
			pass(lease)
			if n := bob.Status().Subscribed; n != 2 {
				t.Errorf("subscribed at %d", n)
			}
		}
		second.Service.Close()
		pass(time.Second)
		if n := bob.Status().Subscribed; n != 1 {
			t.Errorf("after a server went: %d", n)
		}
		s.again(second)
		pass(resubscribe + time.Second)
		if n := bob.Status().Subscribed; n != 2 {
			t.Errorf("after it came back: %d", n)
		}
	})
}

// Around midnight both days' inboxes are listened to, else one.
func TestMidnight(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		pass(23 * time.Hour)
		server, alice, bob := s.node(true, nil), s.node(false, nil), s.node(false, nil)
		bob.Handle("ice", echo)
		subscribers := func(at time.Duration, want int) {
			t.Helper()
			pass(at)
			if n := server.Status().Subscribers; n != want {
				t.Errorf("%s: %d inboxes are listened to, want %d", time.Now().UTC().Format(time.TimeOnly), n, want)
			}
		}
		subscribers(45*time.Minute, 3) // 23:45: alice's, bob's, the server's own
		subscribers(7*time.Minute, 6)  // 23:52
		pass(8*time.Minute - time.Second)
		mustEcho(t, alice, bob, "ice") // 23:59:59
		pass(time.Second)
		mustEcho(t, alice, bob, "ice") // 00:00:00
		subscribers(8*time.Minute, 6)  // 00:08
		subscribers(5*time.Minute, 3)  // 00:13
		mustEcho(t, alice, bob, "ice")
	})
}

// The closest servers are looked up once for many requests, and anew when they
// failed.
func TestClosestIsRemembered(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		pass(12 * time.Hour)
		server := s.node(true, nil)
		alice, bob := s.node(false, nil), s.node(false, nil)
		bob.Handle("ice", echo)
		synctest.Wait()
		mustEcho(t, alice, bob, "ice")
		before := s.lookups.Load()
		for range 5 {
			mustEcho(t, alice, bob, "ice")
		}
		if n := s.lookups.Load() - before; n != 0 {
			t.Errorf("%d lookups for five requests to a known recipient", n)
		}
		server.Service.Close()
		before = s.lookups.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := alice.Request(ctx, bob.host.ID(), "ice", nil); !errors.Is(err, ErrNoServer) {
			t.Errorf("without a server: %v", err)
		}
		if n := s.lookups.Load() - before; n < 5 {
			t.Errorf("%d lookups while nothing worked", n)
		}
	})
}

func TestSlowHandlers(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		s.node(true, nil)
		alice, bob := s.node(false, nil), s.node(false, nil)
		var calls atomic.Int32
		bob.Handle("slow", func(ctx context.Context, r Request) ([]byte, error) {
			<-time.After(directPatience + 10*time.Second)
			return counting(&calls)(ctx, r)
		})
		bob.Handle("stuck", func(ctx context.Context, _ Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		for _, connected := range []bool{false, true} {
			if connected {
				if _, err := s.net.ConnectPeers(alice.host.ID(), bob.host.ID()); err != nil {
					t.Fatal(err)
				}
			}
			calls.Store(0)
			mustEcho(t, alice, bob, "slow")
			if calls.Load() != 1 {
				t.Errorf("connected %v: handled %d times", connected, calls.Load())
			}
			if _, err := alice.ask(t, bob, "stuck", ""); err != nil && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrNoAnswer) {
				t.Errorf("connected %v: %v", connected, err)
			}
		}
	})
}

// A connection that stands but carries nothing delays a request by ackTimeout.
func TestHungConnection(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		s.node(true, nil)
		alice, bob := s.node(false, nil), s.node(false, nil)
		var calls atomic.Int32
		bob.Handle("ice", counting(&calls))
		if _, err := s.net.ConnectPeers(alice.host.ID(), bob.host.ID()); err != nil {
			t.Fatal(err)
		}
		for _, n := range []*node{alice, bob} { // neither hears the other
			n.host.SetStreamHandler(DirectProtocol, func(st network.Stream) {
				<-n.life.ctx.Done()
				st.Reset()
			})
		}
		synctest.Wait()
		began := time.Now()
		mustEcho(t, alice, bob, "ice")
		if d := time.Since(began); calls.Load() != 1 || d < 2*ackTimeout || d > 2*ackTimeout+time.Second {
			t.Errorf("handled %d times, after %v", calls.Load(), d)
		}
	})
}

// slowKeys answers when it likes.
type slowKeys struct {
	keysOf
	failures atomic.Int32
	hangs    bool
}

func (k *slowKeys) SealKey(ctx context.Context, p peer.ID) (hpke.PublicKey, error) {
	if k.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if k.failures.Add(-1) >= 0 {
		return nil, errors.New("the DHT is out of order")
	}
	return k.keysOf.SealKey(ctx, p)
}

func TestKeyLookups(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		s.node(true, nil)
		keys := &slowKeys{}
		alice := s.node(false, func(c *Config) { keys.keysOf = c.Keys.(keysOf); c.Keys = keys })
		bob := s.node(false, nil)
		bob.Handle("ice", echo)
		keys.failures.Store(3)
		mustEcho(t, alice, bob, "ice")
		keys.hangs = true
		began := time.Now()
		mustEcho(t, alice, bob, "ice")
		if d := time.Since(began); d < keyTimeout || d > keyTimeout+time.Second {
			t.Errorf("a record that is not found delays by %v", d)
		}
	})
}

// A hostile server that pushes without end is read no faster than agreed.
func TestPushFlood(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		pass(12 * time.Hour)
		flooder := s.node(true, nil)
		var pushed atomic.Int32
		flooder.host.SetStreamHandler(InboxProtocol, func(st network.Stream) {
			defer st.Reset()
			if _, err := readFrame(st); err != nil {
				return
			}
			writeFrame(st, ok{})
			for writeFrame(st, message{bytes.Repeat([]byte{1}, 2000)}) == nil {
				pushed.Add(1)
			}
		})
		s.node(false, nil)
		pass(100 * time.Second)
		if n := pushed.Load(); n < 1000 || n > pushBurst+100*pushRate+200 {
			t.Errorf("%d messages were read in 100 s", n)
		}
	})
}

func TestMemoryIsSwept(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		s.node(true, nil)
		alice, bob := s.node(false, nil), s.node(false, nil)
		bob.Handle("ice", echo)
		for range 3 {
			mustEcho(t, alice, bob, "ice")
		}
		size := func() int {
			bob.memory.mu.Lock()
			defer bob.memory.mu.Unlock()
			return len(bob.memory.sessions) + len(bob.memory.copies)
		}
		pass(RequestTTL + ClockGrace - time.Second)
		if size() != 6 {
			t.Errorf("remembers %d while they could still be replayed", size())
		}
		pass(2*time.Second + sweepInterval)
		if size() != 0 {
			t.Errorf("remembers %d for ever", size())
		}
	})
}
