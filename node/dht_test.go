package node_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/test/lab"
)

// TestTheOnlyDHTNodeFalters: it answers nothing for a while, so that kad-dht forgets it,
// and its connection stands. It is known again soon after it answers again.
func TestTheOnlyDHTNodeFalters(t *testing.T) {
	server := newFaltering(t)
	n := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTClient, Bootstrap: []string{
		fmt.Sprintf("%s/p2p/%s", server.Addrs()[0], server.ID()),
	}})
	knows := func(many int) func() bool { return func() bool { return n.Counts().DHTNodes == many } }
	lab.Eventually(t, "the DHT node is known", knows(1))

	server.falters.Store(true)
	server.resetStreams()
	stranger := nodetest.New(t, node.Config{Name: "bob"})
	if _, err := n.AddContact(t.Context(), stranger.Identity().Account, "bob"); err != nil { // his record is looked up
		t.Fatal(err)
	}
	lab.Eventually(t, "the DHT node is forgotten", knows(0))
	if n := len(server.Network().Conns()); n != 1 {
		t.Fatalf("%d connections", n)
	}
	server.falters.Store(false)
	lab.Eventually(t, "the DHT node is known again", knows(1))
}

// TestASilentBootstrapNodeHoldsUpNobody: while a node tries one that takes connections
// and says nothing, those who connect to it are identified all the same, however many.
func TestASilentBootstrapNodeHoldsUpNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	n := nodetest.New(t, node.Config{Name: "alice", Bootstrap: []string{fmt.Sprintf(
		"/ip4/127.0.0.1/tcp/%d/p2p/12D3KooWGRUacYx2YZCzCTMyhkgBXfxzxFHSvNYGmqPRDRyn7wXE", silent.Addr().(*net.TCPAddr).Port)}})
	const many = 24 // more than a subscription of libp2p's event bus has room for
	for i := range many {
		if err := visit(t, n); err != nil {
			t.Fatalf("the guest number %d: %v", i, err)
		}
	}
}

// visit connects a host that serves nothing to n, and waits until both know each other.
func visit(t *testing.T, n *node.Node) error {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := h.Connect(ctx, peer.AddrInfo{ID: n.Host().ID(), Addrs: n.Host().Addrs()}); err != nil {
		return err
	}
	knows := n.Host().(interface{ IDService() identify.IDService }).IDService()
	select {
	case <-knows.IdentifyWait(n.Host().Network().ConnsToPeer(h.ID())[0]):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// faltering is the host of a DHT node that can stop to answer.
type faltering struct {
	host.Host
	falters atomic.Bool
}

func newFaltering(t *testing.T) *faltering {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	f := &faltering{Host: h}
	d, err := dht.New(f, dht.ProtocolPrefix("/passeur"), dht.Mode(dht.ModeServer), dht.Validator(directory.Validator()), dht.DisableProviders())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); h.Close() })
	return f
}

func (f *faltering) SetStreamHandler(id protocol.ID, h network.StreamHandler) {
	f.Host.SetStreamHandler(id, func(s network.Stream) {
		if f.falters.Load() {
			s.Reset()
			return
		}
		h(s)
	})
}

// resetStreams ends the questions that others may go on with.
func (f *faltering) resetStreams() {
	for _, c := range f.Network().Conns() {
		for _, s := range c.GetStreams() {
			s.Reset()
		}
	}
}
