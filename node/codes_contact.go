package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/node/signalling"
)

// ShowContactCode makes a one-time code by which somebody becomes a contact,
// under the alias name ("" takes what he calls himself).
func (n *Node) ShowContactCode(_ context.Context, name string) (Pairing, error) {
	if err := n.contacts.checkFree(name); err != nil {
		return Pairing{}, err
	}
	return n.show(&pairingEntry{alias: name, Pairing: Pairing{Purpose: PairContact}}, pairing.Contact, n.meetContact)
}

// EnterContactCode makes whoever shows the code a contact, under the alias name.
// Errors: ErrBadCode, pairing.ErrPurpose, ErrBadName, ErrNameTaken.
func (n *Node) EnterContactCode(_ context.Context, code, name string) (Pairing, error) {
	if err := n.contacts.checkFree(name); err != nil {
		return Pairing{}, err
	}
	return n.enter(&pairingEntry{alias: name, Pairing: Pairing{Purpose: PairContact}}, code, pairing.Contact, n.meetContact)
}

// meetContact asks the device that the code has proven for its account's record,
// giving ours. Both sides do so; one question and its answer make them contacts on
// both.
func (n *Node) meetContact(ctx context.Context, e *pairingEntry) error {
	if e.other.Account == n.keys.account {
		return ErrOwnAccount
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.goRun(func() { n.reachParty(ctx, e.other) }) // where it fails, inboxes carry the question
	asked := make(chan error, 1)
	if !n.goRun(func() { asked <- n.askParty(ctx, e) }) {
		return ErrClosed
	}
	select {
	case err := <-asked:
		return err
	case err := <-e.met:
		return err
	}
}

// askParty asks until there is an answer that proves the account.
func (n *Node) askParty(ctx context.Context, e *pairingEntry) error {
	for {
		err := n.askOnce(ctx, e)
		if err == nil || errors.Is(err, errNotProven) {
			return err
		}
		n.log.Debug("no answer yet from who has shown or entered the code", "error", err)
		if !again(ctx) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

func (n *Node) askOnce(ctx context.Context, e *pairingEntry) error {
	answer, err := n.askContact(ctx, e.other.Device)
	if err != nil {
		return err
	}
	if answer.State != Accepted {
		return fmt.Errorf("the other side is not ready: %s", answer.State)
	}
	_, err = n.befriend(e, e.other.Name, answer.Record)
	return err
}

// errNotProven: the record does not bear out what was said under the code.
var errNotProven = errors.New("the other side's account does not list its device")

// befriend makes the account that a code brought a contact, once its record proves
// that the device which knew the code is one of its. selfName is what it calls
// itself.
func (n *Node) befriend(e *pairingEntry, selfName string, raw []byte) (Contact, error) {
	party := e.other
	record, err := directory.ParseRecord(raw)
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %w", errNotProven, err)
	}
	if record.Account != party.Account {
		return Contact{}, errNotProven
	}
	if _, err := n.directory.Learn(raw); err != nil {
		return Contact{}, err
	}
	if !n.belongs(party.Account, party.Device) {
		return Contact{}, errNotProven
	}
	before, _ := n.contacts.get(party.Account)
	c, err := n.contacts.meet(party.Account, e.alias, selfName)
	if err != nil {
		return c, err
	}
	if c != before {
		n.publishContact(c)
	}
	n.pairings.step(e, func() { e.Contact = &c })
	return c, nil
}

// paired answers the question of one whom a code has proven, if this is one.
func (n *Node) paired(ctx context.Context, r signalling.Request, m contactMessage) (c Contact, is bool, err error) {
	e := n.pairings.guestFor(ctx, PairContact, r.From)
	if e == nil || e.other.Account != r.Account {
		return c, false, nil
	}
	if c, err = n.befriend(e, m.Name, m.Record); err != nil {
		return c, true, err
	}
	e.meet(nil)
	return c, true, nil
}
