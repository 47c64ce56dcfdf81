package portmap

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The kernel's table of IPv4 routes: fields are interface, destination, gateway,
// flags, RefCnt, Use, metric, mask, … Numbers are in hex, addresses in the byte
// order of the machine.
const (
	routeTable       = "/proc/net/route"
	routeDestination = 1
	routeGateway     = 2
	routeFlags       = 3
	routeMask        = 7
	routeFields      = 8
	routeUp          = 1
	routeIsGateway   = 2
)

// defaultGateways lists the routers to which this device sends what is for the
// internet.
func defaultGateways(logger *slog.Logger) []netip.Addr {
	f, err := os.Open(routeTable)
	if err != nil {
		logger.Debug("look for routers", "err", err)
		return nil
	}
	defer f.Close()
	return parseRoutes(f)
}

func parseRoutes(r io.Reader) (gateways []netip.Addr) {
	for s := bufio.NewScanner(r); s.Scan() && len(gateways) < maxGateways; {
		gw, ok := parseRoute(strings.Fields(s.Text()))
		if ok && !slices.Contains(gateways, gw) {
			gateways = append(gateways, gw)
		}
	}
	return gateways
}

// parseRoute gives the gateway of a route if it is a default route: for everything,
// or for one half, as some VPNs write it.
func parseRoute(f []string) (gateway netip.Addr, ok bool) {
	if len(f) < routeFields {
		return gateway, false
	}
	flags, err := strconv.ParseUint(f[routeFlags], 16, 16)
	if err != nil || flags&(routeUp|routeIsGateway) != routeUp|routeIsGateway {
		return gateway, false
	}
	mask, ok := parseRouteAddr(f[routeMask])
	if !ok || mask != netip.AddrFrom4([4]byte{}) && mask != netip.AddrFrom4([4]byte{128}) {
		return gateway, false
	}
	gateway, ok = parseRouteAddr(f[routeGateway])
	return gateway, ok && !gateway.IsUnspecified()
}

func parseRouteAddr(text string) (netip.Addr, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 4 {
		return netip.Addr{}, false
	}
	var a [4]byte
	binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
	return netip.AddrFrom4(a), true
}
