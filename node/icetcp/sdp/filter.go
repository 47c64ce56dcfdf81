package sdp

import (
	"cmp"
	"net/netip"
	"slices"
)

// How many candidates of a description are dialled, by type.
const (
	MaxHost      = 8 // also how many addresses of its own a device should offer
	MaxReflexive = 8 // server and peer reflexive together
	MaxRelayed   = 4
)

// Policy says which addresses of a stranger's list we are willing to dial. Its
// zero value is for the real world.
type Policy struct {
	// Loopback: we listen on a loopback address ourselves; then loopback
	// addresses, and nothing else, are dialled.
	Loopback bool
	// LinkLocal tells of an IPv4 link-local address (RFC 3927) whether it may be dialled
	// nevertheless: one on a cable without a DHCP server, say. It is not asked about
	// 169.254.169.254, nor about one that is hidden in an IPv6 address: these never are.
	// nil: none may be.
	LinkLocal func(netip.Addr) bool
}

// metadataService is where clouds tell a machine its secrets.
var metadataService = netip.MustParseAddr("169.254.169.254")

// Dialable picks the candidates that may be dialled: passive and simultaneous-open
// ones whose address the policy does not refuse, one for each address, the highest
// priority first, not more of a type than the Max constants say. cs is not changed.
func (p Policy) Dialable(cs []Candidate) []Candidate {
	sorted := slices.Clone(cs)
	slices.SortStableFunc(sorted, func(a, b Candidate) int { return cmp.Compare(b.Priority, a.Priority) })
	room := map[Type]int{Host: MaxHost, Srflx: MaxReflexive, Relay: MaxRelayed}
	seen := make(map[netip.AddrPort]bool)
	var out []Candidate
	for _, c := range sorted {
		kind := c.Type
		if kind == Prflx {
			kind = Srflx
		}
		if c.TCPType == Active || seen[c.Addr] || room[kind] == 0 || p.Refuses(c.Addr) != "" {
			continue
		}
		seen[c.Addr] = true
		room[kind]--
		out = append(out, c)
	}
	return out
}

// Refuses says in a few words why a must not be dialled, "" if it may be.
//
// Refused are: addresses that are no single other host (unspecified, this
// network, multicast, broadcast, reserved, discard); loopback; link-local, both
// families, but for those that LinkLocal allows, for two reasons: an IPv6 one means
// nothing without the zone that no other machine can know, and 169.254.169.254 is
// where clouds keep secrets;
// an IPv4 address of these hidden in an IPv6 one (mapped, NAT64, 6to4); port 0
// and all ports below 1024 but 443, since nobody listens there for us and a
// service that does should not hear from us at a stranger's word. Private
// networks are not refused: the other device may well be in ours.
func (p Policy) Refuses(a netip.AddrPort) string {
	if port := a.Port(); port < 1024 && port != 443 {
		return "privileged port"
	}
	ip := a.Addr().Unmap()
	if !ip.IsValid() || ip.Zone() != "" {
		return "no address"
	}
	if p.Loopback {
		if !ip.IsLoopback() {
			return "not loopback"
		}
		return ""
	}
	if in, ok := embedded(ip); ok {
		return refusesAddr(in)
	}
	if p.allowsLinkLocal(ip) {
		return ""
	}
	return refusesAddr(ip)
}

func (p Policy) allowsLinkLocal(ip netip.Addr) bool {
	return p.LinkLocal != nil && ip.Is4() && ip.IsLinkLocalUnicast() && ip != metadataService && p.LinkLocal(ip)
}

// reserved holds what the methods of netip.Addr do not tell.
var reserved = []struct {
	prefix netip.Prefix
	why    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},     // RFC 1122 §3.2.1.3
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},       // RFC 1112 §4, with the broadcast address
	{netip.MustParsePrefix("192.0.0.0/29"), "DS-Lite"},       // RFC 6333 §5.7: each such host has the same
	{netip.MustParsePrefix("::/96"), "IPv4-compatible"},      // RFC 4291 §2.5.5.1; also :: and ::1
	{netip.MustParsePrefix("fec0::/10"), "site-local"},       // RFC 3879
	{netip.MustParsePrefix("100::/64"), "discard only"},      // RFC 6666
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64"}, // RFC 8215: the IPv4 part is not at a known place
}

func refusesAddr(ip netip.Addr) string {
	switch {
	case ip.IsLoopback():
		return "loopback"
	case ip.IsUnspecified():
		return "unspecified"
	case ip.IsLinkLocalUnicast():
		return "link-local"
	case ip.IsMulticast():
		return "multicast"
	}
	for _, r := range reserved {
		if r.prefix.Contains(ip) {
			return r.why
		}
	}
	return ""
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 §2.1
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056 §2
)

// embedded gives the IPv4 address that an IPv6 one leads to.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
