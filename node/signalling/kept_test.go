package signalling

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// newManaged starts a host that closes all idle connections but one when it is told to,
// and as many others as callers ask for, which are connected to it.
func newManaged(t *testing.T, others int) (h host.Host, manager *connmgr.BasicConnMgr, connected []host.Host) {
	t.Helper()
	manager, err := connmgr.NewConnManager(1, 2, connmgr.WithGracePeriod(0), connmgr.WithSilencePeriod(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	start := func(more libp2p.Option) host.Host {
		h, err := libp2p.New(
			libp2p.Identity(newKey(t)), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
			libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(libp2ptls.ID, libp2ptls.New),
			libp2p.Muxer(yamux.ID, yamux.DefaultTransport), libp2p.DisableRelay(), libp2p.DisableMetrics(), more,
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return h
	}
	h = start(libp2p.ConnectionManager(manager))
	for range others {
		other := start(libp2p.ChainOptions())
		if err := other.Connect(t.Context(), *host.InfoFromHost(h)); err != nil {
			t.Fatal(err)
		}
		await(t, "the connection stands at both ends", func() bool { return isConnected(h, other) })
		connected = append(connected, other)
	}
	return h, manager, connected
}

func isConnected(h, other host.Host) bool {
	return h.Network().Connectedness(other.ID()) == network.Connected
}

// TestSubscribersAreKeptUpToABound: by the connection manager, those who have listened
// longest; one address does not take all room.
func TestSubscribersAreKeptUpToABound(t *testing.T) {
	h, manager, others := newManaged(t, 12)
	k := &kept{host: h, most: 16} // two of one address
	crowd := 4                    // of which two are kept
	var ends []func()
	for i, other := range others[:10] {
		source := "crowd"
		if i >= crowd {
			source = other.ID().String()
		}
		ends = append(ends, k.add(other.ID(), source))
	}
	again := k.add(others[0].ID(), "crowd") // another inbox of the same
	k.level()
	for i, other := range others {
		want := i < 2 || i >= crowd && i < 10
		if manager.IsProtected(other.ID(), keptTag) != want {
			t.Errorf("subscriber %d is kept: %v", i, !want)
		}
	}
	manager.TrimOpenConns(t.Context())
	await(t, "the idle ones are gone, but for one", func() bool { return len(h.Network().Peers()) == 8+1 })
	again()
	if !manager.IsProtected(others[0].ID(), keptTag) {
		t.Error("who listens still is not kept")
	}
	ends[0]()
	if manager.IsProtected(others[0].ID(), keptTag) {
		t.Error("who listens no more is kept")
	}
	k.most = 4 // one of one address
	k.level()
	protected := 0
	for _, other := range others {
		if manager.IsProtected(other.ID(), keptTag) {
			protected++
		}
	}
	if protected != 4 {
		t.Errorf("%d are kept, of 4", protected)
	}
}

// TestSubscribingKeepsAConnection until it ends.
func TestSubscribingKeepsAConnection(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	client := newNode(t, dir, dht.ModeClient, server).signal(t, nil)
	client.listened(t, 1)
	listening := func() int {
		server.server.kept.mu.Lock()
		defer server.server.kept.mu.Unlock()
		return len(server.server.kept.subscribers)
	}
	await(t, "the server knows its subscriber", func() bool { return listening() == 1 })
	client.stop(t)
	await(t, "the server forgets him", func() bool { return listening() == 0 })
}
