package node

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
)

// isRevoked tells whether the account has taken the device back, as far as its
// newest known record or any conversation's log says.
func (n *Node) isRevoked(a conversation.Account, device peer.ID) bool {
	record, found := n.directory.Remembered(a)
	return found && slices.Contains(record.Revoked, device) || n.logRevoked(a, device)
}

// ownDevice tells whether the device is another one of our account.
func (n *Node) ownDevice(device peer.ID) bool {
	return device != n.keys.id && n.belongs(n.keys.account, device)
}

// belongs tells whether the account lists the device, and has not revoked it, as far
// as is known here.
func (n *Node) belongs(a conversation.Account, device peer.ID) bool {
	record, found := n.directory.Remembered(a)
	return found && record.Has(device) && !n.isRevoked(a, device)
}

// rememberedDevices gives the devices of an account, but for those that are revoked;
// false if its record is not known here.
func (n *Node) rememberedDevices(a conversation.Account) (devices []peer.ID, found bool) {
	record, found := n.directory.Remembered(a)
	if !found {
		return nil, false
	}
	for _, d := range record.Devices {
		if !n.isRevoked(a, d.ID) {
			devices = append(devices, d.ID)
		}
	}
	return devices, true
}

// contactOf finds the accepted contact that a device belongs to. A device of our own
// account is nobody else's, whatever he lists.
func (n *Node) contactOf(device peer.ID) (Contact, bool) {
	account, found := n.accountOf(device)
	if !found || account == n.keys.account || !n.contacts.accepted(account) {
		return Contact{}, false
	}
	return n.contacts.get(account)
}

// accountOf finds the account of a device that this node has to do with: our own, a
// contact's, a fellow member's. A revoked device has none. An account may list what
// is not its own: of several that list a device, the one that the device itself has
// named counts, and none as long as it has not.
func (n *Node) accountOf(device peer.ID) (conversation.Account, bool) {
	if n.ownDevice(device) {
		return n.keys.account, true
	}
	if n.isRevoked(n.keys.account, device) {
		return conversation.Account{}, false
	}
	var listing []conversation.Account
	for a := range n.partners() {
		if a != n.keys.account && n.belongs(a, device) {
			listing = append(listing, a)
		}
	}
	if named, has := n.claims.of(device); has {
		return named, slices.Contains(listing, named)
	}
	if len(listing) != 1 {
		return conversation.Account{}, false
	}
	return listing[0], true
}

// claims are the accounts that devices have named as theirs, in requests that they
// signed.
type claims struct {
	mu    sync.Mutex
	named map[peer.ID]conversation.Account
}

// maxClaims bounds them; those that are dropped are made again.
const maxClaims = 4096

func (c *claims) put(device peer.ID, a conversation.Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.named == nil || len(c.named) >= maxClaims {
		c.named = map[peer.ID]conversation.Account{}
	}
	c.named[device] = a
}

func (c *claims) of(device peer.ID) (conversation.Account, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, has := c.named[device]
	return a, has
}

// deviceRevoked is to be called when a log revokes a device: nothing of it is heard
// from then on.
func (n *Node) deviceRevoked(a conversation.Account, device peer.ID) {
	n.cutOff(a, device)
	if a == n.keys.account {
		n.tellDevices()
	}
}

// cutOffRevoked cuts off what a record revokes, if it is one that counts here.
func (n *Node) cutOffRevoked(r *directory.Record) {
	if r.Account != n.keys.account && !n.contacts.accepted(r.Account) {
		return
	}
	for _, device := range r.Revoked {
		n.cutOff(r.Account, device)
	}
}

// cutOff stops the account's transfers with the device and closes its connections,
// unless somebody else whom we trust lists it: no account can have another's device
// cut off.
func (n *Node) cutOff(a conversation.Account, device peer.ID) {
	n.transfers.stopWith(func(who conversation.Account, with peer.ID) bool { return who == a && with == device })
	if n.ownDevice(device) {
		return
	}
	if _, trusted := n.contactOf(device); trusted {
		return
	}
	if err := n.host.Network().ClosePeer(device); err != nil {
		n.log.Warn("the connections to a revoked device do not close well", "device", device, "error", err)
	}
}

// startDevices watches which of the account's devices come and go.
func (n *Node) startDevices() error {
	if r, found := n.directory.Remembered(n.keys.account); found {
		n.noteNames(r)
	}
	n.tellDevices()
	changes, err := n.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.Name("passeur/devices"))
	if err != nil {
		return fmt.Errorf("watch the account's devices: %w", err)
	}
	if n.keys.keeper() {
		if err := n.noteKeeper(n.keys.id); err != nil {
			return errors.Join(err, changes.Close())
		}
	}
	n.goRun(func() {
		defer changes.Close()
		n.followDevices(changes.Out())
	})
	return nil
}

func (n *Node) followDevices(changes <-chan any) {
	for {
		select {
		case <-n.ctx.Done():
			return
		case change := <-changes:
			if c, is := change.(event.EvtPeerConnectednessChanged); is && n.ownDevice(c.Peer) {
				n.tellDevices()
			}
		}
	}
}
