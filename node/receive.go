package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// receive decides on an offer: it is filexfer's Accept, and waits for the user.
func (n *Node) receive(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
	c, known := n.contactOf(o.From)
	if !known {
		return nil, &filexfer.Refusal{Reason: "not a contact"}
	}
	waiting := make(chan decision, 1)
	e := &entry{
		Transfer: Transfer{
			ID: o.ID, Direction: Incoming, Contact: c.Name, Account: c.Account, Device: o.From,
			Name: o.Name, Size: o.Size, State: filexfer.AwaitingHost, Path: pathOf(o.Conn),
		},
		cancel:  func() { n.files.Cancel(o.ID) },
		release: n.protect(o.From, o.ID),
		waiting: waiting,
	}
	if err := n.transfers.begin(e); err != nil {
		e.release()
		return nil, err
	}
	if n.settings.Accept == AcceptContacts {
		if _, err := n.Accept(ctx, o.ID, ""); err != nil {
			return nil, err
		}
	}
	select {
	case d := <-waiting:
		return d.sink, d.err
	case <-ctx.Done():
		n.withdraw(o.ID, waiting)
		return nil, context.Cause(ctx)
	}
}

// withdraw ends the waiting of an offer that is gone. A decision that was made
// in the same moment comes to nothing.
func (n *Node) withdraw(id string, waiting chan decision) {
	n.transfers.change(id, func(e *entry) { e.waiting = nil })
	select {
	case d := <-waiting:
		if d.sink != nil {
			d.sink.Abort()
		}
	default:
	}
}

// Inbox lists the offers that wait for a decision, the newest last.
func (n *Node) Inbox() []Transfer {
	var list []Transfer
	for _, t := range n.transfers.all() {
		if t.State == filexfer.AwaitingHost {
			list = append(list, t)
		}
	}
	return list
}

// Accept takes an offered file. path names a folder that exists (the file keeps
// its name there, made unique), or the file itself, which must not exist yet;
// empty means the downloads folder. An error leaves the offer waiting.
func (n *Node) Accept(_ context.Context, id, path string) (Transfer, error) {
	t, err := n.waitingOffer(id)
	if err != nil {
		return t, err
	}
	target, err := n.target(t, path)
	if err != nil {
		return t, err
	}
	sink, err := filexfer.NewFileSink(target)
	if err != nil {
		return t, err
	}
	if t, err = n.decide(id, decision{sink: sink, file: filepath.Join(target.Dir, target.Name)}); err != nil {
		return t, errors.Join(err, sink.Abort())
	}
	return t, nil
}

// Refuse declines an offered file; the sender is told so.
func (n *Node) Refuse(_ context.Context, id string) (Transfer, error) {
	if t, err := n.waitingOffer(id); err != nil {
		return t, err
	}
	return n.decide(id, decision{err: filexfer.ErrRefused})
}

func (n *Node) waitingOffer(id string) (Transfer, error) {
	t, found := n.transfers.get(id)
	if !found {
		return t, fmt.Errorf("%w: %q", ErrUnknownTransfer, id)
	}
	if t.State != filexfer.AwaitingHost {
		return t, fmt.Errorf("%w: %s is %s", ErrNotWaiting, id, t.State)
	}
	return t, nil
}

// decide hands the user's answer to the stream that waits; only the first counts.
func (n *Node) decide(id string, d decision) (Transfer, error) {
	err := fmt.Errorf("%w: %s", ErrNotWaiting, id)
	n.transfers.change(id, func(e *entry) {
		if e.waiting != nil {
			err, e.File = nil, d.file
			e.waiting <- d
			e.waiting = nil
		}
	})
	t, _ := n.transfers.get(id)
	return t, err
}

// target says where an accepted file goes, see Accept.
func (n *Node) target(t Transfer, path string) (filexfer.Target, error) {
	target := filexfer.Target{Dir: path, Name: t.Name, Size: t.Size, ID: t.ID}
	switch info, err := os.Stat(path); {
	case path == "":
		target.Dir = n.settings.Downloads
		return target, os.MkdirAll(target.Dir, 0o700)
	case err == nil && info.IsDir():
		return target, nil
	case strings.HasSuffix(path, string(filepath.Separator)):
		return target, fmt.Errorf("%s is no folder", path)
	default:
		target.Dir, target.Name, target.Exact = filepath.Dir(path), filepath.Base(path), true
		return target, nil
	}
}
