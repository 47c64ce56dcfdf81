// Package natlab makes small internets for tests: two sides, each a host that may
// sit behind a real NAT made by nftables, and between them a server with STUN,
// TURN and what else a test starts there. It stands on package lab: all of it is
// in network namespaces of the test binary's own, no route leads out, and nothing
// is left when the test ends.
//
//	A ──[router A]──┐
//	                ├── switch ── Server
//	B ──[router B]──┘
//
// On the switch ("the internet") are 203.0.113.0/24, 11.0.113.0/24 and
// fd00:113::/64. A side that is [Open] has its host there. For the others the
// router is there, and the host is alone on a LAN behind it. See [NAT] for the
// kinds of routers and docs/nat.md for what they mean to people.
//
// It is for Linux, and needs Debian's iproute2 and nftables; coturn for
// [Net.TURN] and [Net.STUN], miniupnpd for [UPnP].
package natlab
