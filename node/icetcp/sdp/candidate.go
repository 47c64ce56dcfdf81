package sdp

import (
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"
)

// Type is how an address came to be a candidate (RFC 8445 §5.1.1).
type Type string

// The candidate types.
const (
	Host  Type = "host"  // an address of the device itself
	Srflx Type = "srflx" // server reflexive: a router's address that leads to it
	Prflx Type = "prflx" // peer reflexive: an address seen only by the other side
	Relay Type = "relay" // an address of a TURN server
)

// typePreference is the first part of the priority (RFC 8445 §5.1.2.2, RFC 6544 §4.2).
var typePreference = map[Type]uint32{Host: 126, Prflx: 110, Srflx: 100, Relay: 0}

// TCPType is who opens the connection (RFC 6544 §4.5).
type TCPType string

// The ways in which a candidate takes part in opening a connection.
const (
	Passive TCPType = "passive" // it is dialled
	Active  TCPType = "active"  // it dials; its port is unknown and written as [ActivePort]
	SO      TCPType = "so"      // both dial at once
)

// The extension that marks a mapped address (RFC 8839 §5.1, extension-att-name
// and -value).
const (
	extensionVia = "via"
	viaMapping   = "mapping"
)

// ActivePort is written for an active candidate, whose port says nothing (RFC 6544 §4.5: discard).
const ActivePort = 9

// maxPriority is the highest priority, 2^31-1 (RFC 8445 §5.1.2).
const maxPriority = 1<<31 - 1

// Candidate is one line: an address where, or from where, one side may be reached.
// Transport is always TCP and the component always 1, so neither has a field.
type Candidate struct {
	Foundation string // candidates of one base and type share it; 1 to 32 ice-chars
	Priority   uint32 // 1 to 2^31-1, see [Priority]
	Addr       netip.AddrPort
	Type       Type
	TCPType    TCPType
	// Mapped: a server reflexive address that a router forwards on request
	// (UPnP-IGD, NAT-PMP, PCP); it can be dialled at any time. Written as the
	// extension "via mapping" behind the line.
	Mapped bool
}

// Priority computes a candidate's priority (RFC 8445 §5.1.2.1, component 1).
// nth counts the candidates of one type from 0, the preferred first. The first
// host candidate has 2130706431, the first srflx 1694498815.
func Priority(t Type, nth int) uint32 {
	local := uint32(max(0, 65535-nth))
	return typePreference[t]<<24 | local<<8 | (256 - 1)
}

// Foundation makes the foundation of a candidate with that type and base
// address: the type's letter and the IPv4 address, or a sum of the IPv6 one, in hex.
func Foundation(t Type, base netip.Addr) string {
	letter := strings.ToUpper(string(t[:1]))
	if base = base.Unmap(); base.Is4() {
		return fmt.Sprintf("%s%x", letter, base.As4())
	}
	b := base.As16()
	return fmt.Sprintf("%s%08x", letter, crc32.ChecksumIEEE(b[:]))
}

// String gives the candidate's line, without a line feed.
func (c Candidate) String() string {
	line := fmt.Sprintf("%s 1 TCP %d %s %d typ %s tcptype %s",
		c.Foundation, c.Priority, c.Addr.Addr(), c.Addr.Port(), c.Type, c.TCPType)
	if c.Mapped {
		line += " " + extensionVia + " " + viaMapping
	}
	return line
}

var errNoCandidate = errors.New("not a TCP candidate of component 1")

// parseCandidate reads the words of a candidate line. After the type may come any
// pairs of words (RFC 8839 §5.1: raddr, rport, extensions); only tcptype
// and via are read.
func parseCandidate(f []string) (c Candidate, err error) {
	if len(f) < 10 || len(f)%2 != 0 || f[1] != "1" || !strings.EqualFold(f[2], "TCP") || f[6] != "typ" {
		return c, errNoCandidate
	}
	c = Candidate{Foundation: f[0], Type: Type(f[7])}
	for i := 8; i < len(f); i += 2 {
		switch f[i] {
		case "tcptype":
			c.TCPType = TCPType(f[i+1])
		case extensionVia:
			c.Mapped = c.Type == Srflx && f[i+1] == viaMapping
		}
	}
	prio, err1 := strconv.ParseUint(f[3], 10, 32)
	addr, err2 := netip.ParseAddr(f[4])
	port, err3 := strconv.ParseUint(f[5], 10, 16)
	if err := errors.Join(err1, err2, err3); err != nil {
		return c, err
	}
	if addr.Zone() != "" {
		return c, errors.New("address has a zone") // Unmap would drop it
	}
	c.Priority = uint32(prio)
	c.Addr = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	return c, c.valid()
}

func (c Candidate) valid() error {
	_, known := typePreference[c.Type]
	switch {
	case !known:
		return errors.New("unknown candidate type")
	case c.TCPType != Passive && c.TCPType != Active && c.TCPType != SO:
		return errors.New("unknown tcptype")
	case len(c.Foundation) > maxFoundation || !isICEChars(c.Foundation):
		return errors.New("foundation is not 1 to 32 ice-chars")
	case c.Priority == 0 || c.Priority > maxPriority:
		return errors.New("priority out of range")
	case c.Addr.Port() == 0:
		return errors.New("port 0")
	}
	return nil
}
