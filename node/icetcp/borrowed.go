package icetcp

import (
	"context"
	"net"
	"net/netip"
)

// Relay lends TCP addresses of TURN servers (RFC 6062, RFC 6156).
type Relay interface {
	// HandleConns sets the function that gets each TCP connection that a permitted
	// peer makes to a relayed address; it owns the connection. server names the TURN
	// server for people.
	HandleConns(func(c net.Conn, server string))
	// Borrow makes sure that allocations stand and gives their relayed addresses.
	// They are good until release is called, and longer while a connection made
	// through them lives. err only if no server gave an address.
	Borrow(ctx context.Context) (addrs []netip.AddrPort, release func(), err error)
	// Permit lets the peers' public addresses connect to the relayed addresses of
	// their family, and keeps that so until ctx ends.
	Permit(ctx context.Context, peers []netip.Addr) error
}

// Mapper has routers forward TCP ports to this machine (UPnP-IGD, NAT-PMP, PCP).
type Mapper interface {
	// Mapped gives the external addresses at which the local port is reachable now.
	// It waits for a discovery under way, no longer than ctx.
	Mapped(ctx context.Context, port uint16) []netip.AddrPort
}
