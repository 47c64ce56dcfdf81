package scale

import (
	"context"
	crand "crypto/rand"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	connman "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
)

const (
	bootstraps = 2 // nodes that stay
	// A third of the nodes are clients of the DHT, as behind a NAT: they are never
	// connected to each other, so requests between them go by inboxes.
	clientEvery = 3
	// pings are how far yamux's are apart, and its patience with one.
	pings = 30 * time.Second
)

// world is a network. Nodes live in a square; light needs 5 to 65 ms for its width, so
// that round trips are 10 to 180 ms, mostly about 75.
type world struct {
	t    *testing.T
	plan plan
	net  mocknet.Mocknet
	rand *rand.Rand
	ctx  context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu    sync.Mutex // guards what follows, and rand
	made  int
	boot  []peer.AddrInfo
	nodes []*node
	place map[peer.ID][2]float64 // of those that are there
	gone  total                  // what those sent that are not there any more
	asked map[pair]bool          // who has asked for whom
}

func newWorld(t *testing.T, p plan) *world {
	w := &world{t: t, plan: p, net: mocknet.New(), rand: rand.New(rand.NewPCG(uint64(p.nodes), 1)), place: map[peer.ID][2]float64{}, asked: map[pair]bool{}}
	w.ctx, w.end = context.WithCancel(context.Background())
	for i := range p.nodes {
		w.add(i < bootstraps || i%clientEvery != 0)
		pass(200 * time.Millisecond)
	}
	return w
}

func (w *world) close() {
	w.end()
	w.wg.Wait()
	for _, n := range w.all() {
		n.stop()
	}
	w.net.Close()
}

// delay is how long a byte takes from one place to another.
func delay(a, b [2]float64) time.Duration {
	return 5*time.Millisecond + time.Duration(60*math.Hypot(a[0]-b[0], a[1]-b[1]))*time.Millisecond
}

// dial tells how long a dial takes, and whether anybody is there.
func (w *world) dial(from, to peer.ID) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, alive := w.place[to]
	own, connected := w.place[from]
	if !alive || !connected {
		return deadDial, false
	}
	return 4 * delay(own, at), true // TCP's round trip and TLS's
}

// add makes a node and has it join.
func (w *world) add(serves bool) {
	key, _, err := crypto.GenerateEd25519Key(crand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.made++
	number, boot := w.made, slices.Clone(w.boot)
	w.mu.Unlock()
	h, err := w.net.AddPeer(key, addrOf(number))
	if err != nil {
		w.t.Fatal(err)
	}
	conns, err := connman.NewConnManager(connsLow, connsHigh)
	if err != nil {
		w.t.Fatal(err)
	}
	h.Network().Notify(conns.Notifee())
	m := &machine{Host: h, world: w, conns: conns, sent: new(counts), backoff: map[peer.ID]backoff{}}
	w.link(m)
	n, err := start(m, key, serves, boot)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.nodes = append(w.nodes, n)
	if len(w.boot) < bootstraps {
		w.boot = append(w.boot, peer.AddrInfo{ID: n.ID(), Addrs: h.Addrs()})
	}
	w.mu.Unlock()
	w.wg.Go(func() { n.join(w.ctx, boot) })
}

// link gives a machine a place, and so a distance to all others.
func (w *world) link(m *machine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := [2]float64{w.rand.Float64(), w.rand.Float64()}
	for other, there := range w.place {
		l, err := w.net.LinkPeers(m.ID(), other)
		if err != nil {
			w.t.Fatal(err)
		}
		l.SetOptions(mocknet.LinkOptions{Latency: delay(at, there)})
	}
	w.place[m.ID()] = at
}

// remove takes a node away, as if it were switched off. If that is silent, the others
// hear of it when their pings have not been answered.
func (w *world) remove(i int) {
	w.mu.Lock()
	n := w.nodes[i]
	w.nodes = slices.Delete(w.nodes, i, i+1)
	delete(w.place, n.ID())
	others := slices.Clone(w.nodes)
	w.mu.Unlock()
	w.mu.Lock()
	w.gone.add(n.sent)
	w.mu.Unlock()
	noticed := func() {
		n.stop()
		for _, o := range others {
			w.net.UnlinkPeers(n.ID(), o.ID())
		}
	}
	if !w.plan.silent {
		noticed()
		return
	}
	w.wg.Go(func() {
		select {
		case <-time.After(pings + time.Duration(i%7)*pings/6):
		case <-w.ctx.Done():
		}
		noticed()
	})
}

// settle waits until the records are where they belong: package directory puts them
// again 10 s and a minute after the first time.
func (w *world) settle() { pass(2 * time.Minute) }

// churn replaces share of the nodes each minute, one after the other, until stop; which
// tells how many it were.
func (w *world) churn() (stop func() int) {
	ctx, cancel := context.WithCancel(w.ctx)
	replaced := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		every := time.NewTicker(time.Duration(float64(time.Minute) / (w.plan.share * float64(w.plan.nodes))))
		defer every.Stop()
		for {
			select {
			case <-every.C:
			case <-ctx.Done():
				return
			}
			i, serves := w.draw()
			w.add(serves) // before, so that there are always two clients
			w.remove(i)
			replaced++
		}
	})
	return func() int { cancel(); wg.Wait(); return replaced }
}

// draw gives a node that may go.
func (w *world) draw() (i int, serves bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i = bootstraps + w.rand.IntN(len(w.nodes)-bootstraps)
	return i, w.nodes[i].serves
}

// all gives the nodes that are there now.
func (w *world) all() []*node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.nodes)
}

func (w *world) count(serves bool) (n int) {
	for _, x := range w.all() {
		if x.serves == serves {
			n++
		}
	}
	return n
}

// memory is what a node takes, in bytes, on average.
func (w *world) memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse+m.StackInuse) / int64(len(w.all()))
}
