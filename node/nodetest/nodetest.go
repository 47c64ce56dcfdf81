// Package nodetest runs a few whole nodes in one process for tests, the way
// net/http/httptest runs servers: real hosts, a real DHT, real ICE, all on
// loopback. It is for tests here and in programs that embed a node.
package nodetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
)

// patience is how long anything may take before a test gives up on it.
const patience = 60 * time.Second

// New starts a node on loopback and closes it when the test ends. Home, Listen
// and Logger are filled in where they are empty.
func New(t testing.TB, c node.Config) *node.Node {
	t.Helper()
	if c.Home == "" {
		c.Home = t.TempDir()
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil)).With("node", c.Name)
	}
	n, err := node.New(t.Context(), c)
	if err != nil {
		t.Fatalf("start node %q: %v", c.Name, err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close node %q: %v", c.Name, err)
		}
	})
	return n
}

// Trio is the smallest network: a DHT server, and two people's devices that
// know nothing but its address.
type Trio struct{ Server, Alice, Bob *node.Node }

// NewTrio starts three nodes. Alice and Bob are DHT clients, so that they never
// meet but through signalling and ICE.
func NewTrio(t testing.TB) Trio {
	t.Helper()
	server := New(t, node.Config{Name: "dht", DHT: node.DHTServer})
	join := func(name string) *node.Node {
		return New(t, node.Config{Name: name, DHT: node.DHTClient, Bootstrap: Addrs(server)})
	}
	return Trio{server, join("alice"), join("bob")}
}

// Addrs are a node's addresses as Config.Bootstrap wants them.
func Addrs(n *node.Node) (texts []string) {
	for _, a := range n.Identity().Addrs {
		texts = append(texts, a.String())
	}
	return texts
}

// Befriend makes two nodes each other's accepted contacts, under their names.
func Befriend(t testing.TB, a, b *node.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	idA, idB := a.Identity(), b.Identity()
	if _, err := a.AddContact(ctx, idB.Account, idB.Name); err != nil {
		t.Fatalf("%s asks %s: %v", idA.Name, idB.Name, err)
	}
	Contact(t, b, idA.Name, node.Pending)
	if _, err := b.AcceptContact(ctx, idA.Account, idA.Name); err != nil {
		t.Fatalf("%s accepts %s: %v", idB.Name, idA.Name, err)
	}
	Contact(t, a, idB.Name, node.Accepted)
}

// Contact waits until the node has a contact of this name in this state.
func Contact(t testing.TB, n *node.Node, name string, state node.ContactState) node.Contact {
	t.Helper()
	var found node.Contact
	Until(t, n, "contact "+name+" to be "+string(state), func() bool {
		for _, c := range n.Contacts() {
			if c.Name == name && c.State == state {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// Transfer waits until ready holds for a transfer of the node, and gives it.
func Transfer(t testing.TB, n *node.Node, what string, ready func(node.Transfer) bool) node.Transfer {
	t.Helper()
	var found node.Transfer
	Until(t, n, what, func() bool {
		for _, transfer := range n.Transfers() {
			if ready(transfer) {
				found = transfer
				return true
			}
		}
		return false
	})
	return found
}

// Ended waits for the end of one transfer.
func Ended(t testing.TB, n *node.Node, id string) node.Transfer {
	t.Helper()
	return Transfer(t, n, "transfer "+id+" to end", func(x node.Transfer) bool {
		return x.ID == id && x.Ended
	})
}

// Offer waits for an offer of a file of this name.
func Offer(t testing.TB, n *node.Node, name string) node.Transfer {
	t.Helper()
	var found node.Transfer
	Until(t, n, "an offer of "+name, func() bool {
		for _, offer := range n.Inbox() {
			if offer.Name == name {
				found = offer
				return true
			}
		}
		return false
	})
	return found
}

// Until waits until done holds; it looks again after every event of the node.
func Until(t testing.TB, n *node.Node, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := n.Watch(ctx)
	for !done() {
		if _, open := <-events; !open {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
