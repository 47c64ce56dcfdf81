package signalling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxClosest bounds how many inboxes' servers are remembered.
const maxClosest = 512

// errNobody: the DHT knows no server.
var errNobody = errors.New("none is known")

// closest knows the servers of inboxes, nearest first: what the DHT says, and
// this node itself, which the DHT never tells it, if it serves.
type closest struct {
	host    host.Host
	routing Routing
	serves  bool
	life    *lifetime

	mu      sync.Mutex
	known   map[Inbox]closestSet
	finding map[Inbox]*finding
}

type closestSet struct {
	servers []peer.ID
	until   time.Time
}

// finding is a lookup under way, and its result once done is closed.
type finding struct {
	done    chan struct{}
	servers []peer.ID
	err     error
}

func newClosest(h host.Host, r Routing, serves bool, life *lifetime) *closest {
	return &closest{
		host: h, routing: r, serves: serves, life: life,
		known: make(map[Inbox]closestSet), finding: make(map[Inbox]*finding),
	}
}

// servers gives the inbox's servers, about 20 where there are that many, from
// memory if the last lookup was less than closestTTL ago. Callers at the same time
// share a lookup, which goes on when they give up. They must not change the slice.
func (c *closest) servers(ctx context.Context, inbox Inbox) ([]peer.ID, error) {
	f := c.ahead(inbox)
	select {
	case <-f.done:
		return f.servers, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("find the servers of an inbox: %w", context.Cause(ctx))
	}
}

// ahead begins what servers waits for, unless it is known or under way.
func (c *closest) ahead(inbox Inbox) *finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if set, known := c.known[inbox]; known && time.Now().Before(set.until) {
		return foundAlready(set.servers, nil)
	}
	if f := c.finding[inbox]; f != nil {
		return f
	}
	f := &finding{done: make(chan struct{})}
	if !c.life.run(func() { c.find(f, inbox) }) {
		return foundAlready(nil, ErrClosed)
	}
	c.finding[inbox] = f
	return f
}

func (c *closest) find(f *finding, inbox Inbox) {
	f.servers, f.err = c.lookup(c.life.ctx, inbox)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.finding, inbox)
	close(f.done)
}

func foundAlready(servers []peer.ID, err error) *finding {
	f := &finding{done: make(chan struct{}), servers: servers, err: err}
	close(f.done)
	return f
}

// lookup asks the DHT and remembers what it says.
func (c *closest) lookup(ctx context.Context, inbox Inbox) ([]peer.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	servers, err := c.routing.GetClosestPeers(ctx, inbox.Key())
	servers = slices.DeleteFunc(slices.Clone(servers), func(p peer.ID) bool { return p == c.host.ID() })
	if c.serves {
		servers = append(servers, c.host.ID())
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("find the servers of an inbox: %w", cmp.Or(err, errNobody))
	}
	sortByDistance(inbox.Key(), servers)
	c.keepAddrs(servers)
	if err == nil {
		c.remember(inbox, servers)
	}
	return servers, nil
}

// keepAddrs keeps the servers' addresses for as long as they are remembered; the
// DHT's own memory of them ends sooner.
func (c *closest) keepAddrs(servers []peer.ID) {
	book := c.host.Peerstore()
	for _, p := range servers {
		if p != c.host.ID() {
			book.AddAddrs(p, book.Addrs(p), closestTTL)
		}
	}
}

func (c *closest) remember(inbox Inbox, servers []peer.ID) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, set := range c.known {
		if len(c.known) >= maxClosest || !now.Before(set.until) {
			delete(c.known, i)
		}
	}
	c.known[inbox] = closestSet{servers, now.Add(closestTTL)}
}

// forget makes the next call of servers ask the DHT.
func (c *closest) forget(inbox Inbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, inbox)
}

// firstWilling calls try on candidates in order, at most n at a time, until n of
// them have said yes or none is left, and returns those, in order. When ctx ends it
// begins no more.
func firstWilling(ctx context.Context, candidates []peer.ID, n int, try func(peer.ID) bool) []peer.ID {
	var (
		mu      sync.Mutex
		next    int
		willing = make([]bool, len(candidates))
		wg      sync.WaitGroup
	)
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	worker := func() {
		for i := take(); i < len(candidates) && ctx.Err() == nil; i = take() {
			if try(candidates[i]) {
				willing[i] = true
				return
			}
		}
	}
	for range min(n, len(candidates)) {
		wg.Go(worker)
	}
	wg.Wait()
	var yes []peer.ID
	for i, w := range willing {
		if w {
			yes = append(yes, candidates[i])
		}
	}
	return yes
}
