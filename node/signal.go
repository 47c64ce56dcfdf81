package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/signalling"
)

// kindICE is the signalling kind of ICE offers.
const kindICE = "ice"

func (n *Node) requestWithin(ctx context.Context, limit time.Duration, to peer.ID, kind string, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return n.signals.Request(ctx, to, kind, payload)
}

// admit decides who is heard: anyone may ask to be a contact; devices of our own
// account, of accepted contacts, of fellow members of a group, and whoever a code has
// just proven, or has a transfer by one under way, may offer a link. Others get silence, so that nobody can probe whether this node is there.
func (n *Node) admit(ctx context.Context, from peer.ID, a conversation.Account, kind string) error {
	if n.settings.Role == RoleDHT {
		return fmt.Errorf("%w: this is a bootstrap node", signalling.ErrSilent)
	}
	if kind == kindContact {
		return nil
	}
	err := n.checkTrusted(ctx, from, a)
	if err == nil {
		n.claims.put(from, a)
	}
	if err != nil && !n.oneShots.with(from) && n.pairings.guest(ctx, from) == nil {
		return fmt.Errorf("%w: %w", signalling.ErrSilent, err)
	}
	return nil
}

// newcomerWait is how long a device that its account does not list is kept waiting:
// one that was linked just now is ahead of the record that says so.
const newcomerWait = 8 * time.Second

// checkTrusted returns nil if the device is one of the account's, which is our own, an
// accepted contact's or a fellow member's, and not revoked.
func (n *Node) checkTrusted(ctx context.Context, device peer.ID, a conversation.Account) error {
	if !n.isPartner(a) {
		return fmt.Errorf("%s is no accepted contact", a)
	}
	if n.isRevoked(a, device) {
		return fmt.Errorf("%s has revoked %s", a, device)
	}
	err := n.directory.Check(ctx, a, device)
	if errors.Is(err, directory.ErrNotListed) && n.awaitListed(ctx, a, device) {
		err = n.directory.Check(ctx, a, device)
	}
	return err
}

// awaitListed returns when the account lists the device, or after newcomerWait; false
// if it was revoked or ctx has ended by then.
func (n *Node) awaitListed(ctx context.Context, a conversation.Account, device peer.ID) bool {
	tick := time.NewTicker(newcomerWait / 16)
	defer tick.Stop()
	for range 16 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if n.isRevoked(a, device) || !n.isPartner(a) {
			return false
		}
		if n.belongs(a, device) {
			return true
		}
	}
	return true
}

// observeSignal turns what signalling reports into phases of the transfers that
// wait for a connection to that device.
func (n *Node) observeSignal(e signalling.Event) {
	n.countRequest(e)
	if e.Kind != kindICE {
		return
	}
	switch e.Phase {
	case signalling.Found:
		n.phase(e.Peer, PhaseFound, fmt.Sprintf("device %s", e.Peer))
	case signalling.Sealed:
		n.phase(e.Peer, PhaseSealed, sealedDetail(e))
	}
}

func sealedDetail(e signalling.Event) string {
	if e.Direct {
		return "sent over the live connection"
	}
	if e.Live == 0 {
		return fmt.Sprintf("left at %d of the DHT's inbox servers; the device is not connected to them now", e.Servers)
	}
	return fmt.Sprintf("left at %d of the DHT's inbox servers, pushed to the device by %d", e.Servers, e.Live)
}

// observeICE does the same for the ICE transport.
func (n *Node) observeICE(e icetcp.Event) {
	switch e.Phase {
	case "answered":
		n.phase(e.Peer, PhaseAnswered, e.Detail)
	case "pair":
		n.phase(e.Peer, PhasePair, e.Detail)
	case "tls":
		n.phase(e.Peer, PhaseTLS, e.Detail)
	}
}
