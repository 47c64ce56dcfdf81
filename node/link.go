package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/link"
)

// startLink serves hand-overs to devices that a code has proven.
func (n *Node) startLink() {
	n.Mount(link.New(link.Config{Offer: n.offerLink, Ended: n.linkEnded, Logger: n.logger("link")}))
}

// ShowLinkCode makes a one-time code by which another device joins the account;
// keeper hands the account key over too, which cannot be taken back. Only a keeper
// may (ErrNotKeeper). Watch tells the rest.
func (n *Node) ShowLinkCode(_ context.Context, keeper bool) (Pairing, error) {
	if !n.keys.keeper() {
		return Pairing{}, ErrNotKeeper
	}
	if n.isRevoked(n.keys.account, n.keys.id) {
		return Pairing{}, ErrRevoked
	}
	return n.show(&pairingEntry{keeper: keeper, Pairing: Pairing{Purpose: PairLink}}, pairing.Link, n.awaitLinked)
}

// show draws a code and begins to show it.
func (n *Node) show(e *pairingEntry, p pairing.Purpose, meet func(context.Context, *pairingEntry) error) (Pairing, error) {
	code := pairing.NewCode(p)
	e.role, e.State = pairing.Shows, PairWaiting
	e.Code, e.QR, e.Expires = code.Words(), code.QR(), time.Now().Add(e.file.lifetime())
	return n.pair(e, code, meet)
}

// enter begins to use a code that was typed or scanned here.
func (n *Node) enter(e *pairingEntry, text string, p pairing.Purpose, meet func(context.Context, *pairingEntry) error) (Pairing, error) {
	code, err := pairing.ParseCode(text)
	if err != nil {
		return Pairing{}, err
	}
	if err := code.Check(p); err != nil {
		return Pairing{}, err
	}
	e.role, e.State, e.Expires = pairing.Enters, PairExchange, time.Now().Add(pairing.ExchangeTime)
	return n.pair(e, code, meet)
}

// awaitLinked waits until the new device has been served.
func (n *Node) awaitLinked(ctx context.Context, e *pairingEntry) error {
	select {
	case err := <-e.met:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// offerLink makes the hand-over for a device that a code has proven, once: the
// account certifies it, and lists it in a new record.
func (n *Node) offerLink(ctx context.Context, device peer.ID, name string) (link.Handover, error) {
	e := n.pairings.guestFor(ctx, PairLink, device)
	if e == nil || !n.pairings.serve(e) {
		return link.Handover{}, &link.Refusal{}
	}
	h, err := n.adopt(ctx, device, name, e.keeper)
	if err != nil {
		e.meet(err)
		return h, &link.Refusal{Reason: err.Error()}
	}
	return h, nil
}

// serve tells whether a device that joins may have its hand-over now: it may once.
func (b *pairingBook) serve(e *pairingEntry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Purpose != PairLink || e.role != pairing.Shows || e.served {
		return false
	}
	e.served = true
	return true
}

// adopt makes the device one of the account's.
func (n *Node) adopt(ctx context.Context, device peer.ID, name string, keeper bool) (h link.Handover, err error) {
	if n.isRevoked(n.keys.account, device) {
		return h, ErrRevoked
	}
	record, err := n.signRecord(ctx, func(r *directory.Record) error { return listDevice(r, device, name) })
	if err != nil {
		return h, err
	}
	if keeper {
		if err := n.noteKeeper(device); err != nil {
			return h, err
		}
	}
	return n.makeHandover(device, record, keeper)
}

func listDevice(r *directory.Record, device peer.ID, name string) error {
	next := directory.Device{ID: device, Name: name}
	if slices.Contains(r.Revoked, device) {
		return ErrRevoked
	}
	if listed, is := r.Device(device); is {
		next.Added = listed.Added
	} else if len(r.Devices) >= maxOwnDevices {
		return fmt.Errorf("%w: %d", ErrTooManyDevices, len(r.Devices))
	}
	r.Devices = withDevice(r.Devices, next)
	return nil
}

// linkEnded ends the pairing of a device that was served.
func (n *Node) linkEnded(device peer.ID, err error) {
	e, _, _ := n.pairings.now(func(e *pairingEntry) bool {
		return e.Purpose == PairLink && e.role == pairing.Shows && e.other.Device == device
	})
	if e == nil {
		return
	}
	if err != nil {
		err = fmt.Errorf("it is not certain that the new device took the account over, revoke it if it did not: %w", err)
	} else {
		n.pairings.step(e, func() { e.Device = n.deviceNow(device) })
	}
	e.meet(err)
}

// deviceNow describes one of the account's devices.
func (n *Node) deviceNow(device peer.ID) *Device {
	for _, d := range n.Devices() {
		if d.ID == device {
			return &d
		}
	}
	return &Device{ID: device}
}

// JoinAccount makes this device one of the account that shows the code. It is
// refused where contacts or conversations would be lost. When the pairing is
// done the node must be closed and started anew: it has another account then.
// Errors: ErrHasState, ErrBadCode, pairing.ErrPurpose.
func (n *Node) JoinAccount(_ context.Context, code string) (Pairing, error) {
	if err := n.checkFresh(); err != nil {
		return Pairing{}, err
	}
	return n.enter(&pairingEntry{Pairing: Pairing{Purpose: PairLink}}, code, pairing.Link, n.joinAccount)
}

// checkFresh refuses to give up an account that is worth something.
func (n *Node) checkFresh() error {
	for _, c := range n.contacts.all() {
		if c.State != Pending {
			return fmt.Errorf("%w (it has contacts)", ErrHasState)
		}
	}
	switch {
	case n.hasConversations():
		return fmt.Errorf("%w (it has conversations)", ErrHasState)
	case !n.keys.keeper(), len(n.Devices()) > 1:
		return fmt.Errorf("%w (its account has other devices)", ErrHasState)
	}
	return nil
}

// joinAccount asks the keeper that the code has proven for the hand-over, until it is here.
func (n *Node) joinAccount(ctx context.Context, e *pairingEntry) error {
	keeper := e.other
	for {
		err := n.reachParty(ctx, keeper)
		if err == nil {
			err = link.Join(ctx, promptStreams{n.host}, keeper.Device, n.keys.id, n.keys.name, func(h *link.Handover) error {
				return n.takeHandover(h, keeper)
			})
		}
		switch {
		case err == nil:
			n.pairings.step(e, func() { e.Device = &Device{ID: keeper.Device, Name: keeper.Name, Keeper: true, Connected: true} })
			return nil
		case errors.Is(err, link.ErrRefused), errors.Is(err, link.ErrHandover):
			return err
		}
		n.log.Debug("the account's keeper has not handed it over yet", "error", err)
		if !again(ctx) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// takeHandover changes this home's account, if what was handed over is sound.
func (n *Node) takeHandover(h *link.Handover, from pairing.Party) error {
	if err := n.checkHandover(h, from.Account, from.Device); err != nil {
		return fmt.Errorf("%w: %w", link.ErrHandover, err)
	}
	if err := n.checkFresh(); err != nil {
		return fmt.Errorf("%w: %w", link.ErrHandover, err)
	}
	return n.keepHandover(h)
}
