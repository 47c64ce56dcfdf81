package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
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

// deliver finds the contact's devices, reaches one of them and hands the file to
// filexfer.
func (n *Node) deliver(ctx context.Context, t Transfer, file filexfer.File) {
	n.step(t, PhaseLookup, "asking the DHT for the devices of "+t.Contact)
	devices, err := n.devicesOf(ctx, t)
	if err != nil {
		n.endUnreached(ctx, t.ID, err)
		return
	}
	n.transfers.change(t.ID, func(e *entry) {
		if e.trying = devices; len(devices) == 1 {
			e.Device = devices[0]
		}
	})
	device, err := n.reachAny(ctx, devices, t.Created)
	if err != nil {
		n.endUnreached(ctx, t.ID, err)
		return
	}
	n.transfers.change(t.ID, func(e *entry) { e.Device, e.release = device, n.protect(device, t.ID) })
	file.ID = t.ID
	_, err = n.files.Send(ctx, device, file) // observeTransfer is told of each step
	n.transfers.change(t.ID, func(e *entry) { e.fail(err) })
}

// devicesOf gives the contact's devices. Those that are remembered count while the
// directory vouches for one of them.
func (n *Node) devicesOf(ctx context.Context, t Transfer) (devices []peer.ID, err error) {
	record, found := n.directory.Remembered(t.Account)
	if !found || len(record.Devices) == 0 || n.directory.Check(ctx, t.Account, record.Devices[0].ID) != nil {
		if _, err := n.directory.Lookup(ctx, t.Account); err != nil {
			return nil, fmt.Errorf("look up the devices of %s: %w", t.Contact, err)
		}
	}
	if record, found = n.directory.Remembered(t.Account); !found {
		return nil, ErrUnknownContact // removed meanwhile
	}
	for _, d := range record.Devices {
		if n.belongs(t.Account, d.ID) {
			devices = append(devices, d.ID)
		}
	}
	if len(devices) == 0 {
		return nil, fmt.Errorf("%s has no device", t.Contact)
	}
	return devices, nil
}

// maxReached is how many devices of a contact are tried at once.
const maxReached = 8

// reachAny connects to whichever of the devices is there first: one that is off
// takes nothing from one that is on.
func (n *Node) reachAny(ctx context.Context, devices []peer.ID, since time.Time) (peer.ID, error) {
	for _, device := range devices {
		if n.host.Network().Connectedness(device) == network.Connected {
			return device, nil
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reached, failed := make(chan peer.ID, len(devices)), make(chan error, len(devices))
	slots := make(chan struct{}, maxReached)
	for _, device := range devices {
		try := func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := n.reach(ctx, device); err != nil {
				failed <- n.explained(device, since, err)
				return
			}
			reached <- device
		}
		if !n.goRun(try) {
			return "", ErrClosed
		}
	}
	var failures []error
	for range devices {
		select {
		case device := <-reached:
			return device, nil
		case err := <-failed:
			failures = append(failures, err)
		}
	}
	return "", mostTelling(failures)
}

// mostTelling picks the failure of a device that answered, if one did.
func mostTelling(failures []error) error {
	for _, err := range failures {
		if errors.Is(err, errNoPath) {
			return err
		}
	}
	return failures[0]
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
