package icetcp

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
)

// connected makes two hosts with a connection over /ice.
func connected(t *testing.T) (a, b host.Host, ta *Transport) {
	t.Helper()
	x := newExchange()
	a, ta = newHost(t, x)
	b, _ = newHost(t, x)
	a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
	echoTo(t, a, b.ID())
	return a, b, ta
}

// TestAnother: up to three more connections, each a connection like the first, at a
// port of its own; a place that is free again is used again.
func TestAnother(t *testing.T) {
	a, b, ta := connected(t)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var conns []network.Conn
	ports := []uint16{ta.front.port(false)}
	for range MaxAnother {
		c, err := ta.Another(ctx, b.ID(), true)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		p, ok := PathOf(c)
		if !ok || !p.Controlling || p.Kind != Direct {
			t.Errorf("path %v, %v", p, ok)
		}
		if slices.Contains(ports, p.Local.Port()) {
			t.Errorf("it leaves from the port of another: %v", p)
		}
		ports = append(ports, p.Local.Port())
		echoOver(ctx, t, c)
	}
	if n := len(a.Network().ConnsToPeer(b.ID())); n != 1+MaxAnother {
		t.Errorf("a has %d connections", n)
	}
	eventually(t, "b has them too", func() bool { return len(b.Network().ConnsToPeer(a.ID())) == 1+MaxAnother })
	if _, err := ta.Another(ctx, b.ID(), true); !errors.Is(err, ErrEnough) {
		t.Errorf("one too many: %v", err)
	}
	conns[1].Close()
	c, err := ta.Another(ctx, b.ID(), true)
	if err != nil {
		t.Fatal(err)
	}
	echoOver(ctx, t, c)
	echoTo(t, b, a.ID())
}

// echoOver sends a few bytes to the other side and back, over that connection.
func echoOver(ctx context.Context, t *testing.T, c network.Conn) {
	t.Helper()
	s, err := c.NewStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const hello = "\x13/multistream/1.0.0\n\x11" + echoID + "\n"
	io.WriteString(s, hello+"over this one")
	s.CloseWrite()
	if got, err := io.ReadAll(s); err != nil || string(got) != hello+"over this one" {
		t.Errorf("read %q, %v", got, err)
	}
	s.Close()
}

// TestAnotherNobody: the other side is not there.
func TestAnotherNobody(t *testing.T) {
	a, b, ta := connected(t)
	b.Close()
	if c, err := ta.Another(t.Context(), b.ID(), true); err == nil {
		t.Errorf("connected to nobody: %v", c)
	}
	if _, taken := ta.spare[0].taken[b.ID()]; taken {
		t.Error("its place is not given back")
	}
	a.Close()
	if _, err := ta.Another(t.Context(), b.ID(), true); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if left := ta.mux.left(); left != "0 sessions, 0 sockets, 0 unknown" {
		t.Error("left: ", left)
	}
}

// TestAnotherBothSides: each opens its own at once.
func TestAnotherBothSides(t *testing.T) {
	x := newExchange()
	a, ta := newHost(t, x)
	b, tb := newHost(t, x)
	a.Peerstore().AddAddr(b.ID(), Addr, time.Hour)
	echoTo(t, a, b.ID())
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	done := make(chan error, 2)
	go func() { _, err := ta.Another(ctx, b.ID(), true); done <- err }()
	go func() { _, err := tb.Another(ctx, a.ID(), true); done <- err }()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "three connections", func() bool {
		return len(a.Network().ConnsToPeer(b.ID())) == 3 && len(b.Network().ConnsToPeer(a.ID())) == 3
	})
}

// TestAnotherAlone: a transport without a network has nobody to give it to.
func TestAnotherAlone(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	l := b.listen(t)
	go l.Accept()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if c, err := a.Another(ctx, b.id, true); err == nil {
		t.Errorf("somebody took %v", c)
	}
}
