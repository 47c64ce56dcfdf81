package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// SendFile offers the regular file at path to a contact, named by alias or
// account. It returns as soon as the transfer is queued; what becomes of it is
// told as events. The file must stay as it is until the transfer has ended.
func (n *Node) SendFile(_ context.Context, path, contact string) (Transfer, error) {
	c, err := n.contacts.find(contact)
	if err != nil {
		return Transfer{}, err
	}
	if c.State != Accepted {
		return Transfer{}, fmt.Errorf("%w: %s is %s", ErrNotAccepted, c.Name, c.State)
	}
	if path, err = filepath.Abs(path); err != nil {
		return Transfer{}, err
	}
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		return Transfer{}, err
	}
	ctx, cancel := context.WithCancel(n.ctx)
	e := &entry{cancel: cancel, Transfer: Transfer{
		ID: newTransferID(), Direction: Outgoing, Contact: c.Name, Account: c.Account,
		Name: filexfer.SafeName(file.Name), File: path, Size: file.Size, State: filexfer.Created,
	}}
	if err := n.transfers.begin(e); err != nil {
		cancel()
		return Transfer{}, err
	}
	t := e.Transfer
	if !n.goRun(func() { defer cancel(); n.deliver(ctx, t, file) }) {
		cancel()
		return t, ErrClosed
	}
	return t, nil
}

// deliver finds the contact's device, reaches it and hands the file to filexfer.
func (n *Node) deliver(ctx context.Context, t Transfer, file filexfer.File) {
	n.step(t, PhaseLookup, "asking the DHT for the devices of "+t.Contact)
	device, err := n.deviceOf(ctx, t)
	if err != nil {
		n.endUnreached(ctx, t.ID, err)
		return
	}
	n.transfers.change(t.ID, func(e *entry) { e.Device, e.release = device, n.protect(device, t.ID) })
	if err := n.reach(ctx, device); err != nil {
		n.endUnreached(ctx, t.ID, n.explained(device, t.Created, err))
		return
	}
	file.ID = t.ID
	_, err = n.files.Send(ctx, device, file) // observeTransfer is told of each step
	n.transfers.change(t.ID, func(e *entry) { e.fail(err) })
}

// deviceOf gives the contact's device: accounts have one device. The one that is
// remembered counts while the directory vouches for it.
func (n *Node) deviceOf(ctx context.Context, t Transfer) (peer.ID, error) {
	if known, found := n.directory.Remembered(t.Account); found && len(known.Devices) > 0 {
		if first := known.Devices[0].ID; n.directory.Check(ctx, t.Account, first) == nil {
			return first, nil
		}
	}
	record, err := n.directory.Lookup(ctx, t.Account)
	if err != nil {
		return "", fmt.Errorf("look up the devices of %s: %w", t.Contact, err)
	}
	if len(record.Devices) == 0 {
		return "", fmt.Errorf("%s has no device", t.Contact)
	}
	return record.Devices[0].ID, nil
}

// explained says more about a failure than the dial did, if the device answered
// and yet no path was found.
func (n *Node) explained(device peer.ID, since time.Time, err error) error {
	last, found := n.ice.LastNegotiation(device)
	if !found || last.Started.Before(since) || last.Path != nil || len(last.Remote) == 0 {
		return err
	}
	err = fmt.Errorf("%w: the device answered, but none of its %d addresses can be reached from here, nor any of ours from there", errNoPath, len(last.Remote))
	if n.relay == nil {
		return fmt.Errorf("%w; a TURN server on either side would help", err)
	}
	for _, server := range n.relay.Servers() {
		if server.Err != nil {
			return fmt.Errorf("%w; the TURN server %s lends no address: %w", err, server.URL, server.Err)
		}
	}
	return err
}

// errNoPath: both devices tried, and no pair of addresses connects.
var errNoPath = errors.New("no path")

// endUnreached ends a transfer for which no connection came about.
func (n *Node) endUnreached(ctx context.Context, id string, err error) {
	n.transfers.change(id, func(e *entry) {
		if ctx.Err() != nil {
			e.State, e.Code, e.Reason = filexfer.ClosedByHost, EndCancelled, "cancelled here before a connection stood"
			return
		}
		e.State, e.Code, e.Reason = filexfer.Unjoinable, EndUnjoinable, unreached(err)
	})
}

// unreached says why nobody was reached, in words for people.
func unreached(err error) string {
	if errors.Is(err, errNoPath) {
		return err.Error()
	}
	for _, known := range []struct {
		err  error
		text string
	}{
		{signalling.ErrNoServer, "no node of the DHT could be reached to leave the offer at"},
		{signalling.ErrNoAnswer, "the device did not answer; it is probably not running or not connected"},
		{signalling.ErrRefused, "the device refused the connection"},
		{directory.ErrUnreachable, "the DHT cannot be reached"},
		{directory.ErrNotFound, "the DHT knows no device of this account; has it been running in the last two days?"},
		{context.DeadlineExceeded, fmt.Sprintf("the device did not answer within %s", connectTimeout)},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return err.Error()
}

// protect keeps the connection manager from closing what a transfer needs.
func (n *Node) protect(device peer.ID, transfer string) (release func()) {
	n.host.ConnManager().Protect(device, transfer)
	return func() { n.host.ConnManager().Unprotect(device, transfer) }
}
