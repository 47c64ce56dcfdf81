package portmap

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
)

// maxNetworks bounds the networks that are searched.
const maxNetworks = 8

// networks lists the IPv4 networks of this device where routers could be, each with
// this device's address.
func networks(logger *slog.Logger) (all []netip.Prefix) {
	ifaces, err := net.Interfaces()
	if err != nil {
		logger.Debug("list interfaces", "err", err)
		return nil
	}
	const want, not = net.FlagUp | net.FlagRunning | net.FlagMulticast, net.FlagLoopback | net.FlagPointToPoint
	for _, i := range ifaces {
		if i.Flags&want != want || i.Flags&not != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil { // it has just gone
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() && !p.Addr().IsLinkLocalUnicast() && len(all) < maxNetworks && !searched(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// searched says whether p's network is among them: a device may have several
// addresses in one.
func searched(all []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(all, func(o netip.Prefix) bool { return o.Masked() == p.Masked() })
}

// localTo gives the address from which this device talks to a router. Nothing is
// sent.
func localTo(router netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(router, udpPort)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
