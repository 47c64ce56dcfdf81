package natlab

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

// Config says how the two sides are connected.
type Config struct{ A, B Side }

// Side is how one of the two is connected. The zero value is a host with a
// public IPv4 address.
type Side struct {
	// NAT is Open if empty.
	NAT NAT
	// NoIPv4 leaves IPv4 away.
	NoIPv4 bool
	IPv6   IPv6
	// Link is the cable from the side to the switch: the host's if it is Open, else
	// the router's. Zero: as fast as this machine.
	Link wire.Config
}

// Net is a small internet. It lives until its test ends.
type Net struct {
	t   testing.TB
	cfg Config
	// A and B are the hosts.
	A, B *Host
	// RouterA and RouterB are nil for sides that are open.
	RouterA, RouterB *Host
	// Server is on the switch, with two addresses of each version of IP for STUN
	// servers and two more for TURN servers.
	Server *Host
	turns  int // TURN servers so far
}

// letters of the two sides: in addresses of LANs and names.
var letters = [2]string{"a", "b"}

// New makes an internet. When the test ends, processes that still run in it are
// killed and it is taken away.
func New(t testing.TB, cfg Config) *Net {
	t.Helper()
	l := lab.New(t)
	n := &Net{t: t, cfg: cfg, Server: newHost(t, l, "server")}
	n.Server.settle("eth0", serverAddrs...)
	n.A, n.RouterA = newSide(t, l, 0, cfg.A)
	n.B, n.RouterB = newSide(t, l, 1, cfg.B)
	n.route(n.B, n.RouterB, n.A, n.RouterA)
	n.route(n.A, n.RouterA, n.B, n.RouterB)
	return n
}

// Addresses of the server.
var (
	stunAddrs   = [][2]string{{"203.0.113.100", "fd00:113::100"}, {"203.0.113.101", "fd00:113::101"}}
	turnAddrs   = [][2]string{{"203.0.113.110", "fd00:113::110"}, {"203.0.113.111", "fd00:113::111"}}
	serverAddrs = []string{
		"203.0.113.100/24", "203.0.113.101/24", "203.0.113.110/24", "203.0.113.111/24", "11.0.113.100/24",
		"fd00:113::100/64", "fd00:113::101/64", "fd00:113::110/64", "fd00:113::111/64",
	}
)

// newSide makes the host and the router of a side.
func newSide(t testing.TB, l *lab.Lab, number int, s Side) (host, router *Host) {
	t.Helper()
	if s.NAT == "" {
		s.NAT = Open
	}
	if s.NAT == Open && s.IPv6 != NoIPv6 && s.IPv6 != IPv6Open {
		t.Fatalf("natlab: side %s: IPv6 that is %s needs a router, and %s has none", letters[number], s.IPv6, s.NAT)
	}
	host = newHost(t, l, letters[number])
	if s.NAT == Open {
		host.lengthen("eth0", s.Link)
		host.settle("eth0", s.public(number)...)
		return host, nil
	}
	router = newHost(t, l, "router-"+letters[number])
	router.lengthen("eth0", s.Link)
	router.ip("link set eth0 down", "link set eth0 name wan")
	router.settle("wan", s.public(number)...)
	connect(host, router, number, s)
	return host, router
}

// public gives the addresses on the switch of a side's host or router.
func (s Side) public(number int) (cidrs []string) {
	if !s.NoIPv4 {
		cidrs = append(cidrs, fmt.Sprintf("203.0.113.%d/24", 11+number), fmt.Sprintf("11.0.113.%d/24", 11+number))
	}
	if s.IPv6 != NoIPv6 {
		cidrs = append(cidrs, fmt.Sprintf("fd00:113::%d/64", 11+number))
	}
	return cidrs
}

// connect takes the host off the switch and puts it behind the router.
func connect(host, router *Host, number int, s Side) {
	host.t.Helper()
	host.ip("link del eth0")
	router.ip("link add lan type veth peer name eth0 netns " + host.ns)
	var inner, outer []string
	if !s.NoIPv4 {
		lan := fmt.Sprintf("192.168.%d", 1+number)
		inner, outer = append(inner, lan+".2/24"), append(outer, lan+".1/24")
	}
	if s.IPv6 != NoIPv6 {
		lan := "fd00:113:" + letters[number]
		inner, outer = append(inner, lan+"::2/64"), append(outer, lan+"::1/64")
	}
	router.settle("lan", outer...)
	host.settle("eth0", inner...)
	for _, cidr := range outer {
		host.ip("route add default via " + netip.MustParsePrefix(cidr).Addr().String())
	}
	router.route(s, number)
}

