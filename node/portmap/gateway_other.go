//go:build !linux

package portmap

import (
	"log/slog"
	"net"
	"net/netip"

	"github.com/libp2p/go-netroute"
)

// internet is an address of which the way leads through the default gateway. Nothing
// is sent there.
var internet = net.IPv4(192, 0, 2, 1)

// defaultGateways gives the router to which this device sends what is for the
// internet.
func defaultGateways(logger *slog.Logger) []netip.Addr {
	r, err := netroute.New()
	if err != nil {
		logger.Debug("look for a router", "err", err)
		return nil
	}
	_, gw, _, err := r.Route(internet)
	addr, ok := netip.AddrFromSlice(gw)
	if err != nil || !ok || addr.IsUnspecified() {
		logger.Debug("look for a router", "gateway", gw, "err", err)
		return nil
	}
	return []netip.Addr{addr.Unmap()}
}
