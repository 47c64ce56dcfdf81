package node

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/icetcp"
)

// icePatience is how long the other addresses of a device have before /ice is tried
// too (RFC 8305 §5 has the same for the next address).
const icePatience = 250 * time.Millisecond

// rankAddrs says when each address of a device is dialled: as libp2p does, but for
// /ice, which libp2p would try a second after all it knows. Where no other address
// can be reached from here, as of a device in another home, /ice is dialled at once.
func rankAddrs(addrs []multiaddr.Multiaddr) []network.AddrDelay {
	own, err := interfacePrefixes()
	return rankAmong(addrs, func(a netip.Addr) bool {
		return err != nil || !a.IsPrivate() || slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

func rankAmong(addrs []multiaddr.Multiaddr, promising func(netip.Addr) bool) []network.AddrDelay {
	others := slices.DeleteFunc(slices.Clone(addrs), icetcp.Addr.Equal)
	ranked := swarm.DefaultDialRanker(others)
	if len(others) == len(addrs) {
		return ranked
	}
	ice := network.AddrDelay{Addr: icetcp.Addr}
	if slices.ContainsFunc(others, func(a multiaddr.Multiaddr) bool {
		ip := ipOf(a)
		return ip.IsValid() && promising(ip)
	}) {
		ice.Delay = icePatience
	}
	return append(ranked, ice)
}

// ipOf gives the zero value for an address that does not begin with one.
func ipOf(a multiaddr.Multiaddr) netip.Addr {
	raw, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.AddrFromSlice(raw)
	return ip.Unmap()
}

// interfacePrefixes are the networks that this machine is on.
func interfacePrefixes() (list []netip.Prefix, err error) {
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil {
			list = append(list, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked())
		}
	}
	return list, err
}
