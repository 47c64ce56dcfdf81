package icetcp

import (
	ma "github.com/multiformats/go-multiaddr"
)

// P_ICE is the code of "/ice", from the private use area of the multicodec table.
const P_ICE = 0x300001

// Addr is the address to listen on and to dial, "/ice". It says nothing of where: a
// peer is found by its ID. The addresses of a connection are the real ones, with
// /ice behind: /ip4/192.0.2.7/tcp/50693/ice.
var Addr ma.Multiaddr

// go-multiaddr keeps its protocols in global maps without a lock, so this is the one
// place to add to them.
func init() {
	err := ma.AddProtocol(ma.Protocol{Name: "ice", Code: P_ICE, VCode: ma.CodeToVarint(P_ICE)})
	if err != nil {
		panic(err)
	}
	Addr = ma.StringCast("/ice")
}

// HideAddr leaves out of addrs those with /ice in them. Give it to
// libp2p.AddrsFactory: js-libp2p stops identifying a peer that advertises a
// protocol it does not know.
func HideAddr(addrs []ma.Multiaddr) []ma.Multiaddr {
	return ma.FilterAddrs(addrs, func(a ma.Multiaddr) bool {
		_, err := a.ValueForProtocol(P_ICE)
		return err != nil
	})
}
