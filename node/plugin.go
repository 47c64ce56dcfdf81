package node

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// What a protocol that is mounted from outside asks of the node: whose the device is
// that speaks, which devices somebody has, and a stream to one of them.

// ContactOf finds the accepted contact that a device belongs to, as far as is known
// here; false for strangers, for devices that were revoked, and for this account's own.
// It asks nobody.
func (n *Node) ContactOf(device peer.ID) (Contact, bool) { return n.contactOf(device) }

// ContactDevices gives the devices of an accepted contact, by alias or account, without
// those that were revoked. It may ask the DHT. It fails with ErrUnknownContact, or
// ErrNotAccepted as long as the two have not agreed.
func (n *Node) ContactDevices(ctx context.Context, who string) ([]peer.ID, error) {
	c, err := n.contacts.find(who)
	if err != nil {
		return nil, err
	}
	if c.State != Accepted {
		return nil, fmt.Errorf("%w: %s", ErrNotAccepted, c.Name)
	}
	return n.devicesOf(ctx, c.Account)
}

// NewStream opens a stream of a protocol, the first of ids, to a device, over the connection that stands
// or a new one that ICE makes, which takes up to half a minute. Only devices of
// contacts, fellow members and this account answer ICE; whose one is, is for the caller
// to know. That the other side does not speak the protocol shows in the first Read.
func (n *Node) NewStream(ctx context.Context, device peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if err := n.reach(ctx, device); err != nil {
		return nil, err
	}
	return promptStreams{n.host}.NewStream(ctx, device, ids...)
}
