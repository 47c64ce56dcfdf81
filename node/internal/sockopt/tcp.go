package sockopt

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	manet "github.com/multiformats/go-multiaddr/net"
)

// NewTCP is a constructor for libp2p.Transport: libp2p's own TCP transport, whose
// connections tell their socket (see [Of]) and are suited as they begin.
func NewTCP(u transport.Upgrader, rc network.ResourceManager, shared *tcpreuse.ConnMgr) (*tcp.TcpTransport, error) {
	return tcp.NewTCPTransport(upgrader{u}, rc, shared)
}

// upgrader sees every connection of the transport before it is secured: those that
// were dialled in Upgrade, the others in the listener.
type upgrader struct{ transport.Upgrader }

func (u upgrader) Upgrade(ctx context.Context, t transport.Transport, c manet.Conn, dir network.Direction, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	return u.Upgrader.Upgrade(ctx, t, suited(c), dir, p, scope)
}

func (u upgrader) UpgradeGatedMaListener(t transport.Transport, l transport.GatedMaListener) transport.Listener {
	return u.Upgrader.UpgradeGatedMaListener(t, listener{l})
}

type listener struct{ transport.GatedMaListener }

func (l listener) Accept() (manet.Conn, network.ConnManagementScope, error) {
	c, scope, err := l.GatedMaListener.Accept()
	if err != nil {
		return nil, scope, err
	}
	return suited(c), scope, nil
}

// conn is a TCP connection that tells its socket. libp2p's upgrader copies what Stat
// gives to the connection that it makes.
type conn struct {
	manet.Conn
	socket *Socket
}

var _ network.ConnStat = conn{}

func suited(c manet.Conn) manet.Conn {
	s := New(c)
	if s == nil {
		return c
	}
	s.Suit()
	return conn{c, s}
}

func (c conn) Stat() network.ConnStats {
	extra := map[any]any{}
	c.socket.Tell(extra)
	return network.ConnStats{Stats: network.Stats{Extra: extra}}
}
