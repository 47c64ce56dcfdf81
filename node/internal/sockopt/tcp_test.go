package sockopt_test

import (
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/internal/sockopt"
	"github.com/passeur-p2p/passeur/test/loopback"
)

// Both ends of a libp2p connection tell their socket.
func TestNewTCP(t *testing.T) {
	a, b := loopback.Host(t, libp2p.Transport(sockopt.NewTCP)), loopback.Host(t, libp2p.Transport(sockopt.NewTCP))
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
	s, err := b.NewStream(t.Context(), a.ID(), "/ipfs/ping/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	for name, c := range map[string]*sockopt.Socket{
		"dialled":  sockopt.Of(a.Network().ConnsToPeer(b.ID())[0]),
		"accepted": sockopt.Of(s.Conn()),
	} {
		if c == nil {
			t.Errorf("the %s connection tells no socket", name)
		}
	}
}
