package node

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/test"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/multiformats/go-multiaddr"
)

// TestLimitsOfRoles: how many connections the resource manager lets in from one
// address, from one peer and altogether.
func TestLimitsOfRoles(t *testing.T) {
	for _, want := range []struct {
		role               Role
		address, peer, all int // all: at least
	}{
		{RoleDHT, publicConnsPerAddress, publicPeerConns, 250},
		{RoleOwner, connsPerAddress, 8, 0},
	} {
		limits, err := newResourceManager(want.role)
		if err != nil {
			t.Fatal(err)
		}
		defer limits.Close()
		var open []network.ConnManagementScope
		let := func(format string, most int) (n int) {
			for n < most {
				c, err := limits.OpenConnection(network.DirInbound, false, multiaddr.StringCast(fmt.Sprintf(format, n)))
				if err != nil {
					return n
				}
				open = append(open, c)
				n++
			}
			return n
		}
		if n := let("/ip4/192.0.2.1/tcp/1%03d", 200); want.role == RoleDHT && n != want.address || n > want.address {
			t.Errorf("role %q: %d connections from one address, want %d", want.role, n, want.address)
		}
		done := func() {
			for _, c := range open {
				c.Done()
			}
			open = nil
		}
		done()
		one, err := test.RandPeerID()
		if err != nil {
			t.Fatal(err)
		}
		let("/ip4/198.51.100.%d/tcp/1", 20)
		peers := 0
		for _, c := range open {
			if c.SetPeer(one) == nil {
				peers++
			}
		}
		if peers > want.peer || want.role == RoleDHT && peers != want.peer {
			t.Errorf("role %q: %d connections of one peer, want %d", want.role, peers, want.peer)
		}
		done()
		if n := let("/ip4/203.0.113.%d/tcp/1", 250); n < want.all {
			t.Errorf("role %q: %d connections altogether", want.role, n)
		}
		done()
	}
}

// TestOwnerLimitsOnASmallMachine: on one with so little memory that libp2p would let in
// as many connections as one address may have, there is room for more.
func TestOwnerLimitsOnASmallMachine(t *testing.T) {
	small := RoleOwner.limits(rcmgr.DefaultLimits.Scale(128<<20, 1024)).ToPartialLimitConfig()
	if most := int(small.System.ConnsInbound); most < 2*connsHigh || most < 4*connsPerAddress {
		t.Errorf("%d incoming connections; the connection manager keeps %d, one address may have %d", most, connsHigh, connsPerAddress)
	}
	if young := int(small.Transient.ConnsInbound); young < 4*connsPerAddress {
		t.Errorf("%d connections that have not said yet who they are; one address may have %d", young, connsPerAddress)
	}
}
