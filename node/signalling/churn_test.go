package signalling

import (
	"slices"
	"sync"
	"testing"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
)

// network starts servers that all know each other, and two clients.
func networkOf(t *testing.T, n int) (servers []*node, alice, bob *node) {
	dir := newDirectory()
	for range n {
		s := newNode(t, dir, dht.ModeServer)
		var wg sync.WaitGroup
		for _, other := range servers {
			wg.Go(func() { s.connect(t, other) })
		}
		wg.Wait()
		servers = append(servers, s)
	}
	for _, s := range servers {
		await(t, "a full routing table", func() bool { return s.dht.RoutingTable().Size() == n-1 })
		s.signal(t, nil)
	}
	alice = newNode(t, dir, dht.ModeClient, servers[0], servers[1]).signal(t, nil).listened(t, Replicas)
	bob = newNode(t, dir, dht.ModeClient, servers[n-1]).signal(t, nil).listened(t, Replicas)
	return servers, alice, bob
}

// listeningTo gives the servers at which n listens to its inbox now.
func (n *node) listeningTo() []peer.ID { return n.subscriber.listeningAt(n.inbox()) }

func stopAll(t *testing.T, servers []*node, which []peer.ID) {
	for _, s := range servers {
		if slices.Contains(which, s.host.ID()) {
			s.stop(t)
		}
	}
}

func TestFourOfEightServersDie(t *testing.T) {
	servers, alice, bob := networkOf(t, 12)
	bob.Handle("ice", echo)
	mustEcho(t, alice, bob, "ice") // alice remembers bob's eight
	ids := make([]peer.ID, 0, len(servers))
	for _, s := range servers {
		ids = append(ids, s.host.ID())
	}
	sortByDistance(bob.inbox().Key(), ids)
	used := bob.listeningTo()
	sortByDistance(bob.inbox().Key(), used)
	if !slices.Equal(used, ids[:Replicas]) {
		t.Errorf("bob does not listen at the eight closest")
	}
	stopAll(t, servers, used[:4])
	mustEcho(t, alice, bob, "ice")
	await(t, "eight servers again", func() bool { return len(bob.listeningTo()) == Replicas })
	for _, p := range bob.listeningTo() {
		if slices.Contains(used[:4], p) {
			t.Errorf("%s is dead", p)
		}
	}
	stopAll(t, servers, used[4:])
	mustEcho(t, alice, bob, "ice")
}

// A server that joins and is closer than one in use takes its place.
func TestCloserServerJoins(t *testing.T) {
	servers, alice, bob := networkOf(t, Replicas)
	bob.Handle("ice", echo)
	newcomer := newNode(t, bob.dir, dht.ModeServer, servers...).signal(t, nil)
	newcomer.connect(t, bob)
	all := append(bob.listeningTo(), newcomer.host.ID())
	sortByDistance(bob.inbox().Key(), all)
	slices.Sort(all[:Replicas])
	await(t, "the eight closest of nine", func() bool {
		used := bob.listeningTo()
		slices.Sort(used)
		return slices.Equal(slices.Compact(used), slices.Compact(all[:Replicas]))
	})
	mustEcho(t, alice, bob, "ice")
}
