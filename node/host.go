package node

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/internal/sockopt"
	"github.com/passeur-p2p/passeur/node/upgrade"
)

const (
	// connsLow and connsHigh are the connection manager's marks. Connections
	// that carry a transfer are protected from it.
	connsLow, connsHigh = 96, 192
	// connsPerAddress bounds connections from one IPv4 address or IPv6 /56.
	// libp2p's own 8 is too few: all devices behind one NAT share an address.
	connsPerAddress = 64
	// connsPerSecond bounds how fast connections come, after a first 500.
	connsPerSecond = 50
)

// newHost makes a libp2p host that speaks TCP, TLS 1.3 and yamux only. The ICE
// transport joins it later and is not advertised: js-libp2p never finishes
// identify with a peer that lists an address it cannot parse.
func newHost(s settings, k keys) (host.Host, error) {
	addrs, err := s.listenAddrs()
	if err != nil {
		return nil, err
	}
	if err := wantFree(addrs); err != nil {
		return nil, err
	}
	limits, err := newResourceManager(s.Role)
	if err != nil {
		return nil, err
	}
	low, high, _, _ := s.Role.conns()
	conns, err := connmgr.NewConnManager(low, high)
	if err != nil {
		return nil, err
	}
	return libp2p.New(
		libp2p.Identity(k.device),
		libp2p.ListenAddrs(addrs...),
		libp2p.Transport(sockopt.NewTCP),
		libp2p.Security(libp2ptls.ID, upgrade.NewTLS),
		libp2p.Muxer(yamux.ID, upgrade.Muxer()),
		libp2p.AddrsFactory(icetcp.HideAddr),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.ConnectionGater(newGate(s)),
		libp2p.SwarmOpts(swarm.WithDialTimeout(dialTimeout), swarm.WithDialRanker(rankAddrs)),
		libp2p.UserAgent("passeur"),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)
}

// wantFree fails where another program listens already. libp2p's own dials share the
// port that it listens on, and so would a second node that is told the same one: it
// would take half of what comes for the first, and neither would say a word.
func wantFree(addrs []multiaddr.Multiaddr) error {
	for _, a := range addrs {
		l, err := manet.Listen(a)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("another program listens on %s; stop it, or choose another port: %w", a, err)
		}
		if err == nil {
			l.Close()
		}
	}
	return nil
}

// newResourceManager keeps libp2p's limits, scaled to the machine, but lets
// more connections share one address. Dials over ICE carry no IP address when
// they begin, and libp2p would count all of them as coming from one place.
func newResourceManager(r Role) (network.ResourceManager, error) {
	defaults := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&defaults)
	_, _, perAddress, perSecond := r.conns()
	v4 := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: perAddress}}
	v6 := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: perAddress}, {PrefixLength: 48, ConnCount: 4 * perAddress}}
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(r.limits(defaults.AutoScale())),
		rcmgr.WithLimitPerSubnet(v4, v6),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			GlobalLimit: rate.Limit{RPS: float64(perSecond), Burst: 500},
			NetworkPrefixLimits: []rate.PrefixLimit{
				{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
				{Prefix: netip.MustParsePrefix("::1/128")},
			},
		}),
	)
}
