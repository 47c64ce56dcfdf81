package history

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/passeur-p2p/passeur/conversation"
)

// hosted mounts the service of a device on a libp2p host over TCP and TLS.
func (w *world) hosted(name string) (*device, host.Host) {
	w.t.Helper()
	d := w.device(name, newPerson(w.t, name), nil)
	h, err := libp2p.New(libp2p.Identity(d.key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay())
	if err != nil {
		w.t.Fatal(err)
	}
	d.service.Close()
	if d.service, err = New(h, d.cfg); err != nil {
		w.t.Fatal(err)
	}
	d.log.observe(d.service.Changed)
	h.SetStreamHandler(d.service.ID(), d.service.HandleStream)
	w.t.Cleanup(func() { h.Close() })
	return d, h
}

// Two plain hosts: both sync at once, a push arrives, the connection breaks, and
// the next Sync goes on.
func TestRealHosts(t *testing.T) {
	w := newWorld(t)
	alice, one := w.hosted("alice")
	bob, two := w.hosted("bob")
	at := peer.AddrInfo{ID: two.ID(), Addrs: two.Addrs()}
	if err := one.Connect(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	conv := alice.first(t)
	alice.line(t, conv, 20)
	ended := make(chan error, 2)
	go func() { ended <- bob.trySync(t, alice) }()
	go func() { ended <- alice.trySync(t, bob) }()
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Fatal(err)
	}
	wantSame(t, conv, alice, bob)
	alice.write(t, conv, "pushed")
	wantSoon(t, conv, alice, bob)

	if err := one.Network().ClosePeer(two.ID()); err != nil {
		t.Fatal(err)
	}
	alice.events.await(t, Disconnected)
	bob.events.await(t, Disconnected)
	bob.line(t, conv, 5)
	if err := one.Connect(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	alice.sync(t, bob)
	wantSame(t, conv, alice, bob)
}

// wantSoon fails unless two devices have the same within a minute.
func wantSoon(t *testing.T, conv conversation.ID, a, b *device) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for same(conv, a, b) != nil {
		select {
		case <-ctx.Done():
			wantSame(t, conv, a, b)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
