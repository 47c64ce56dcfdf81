package onconn_test

import (
	"io"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/protocols/onconn"
	"github.com/passeur-p2p/passeur/test/loopback"
)

const echo protocol.ID = "/onconn-test/echo/1.0.0"

func newHost(t *testing.T) host.Host {
	t.Helper()
	h := loopback.Host(t)
	h.SetStreamHandler(echo, func(s network.Stream) {
		io.Copy(s, s)
		s.Close()
	})
	return h
}

// connect gives alice's connection to bob.
func connect(t *testing.T, alice, bob host.Host) network.Conn {
	t.Helper()
	if err := alice.Connect(t.Context(), peer.AddrInfo{ID: bob.ID(), Addrs: bob.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return alice.Network().ConnsToPeer(bob.ID())[0]
}

func TestNewStream(t *testing.T) {
	alice, bob := newHost(t), newHost(t)
	c := connect(t, alice, bob)
	for _, end := range []func(network.Stream) error{network.Stream.CloseWrite, nil} {
		s, err := onconn.NewStream(t.Context(), c, echo)
		if err != nil {
			t.Fatal(err)
		}
		if s.Conn() != c || s.Protocol() != echo {
			t.Errorf("%v over %v", s.Protocol(), s.Conn())
		}
		if _, err := io.WriteString(s, "hello"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(s, got); err != nil || string(got) != "hello" {
			t.Errorf("read %q (%v)", got, err)
		}
		if end != nil {
			if err := end(s); err != nil {
				t.Error(err)
			}
			if rest, err := io.ReadAll(s); err != nil || len(rest) != 0 {
				t.Errorf("after the end: %q (%v)", rest, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A half that is closed before a byte was written still negotiates.
func TestCloseWriteFirst(t *testing.T) {
	alice, bob := newHost(t), newHost(t)
	s, err := onconn.NewStream(t.Context(), connect(t, alice, bob), echo)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s); err != nil || len(got) != 0 {
		t.Errorf("read %q (%v)", got, err)
	}
	s.Close()
}

// Who does not speak the protocol says so in the first Read; a connection that is
// closed opens nothing.
func TestNobodyThere(t *testing.T) {
	alice, bob := newHost(t), newHost(t)
	c := connect(t, alice, bob)
	s, err := onconn.NewStream(t.Context(), c, "/onconn-test/unknown/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(s, "hello") // may fail or not
	if _, err := s.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("unknown protocol: %v", err)
	}
	s.Reset()
	c.Close()
	if _, err := onconn.NewStream(t.Context(), c, echo); err == nil {
		t.Error("a stream over a closed connection")
	}
}
