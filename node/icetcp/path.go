package icetcp

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// PathKind says in one word how a connection reaches the other device.
type PathKind string

const (
	// Direct: an address of the other device's own, nothing in between.
	Direct PathKind = "direct"
	// Punched: through a NAT or firewall by TCP simultaneous open.
	Punched PathKind = "punched"
	// Mapped: through a port that a router forwards (UPnP-IGD, NAT-PMP, PCP).
	Mapped PathKind = "mapped"
	// Relayed: through a TURN server (RFC 6062).
	Relayed PathKind = "relayed"
)

// Path tells how a connection came about: the candidate pair that carries it
// (RFC 8445 §5) and what TLS agreed on.
type Path struct {
	Kind PathKind
	// LocalType and RemoteType are candidate types: "host", "srflx", "prflx" or "relay".
	LocalType, RemoteType string
	Local, Remote         netip.AddrPort
	// Relay names the TURN server of a relayed path, else "".
	Relay string
	// Controlling: this side nominated the pair (RFC 8445 §2.3); it is also the TLS client.
	Controlling bool
	// RTT is the round trip that the connectivity check measured, 0 if unknown.
	RTT time.Duration
	// TLS is the state after the handshake: version, cipher suite, key exchange group.
	TLS tls.ConnectionState
}

type pathKey struct{}

// PathOf gives the path of a connection that this package made; false for any
// other connection.
func PathOf(c network.ConnStat) (Path, bool) {
	p, ok := c.Stat().Extra[pathKey{}].(*Path)
	if !ok {
		return Path{}, false
	}
	return *p, true
}
