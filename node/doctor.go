package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/portmap"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/node/turnrelay"
)

// checkupTimeout bounds what a checkup waits for.
const checkupTimeout = 10 * time.Second

// maxSkew is how far the clock may be off: signalling tolerates little more.
const maxSkew = 30 * time.Second

// NAT says what stands between this node and the internet, for one address family.
type NAT string

const (
	// NATNone: the world sees an address of this machine.
	NATNone NAT = "none"
	// NATEndpointIndependent: every server sees the same address and port, so others
	// can come in while a hole is open (RFC 4787 §4.1).
	NATEndpointIndependent NAT = "endpoint-independent"
	// NATSymmetric: each server sees another port, so nobody else can know it.
	NATSymmetric NAT = "symmetric"
	// NATSome: there is a NAT; one server is too few to tell its kind.
	NATSome NAT = "unknown kind"
	// NATUnknown: no STUN server answered over this family.
	NATUnknown NAT = "unknown"
)

// FamilyNAT is the NAT of one address family.
type FamilyNAT struct {
	Family string // "IPv4" or "IPv6"
	NAT    NAT
	// Public are the addresses under which the ICE port is seen.
	Public []netip.AddrPort
}

// Checkup is how a node stands in the network.
type Checkup struct {
	Identity Identity
	// ICE are the listening ports of the ICE transport, 0 where a family is missing.
	ICEPort4, ICEPort6 uint16
	NAT                []FamilyNAT
	STUN               []icetcp.Reflection
	TURN               []turnrelay.Status
	// PortMap: routers are asked for ports.
	PortMap bool
	Routers []portmap.Router
	// DHTNodes are those in the routing table.
	DHT      DHTMode
	DHTNodes int
	Inbox    signalling.Status
	// ClockAhead is how far the clocks of ClocksAsked others are ahead of ours.
	ClockAhead  time.Duration
	ClocksAsked int
	// Advice is one sentence: what to do, or that all is well.
	Advice string
}

// Doctor looks at everything that connections depend on. It asks the TURN servers
// for addresses and other nodes for their time, and takes up to ten seconds.
func (n *Node) Doctor(ctx context.Context) Checkup {
	ctx, cancel := context.WithTimeout(ctx, checkupTimeout)
	defer cancel()
	c := Checkup{
		Identity: n.Identity(), DHT: n.settings.DHT, DHTNodes: n.dht.RoutingTable().Size(),
		Inbox: n.signals.Status(), PortMap: n.settings.PortMap,
	}
	c.ICEPort4, c.ICEPort6 = n.ice.Ports()
	if n.relay != nil {
		if _, release, err := n.relay.Borrow(ctx); err == nil {
			defer release()
		}
		c.TURN = n.relay.Servers()
	}
	if n.mapper != nil {
		n.mapper.Mapped(ctx, c.ICEPort4)
		c.Routers = n.mapper.Status()
	}
	c.STUN = n.ice.Reflections()
	c.NAT = natOf(c.STUN, n.ownAddrs())
	c.ClockAhead, c.ClocksAsked = clockAhead(ctx, n.host)
	c.Advice = c.advise()
	return c
}

// ownAddrs are the IP addresses of this machine that the host listens on.
func (n *Node) ownAddrs() (ips []netip.Addr) {
	addrs, err := n.host.Network().InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if ap := addrPort(stripICE(a)); ap.IsValid() {
			ips = append(ips, ap.Addr())
		}
	}
	return ips
}

// stripICE gives the part of an address that is plain TCP.
func stripICE(a multiaddr.Multiaddr) multiaddr.Multiaddr {
	if _, err := a.ValueForProtocol(icetcp.P_ICE); err == nil {
		return a.Decapsulate(icetcp.Addr)
	}
	return a
}

func natOf(seen []icetcp.Reflection, own []netip.Addr) []FamilyNAT {
	list := []FamilyNAT{{Family: "IPv4"}, {Family: "IPv6"}}
	for i := range list {
		answers := 0
		for _, r := range seen {
			if r.V6 != (i == 1) || !r.Seen.IsValid() {
				continue
			}
			answers++
			if !slices.Contains(list[i].Public, r.Seen) {
				list[i].Public = append(list[i].Public, r.Seen)
			}
		}
		list[i].NAT = natKind(list[i].Public, answers, own)
	}
	return list
}

func natKind(public []netip.AddrPort, answers int, own []netip.Addr) NAT {
	switch {
	case answers == 0:
		return NATUnknown
	case slices.Contains(own, public[0].Addr()):
		return NATNone
	case len(public) > 1:
		return NATSymmetric
	case answers == 1:
		return NATSome
	default:
		return NATEndpointIndependent
	}
}

// advise picks the one thing that matters most.
func (c Checkup) advise() string {
	mapped := slices.ContainsFunc(c.Routers, func(r portmap.Router) bool { return len(r.Ports) > 0 && !r.DoubleNAT })
	relays := slices.ContainsFunc(c.TURN, func(s turnrelay.Status) bool { return len(s.Relayed) > 0 })
	symmetric := c.NAT[0].NAT == NATSymmetric
	for _, x := range []struct {
		is   bool
		text string
	}{
		{c.ClocksAsked > 0 && c.ClockAhead.Abs() > maxSkew,
			fmt.Sprintf("This machine's clock is off by %s: set it, or messages of and to others are refused.", c.ClockAhead.Abs().Round(time.Second))},
		{c.DHTNodes == 0, "No other node is known: name one with --bootstrap, or start one on the same network."},
		{c.Inbox.Subscribed == 0, "No inbox server listens for this node yet: contacts cannot reach it; wait a moment, or check the bootstrap node."},
		{len(c.TURN) > 0 && !relays, "No TURN server lends an address: look at its error above; direct paths still work."},
		{symmetric && !mapped && !relays, "The router gives each destination another port: configure a TURN server or switch on port mapping, or strict routers on the other side cannot be passed."},
		{c.NAT[0].NAT == NATUnknown && c.NAT[1].NAT == NATUnknown && !mapped && !relays && len(c.STUN) > 0,
			"No STUN server answered: only devices on the same network, or that need no way in, can be reached."},
	} {
		if x.is {
			return x.text
		}
	}
	return "All is well."
}
