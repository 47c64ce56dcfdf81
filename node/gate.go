package node

import (
	"net/netip"
	"strconv"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// gate keeps libp2p from dialling addresses at the word of others: of peers that tell
// their own, of the DHT's nodes, of whoever answers on the LAN or gave a code. They are
// held to what the candidates of ICE are held to ([sdp.Policy]): otherwise anybody could
// have this node speak to this machine itself, to its cloud's metadata service, or to
// the mail server beside it. Names are resolved before, so what they lead to counts.
//
// Two things differ. A cable without a DHCP server is a network as good as any: of
// 169.254.0.0/16, where this machine has an address itself, all but the one of the
// metadata service is dialled. And where there is no network at all, programs of one
// machine meet on loopback.
type gate struct {
	loopback  bool // this node listens on a loopback address
	bootstrap []peer.AddrInfo
	networks  func() ([]netip.Prefix, error) // that this machine is on
}

var _ connmgr.ConnectionGater = (*gate)(nil)

func newGate(s settings) *gate {
	return &gate{s.listen.Addr().IsLoopback(), s.bootstrap, interfacePrefixes}
}

// InterceptAddrDial lets addresses pass that the user gave, and /ice, which has none.
func (g *gate) InterceptAddrDial(p peer.ID, a multiaddr.Multiaddr) bool {
	to := target(a)
	return a.Equal(icetcp.Addr) || g.named(p, to) || g.refuses(to) == ""
}

// target is where an address leads; the zero value, which is refused, if that is no IP
// address and TCP port.
func target(a multiaddr.Multiaddr) netip.AddrPort {
	port, err := a.ValueForProtocol(multiaddr.P_TCP)
	if err != nil {
		return netip.AddrPort{}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ipOf(a), uint16(number))
}

// refuses says in a few words why an address must not be dialled, "" if it may be.
func (g *gate) refuses(a netip.AddrPort) string {
	loopback := a.Addr().Unmap().IsLoopback() && (g.loopback || g.alone())
	return sdp.Policy{Loopback: loopback, LinkLocal: g.isOn}.Refuses(a)
}

// alone tells whether this machine has no address but loopback ones.
func (g *gate) alone() bool {
	own, err := g.networks()
	for _, p := range own {
		if !p.Addr().IsLoopback() && !(p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()) {
			return false
		}
	}
	return err == nil
}

func (g *gate) isOn(ip netip.Addr) bool {
	own, _ := g.networks()
	for _, p := range own {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// named tells whether the user gave the address, or a name that may stand for it.
func (g *gate) named(p peer.ID, to netip.AddrPort) bool {
	for _, b := range g.bootstrap {
		for _, a := range b.Addrs {
			if b.ID == p && (target(a) == to || !ipOf(a).IsValid()) {
				return true
			}
		}
	}
	return false
}

// The rest is libp2p's to decide.

func (g *gate) InterceptPeerDial(peer.ID) bool              { return true }
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }
func (g *gate) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool {
	return true
}
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
