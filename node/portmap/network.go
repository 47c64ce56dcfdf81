package portmap

import (
	"log/slog"
	"net"
	"net/netip"
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
			if err == nil && p.Addr().Is4() && !p.Addr().IsLinkLocalUnicast() && len(all) < maxNetworks {
				all = append(all, p)
			}
		}
	}
	return all
}
