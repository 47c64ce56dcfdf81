package icetcp

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
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
	// RTT is the round trip that the hand-off measured, 0 if unknown.
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

// String gives the path in a few words, "direct, 192.0.2.1:50693 to 192.0.2.2:40111" say.
func (p Path) String() string {
	return fmt.Sprintf("%s, %s to %s", p.Kind, p.Local, p.Remote)
}

// typeOf gives the type of the candidate at a. An active candidate's port is not in
// its line (RFC 6544 §4.5), so a host that dialled is known by its address. An
// address that nobody announced is peer reflexive (RFC 8445 §7.3.1.3).
func typeOf(a netip.AddrPort, theirs []sdp.Candidate) sdp.Type {
	for _, c := range theirs {
		if c.Addr == a && c.TCPType != sdp.Active {
			return c.Type
		}
	}
	for _, c := range theirs {
		if c.Addr.Addr() == a.Addr() && c.Type == sdp.Host {
			return sdp.Host
		}
	}
	return sdp.Prflx
}

func tlsDetail(s tls.ConnectionState) string {
	return fmt.Sprintf("%s, %s, %s", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.CurveID)
}
