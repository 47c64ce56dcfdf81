package natlab

import (
	"fmt"
	"slices"
	"strings"
)

// NAT is a kind of router between a host and the internet. The rules are those
// for TCP over IPv4.
type NAT string

const (
	// Open: no router, the host has public addresses.
	Open NAT = "open"
	// FullCone: keeps ports, and lets everyone in at every port from 1024 on:
	// endpoint-independent mapping and filtering (RFC 4787), or a host declared
	// "DMZ" in the router.
	FullCone NAT = "fullcone"
	// PRC is port-restricted: keeps ports where it can (endpoint-independent
	// mapping), lets in only answers, and drops the rest silently.
	PRC NAT = "prc"
	// PRCRST is PRC, but answers what it does not let in with RST.
	PRCRST NAT = "prcrst"
	// PRCNoFW is PRC without a filter of its own: its own TCP answers unexpected
	// SYNs with RST, and connection tracking remembers them.
	PRCNoFW NAT = "prcnofw"
	// Sym is symmetric: a new random port for each connection, only answers let in.
	Sym NAT = "sym"
	// UPnP is PRC whose hosts may ask for mappings by UPnP-IGD, NAT-PMP and PCP.
	// Its mapped ports are reachable at an address in 11.0.113.0/24.
	UPnP NAT = "upnp"
)

// NATs are all kinds.
var NATs = []NAT{Open, FullCone, PRC, PRCRST, PRCNoFW, Sym, UPnP}

// ParseNAT gives the kind with that name.
func ParseNAT(name string) (NAT, error) {
	if n := NAT(name); slices.Contains(NATs, n) {
		return n, nil
	}
	return "", fmt.Errorf("no kind of NAT is called %q; there are %v", name, NATs)
}

// What the rules of most kinds begin with. The interface to the internet is
// called wan, the one to the host lan.
const answersAndLAN = "ct state established,related accept\n  iifname lan accept\n  "

// rules are nftables' rules for IPv4 of a router of that kind before the host.
func (n NAT) rules(host string) string {
	pre, post := "", "oifname wan masquerade"
	input, forward := answersAndLAN+"drop", answersAndLAN+"drop"
	switch n {
	case FullCone:
		pre, forward = "iifname wan tcp dport 1024-65535 dnat to "+host, "accept"
	case PRCRST:
		input = answersAndLAN + "meta l4proto tcp reject with tcp reset\n  drop"
	case PRCNoFW:
		input = "accept"
	case Sym:
		post += " random,fully-random"
	case UPnP:
		// What is mapped is so at that address only: miniupnpd's rules do not say at which.
		forward = "ct status dnat ct original ip daddr 11.0.113.0/24 accept\n  " + forward
	}
	return chain("nat pre", "nat hook prerouting priority -100", pre) +
		chain("nat post", "nat hook postrouting priority 100", post) +
		chain("filter input", "filter hook input priority 0", input) +
		chain("filter forward", "filter hook forward priority 0", forward)
}

// chain writes a chain; name is "table chain".
func chain(name, hook, rules string) string {
	table, name, _ := strings.Cut(name, " ")
	return fmt.Sprintf("table ip %s {\n chain %s {\n  type %s;\n  %s\n }\n}\n", table, name, hook, rules)
}

// IPv6 is how a side is connected by version 6 of IP. There is no NAT for it.
type IPv6 string

const (
	// NoIPv6: none.
	NoIPv6 IPv6 = ""
	// IPv6Open: everyone reaches the host.
	IPv6Open IPv6 = "open"
	// IPv6Firewalled: the router lets only answers in and drops the rest, as
	// routers for homes do. There must be a router.
	IPv6Firewalled IPv6 = "firewalled"
	// IPv6Broken: the host has an address and a default route, and whatever it
	// sends vanishes in the router. There must be a router.
	IPv6Broken IPv6 = "broken"
)

// rules are nftables' rules for IPv6 of a router.
func (v IPv6) rules() string {
	forward := "accept"
	switch v {
	case IPv6Firewalled:
		forward = answersAndLAN + "drop"
	case IPv6Broken:
		forward = "drop"
	}
	return "table ip6 filter {\n" +
		" chain input {\n  type filter hook input priority 0;\n  meta l4proto ipv6-icmp accept\n  " + answersAndLAN + "drop\n }\n" +
		" chain forward {\n  type filter hook forward priority 0;\n  " + forward + "\n }\n}\n"
}