// route makes the host a router.
func (h *Host) route(s Side, number int) {
	h.t.Helper()
	h.set("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1")
	h.filter(s.NAT.rules(fmt.Sprintf("192.168.%d.2", 1+number)) + s.IPv6.rules())
	if s.NAT == UPnP {
		h.serveUPnP(number)
	}
}

// BecomeA makes the router of side A one of another kind, but UPnP, without a word to
// anybody: what is connected stays so. Side A must have a router.
func (n *Net) BecomeA(nat NAT) {
	n.t.Helper()
	n.RouterA.filter("flush ruleset\n" + nat.rules(n.A.Addr4().String()) + n.cfg.A.IPv6.rules())
}

// settle gives an interface its addresses. A host without an IPv6 address gets
// none of its own making either, or neighbours could meet by link-local ones.
func (h *Host) settle(device string, cidrs ...string) {
	h.t.Helper()
	var commands []string
	disable := "1"
	for _, cidr := range cidrs {
		addr := netip.MustParsePrefix(cidr).Addr()
		h.Addrs = append(h.Addrs, addr)
		if addr.Is6() {
			disable = "0"
			cidr += " nodad" // usable at once
		}
		commands = append(commands, "addr add "+cidr+" dev "+device)
	}
	v6 := "net/ipv6/conf/" + device
	h.set(v6+"/disable_ipv6="+disable, v6+"/accept_dad=0") // link-local addresses are usable at once, too
	h.ip(append([]string{"link set " + device + " up"}, commands...)...)
}

// route tells everyone on the switch the way to the LAN of a side.
func (n *Net) route(host, router, otherHost, otherRouter *Host) {
	n.t.Helper()
	if router == nil || !host.Addr6().IsValid() {
		return
	}
	other := otherHost
	if otherRouter != nil {
		other = otherRouter
	}
	lan := netip.PrefixFrom(host.Addr6(), 64).Masked()
	for _, h := range []*Host{n.Server, other} {
		if h.Addr6().IsValid() {
			h.ip(fmt.Sprintf("route add %s via %s", lan, router.Addr6()))
		}
	}
}

// lengthen replaces the cable from the host's interface to the switch.
func (h *Host) lengthen(device string, cfg wire.Config) {
	h.t.Helper()
	if cfg == (wire.Config{}) {
		return
	}
	if cfg.Loss > 0 { // what is lost is to be one packet and not many at once
		h.ip("link set " + device + " gso_max_segs 1")
	}
	port := h.port(device)
	end := fmt.Sprintf("w%d", port.Index)
	ip(h.t, nil, "link", "set", port.Name, "nomaster")
	ip(h.t, nil, "link", "add", end, "type", "veth", "peer", "name", end+"s")
	h.t.Cleanup(func() { ip(h.t, nil, "link", "del", end) })
	ip(h.t, nil, "link", "set", end+"s", "master", port.Master, "up")
	ip(h.t, nil, "link", "set", end, "up")
	w, err := wire.Lay(port.Name, end, cfg)
	if err != nil {
		h.t.Fatalf("natlab: %v", err)
	}
	h.t.Cleanup(func() {
		if out, in, err := w.Close(); err != nil {
			h.t.Errorf("natlab: cable of host %s: %v (out %+v, in %+v)", h.ns, err, out, in)
		}
	})
}

// port finds the port of the switch to which an interface of the host leads.
func (h *Host) port(device string) link {
	h.t.Helper()
	peer := 0
	for _, l := range links(h.t, "-n", h.ns) {
		if l.Name == device {
			peer = l.Peer
		}
	}
	for _, l := range links(h.t) {
		if l.Index == peer && l.Master != "" {
			return l
		}
	}
	h.t.Fatalf("natlab: host %s: %s does not lead to a switch", h.ns, device)
	return link{}
}
