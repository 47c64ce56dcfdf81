package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/icetcp"
)

const (
	// connectTimeout bounds one attempt to reach a contact's device: offer,
	// answer, checks, TLS. After it ICE says what was missing.
	connectTimeout = 25 * time.Second
	// dialTimeout is libp2p's patience with that attempt, a little longer.
	dialTimeout = connectTimeout + 3*time.Second
	// bootstrapDial bounds a plain TCP dial to a DHT node or a node on the LAN.
	bootstrapDial = 10 * time.Second
)

// reach makes sure that a connection to the device stands: the one there is, or
// a new one over ICE. It does not wait for identify, as Connect of the host would: what
// is spoken with devices is known beforehand, and a round trip is a long time.
func (n *Node) reach(ctx context.Context, device peer.ID) error {
	clearDialBackoff(n.host, device)
	// identify replaces a connected peer's addresses, and /ice is not among them
	n.host.Peerstore().AddAddr(device, icetcp.Addr, peerstore.TempAddrTTL)
	ctx, cancel := context.WithTimeout(network.WithDialPeerTimeout(ctx, dialTimeout), dialTimeout)
	defer cancel()
	if _, err := n.host.Network().DialPeer(ctx, device); err != nil {
		return fmt.Errorf("connect to %s: %w", device, err)
	}
	return nil
}

func connectWithin(ctx context.Context, h host.Host, p peer.AddrInfo, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(network.WithDialPeerTimeout(ctx, limit), limit)
	defer cancel()
	if err := h.Connect(ctx, p); err != nil {
		return fmt.Errorf("connect to %s: %w", p.ID, err)
	}
	return nil
}

// clearDialBackoff lets the next dial begin at once although an earlier one failed.
func clearDialBackoff(h host.Host, p peer.ID) {
	if s, ok := h.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(p)
	}
}

// pathOf tells how a connection reaches the other side, also one that ICE did
// not make: that one is a plain TCP connection, so direct.
func pathOf(c network.Conn) *icetcp.Path {
	if p, ok := icetcp.PathOf(c); ok {
		return &p
	}
	p := &icetcp.Path{Kind: icetcp.Direct}
	if c.ConnState().Security == libp2ptls.ID {
		p.TLS.Version = tls.VersionTLS13 // libp2p's TLS has no other
	}
	p.Local = addrPort(c.LocalMultiaddr())
	p.Remote = addrPort(c.RemoteMultiaddr())
	return p
}

// addrPort gives the zero value for an address without IP and port.
func addrPort(a multiaddr.Multiaddr) netip.AddrPort {
	if len(a) == 0 { // what is left of /ice
		return netip.AddrPort{}
	}
	addr, err := manet.ToNetAddr(a)
	if err != nil {
		return netip.AddrPort{}
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
}
