package scale

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/routing"
)

// lookups are what some for arbitrary keys were like.
type lookups struct {
	asked float64 // nodes, on average
	took  []time.Duration
}

// lookUp makes n of them, each from an arbitrary node.
func (w *world) lookUp(n int) (l lookups) {
	for i := range n {
		asked, took := w.anyone().closest(w.ctx, fmt.Sprintf("/passeur-inbox/%d", i))
		l.asked += float64(asked) / float64(n)
		l.took = append(l.took, took)
	}
	slices.Sort(l.took)
	return l
}

func (w *world) anyone() *node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[w.rand.IntN(len(w.nodes))]
}

// closest asks the DHT for the nodes closest to a key, and tells how many were asked.
func (n *node) closest(ctx context.Context, key string) (asked int, took time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	ctx, events := routing.RegisterForQueryEvents(ctx)
	counted := make(chan int)
	go func() {
		sent := 0
		for e := range events {
			if e.Type == routing.SendingQuery {
				sent++
			}
		}
		counted <- sent
	}()
	began := time.Now()
	n.dht.GetClosestPeers(ctx, key)
	took = time.Since(began)
	cancel()
	return <-counted, took
}
