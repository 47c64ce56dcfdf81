package icetcp

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const echoID = "/test/echo/1.0.0"

// newHost makes a host as a foreign app would, and adds the transport to it.
func newHost(t testing.TB, x *exchange) (host.Host, *Transport) {
	t.Helper()
	return newHostWith(t, x, func(*Config) {})
}

func newHostWith(t testing.TB, x *exchange, change func(*Config)) (host.Host, *Transport) {
	t.Helper()
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.AddrsFactory(HideAddr),
		libp2p.DisableRelay(),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	cfg := Config{Listen: onLoopback, Signaller: line{x, h.ID()}}
	change(&cfg)
	tr, err := AddTo(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.SetStreamHandler(echoID, func(s network.Stream) {
		io.Copy(s, s)
		s.Close()
	})
	return h, tr
}

// echoTo sends a few bytes to a host and back, over whatever connection there is.
func echoTo(t testing.TB, from host.Host, to peer.ID) network.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	s, err := from.NewStream(ctx, to, echoID)
	if err != nil {
		t.Error(err)
		return nil
	}
	s.Write([]byte("there and back"))
	s.CloseWrite()
	if b, err := io.ReadAll(s); err != nil || string(b) != "there and back" {
		t.Errorf("read %q, %v", b, err)
	}
	s.Close()
	return s.Conn()
}

// TestHosts: two hosts of a foreign app, who know of each other only the ID.
func TestHosts(t *testing.T) {
	x := newExchange()
	a, _ := newHost(t, x)
	b, _ := newHost(t, x)
	if !slices.ContainsFunc(b.Network().ListenAddresses(), Addr.Equal) {
		t.Error("b does not listen on /ice")
	}
	if slices.ContainsFunc(b.Addrs(), Addr.Equal) {
		t.Error("b advertises /ice")
	}
	a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
	c := echoTo(t, a, b.ID())
	if c == nil {
		t.FailNow()
	}
	p, ok := PathOf(c)
	if !ok || p.Kind != Direct || p.TLS.Version == 0 || !p.Controlling {
		t.Errorf("path %+v, %v", p, ok)
	}
	if s := c.ConnState(); s.Security != "/tls/1.0.0" || s.StreamMultiplexer != "/yamux/1.0.0" {
		t.Errorf("secured by %s, muxed by %s", s.Security, s.StreamMultiplexer)
	}
	back := b.Network().ConnsToPeer(a.ID())
	if len(back) != 1 {
		t.Fatalf("b has %d connections", len(back))
	}
	if p, ok := PathOf(back[0]); !ok || p.Controlling {
		t.Errorf("b's path %+v, %v", p, ok)
	}
	if _, err := c.RemoteMultiaddr().ValueForProtocol(P_ICE); err != nil {
		t.Error("the connection is by ", c.RemoteMultiaddr())
	}
}

// TestHostsDialBoth: both at once, with nothing known but the ID; both get through.
func TestHostsDialBoth(t *testing.T) {
	for range 5 {
		x := newExchange()
		a, _ := newHost(t, x)
		b, _ := newHost(t, x)
		a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
		b.Peerstore().AddAddr(a.ID(), Addr, time.Hour)
		var wg sync.WaitGroup
		wg.Go(func() { echoTo(t, a, b.ID()) })
		wg.Go(func() { echoTo(t, b, a.ID()) })
		wg.Wait()
		a.Close()
		b.Close()
	}
}

// TestHostCloses: the host takes its transport along.
func TestHostCloses(t *testing.T) {
	x := newExchange()
	a, ta := newHost(t, x)
	b, tb := newHost(t, x)
	a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
	echoTo(t, a, b.ID())
	a.Close()
	b.Close()
	for _, tr := range []*Transport{ta, tb} {
		if left := tr.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
			t.Error("left: ", left)
		}
	}
	if x.answer(b.ID()) != nil {
		t.Error("still answering offers")
	}
	libp2pErrors.none(t)
}

// TestTransportCloses: without its host, which goes on without it.
func TestTransportCloses(t *testing.T) {
	x := newExchange()
	a, ta := newHost(t, x)
	b, _ := newHost(t, x)
	a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
	echoTo(t, a, b.ID())
	ta.Close()
	eventually(t, "both noticed", func() bool {
		return len(a.Network().ConnsToPeer(b.ID())) == 0 && len(b.Network().ConnsToPeer(a.ID())) == 0
	})
	eventually(t, "a's swarm noticed", func() bool {
		return !slices.ContainsFunc(a.Network().ListenAddresses(), Addr.Equal)
	})
	a.Peerstore().ClearAddrs(b.ID())
	a.Peerstore().AddAddrs(b.ID(), b.Addrs(), time.Hour)
	if c := echoTo(t, a, b.ID()); c != nil {
		if _, ok := PathOf(c); ok || !isTCP(c.RemoteMultiaddr()) {
			t.Error("connected by ", c.RemoteMultiaddr())
		}
	}
	a.Close()
	libp2pErrors.none(t) // "swarm listener unintentionally closed" would be one
}

// TestBothClose: host and transport at once.
func TestBothClose(t *testing.T) {
	for range 10 {
		x := newExchange()
		a, ta := newHost(t, x)
		b, _ := newHost(t, x)
		a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
		echoTo(t, a, b.ID())
		var wg sync.WaitGroup
		wg.Go(func() { a.Close() })
		wg.Go(func() { ta.Close() })
		wg.Wait()
		b.Close()
		if left := ta.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
			t.Error("left: ", left)
		}
	}
	libp2pErrors.none(t)
}

func isTCP(a ma.Multiaddr) bool {
	return len(a) == 2 && a[1].Code() == ma.P_TCP
}
