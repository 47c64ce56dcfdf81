package icetcp

import (
	"bufio"
	"crypto/tls"
	"net"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/internal/sockopt"
	"github.com/passeur-p2p/passeur/node/upgrade"
)

// conn is a handed-off socket: a byte stream with the semantics of TCP.
type conn struct {
	*socket
	rest         *bufio.Reader // what was read together with the marker, nil when drained
	laddr, raddr ma.Multiaddr
	path         *Path // the handshake fills in TLS, and RTT if it is not known, before anybody else sees it
	tcp          *sockopt.Socket
}

var (
	_ manet.Conn          = (*conn)(nil)
	_ network.ConnStat    = (*conn)(nil)
	_ upgrade.TLSObserver = (*conn)(nil)
)

func newConn(s *socket, path *Path) (*conn, error) {
	local, err := manet.FromNetAddr(net.TCPAddrFromAddrPort(s.local))
	if err != nil {
		return nil, err
	}
	remote, err := manet.FromNetAddr(net.TCPAddrFromAddrPort(s.remote))
	if err != nil {
		return nil, err
	}
	tcp := sockopt.New(s.Conn)
	tcp.Suit()
	return &conn{socket: s, rest: s.br, laddr: local.Encapsulate(Addr), raddr: remote.Encapsulate(Addr), path: path, tcp: tcp}, nil
}

// Read gives first what came with the marker, then reads from the connection itself.
func (c *conn) Read(p []byte) (int, error) {
	if c.rest == nil {
		return c.Conn.Read(p)
	}
	if c.rest.Buffered() == 0 && c.path.RTT == 0 {
		if _, err := c.rest.Peek(1); err != nil {
			return 0, err
		}
		c.path.RTT = c.sinceMarker()
	}
	if c.rest.Buffered() > 0 {
		return c.rest.Read(p)
	}
	c.rest = nil
	return c.Conn.Read(p)
}

// Close ends both directions. Like TCP's, it resets the connection if bytes were left unread.
func (c *conn) Close() error { return c.socket.Close() }

// CloseWrite ends our direction; the other side reads an EOF.
func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// LocalMultiaddr implements network.ConnMultiaddrs.
func (c *conn) LocalMultiaddr() ma.Multiaddr { return c.laddr }

// RemoteMultiaddr implements network.ConnMultiaddrs.
func (c *conn) RemoteMultiaddr() ma.Multiaddr { return c.raddr }

// Stat implements network.ConnStat. The upgrader copies it to the libp2p connection.
func (c *conn) Stat() network.ConnStats {
	extra := map[any]any{pathKey{}: c.path}
	c.tcp.Tell(extra)
	return network.ConnStats{Stats: network.Stats{Extra: extra}}
}

// ObserveTLS implements upgrade.TLSObserver; it is called within Upgrade.
func (c *conn) ObserveTLS(state tls.ConnectionState) { c.path.TLS = state }
