package node

import (
	"context"
	"errors"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// An accepted file with a tree is wanted from its first byte: the device that offers
// it is the first to bring it, and others may help (rerequest.Adopt). One without
// comes in one piece.

// open makes the sink of an offer that the user accepts.
func (n *Node) open(ctx context.Context, o filexfer.Offer, target filexfer.Target) (filexfer.Sink, error) {
	if !o.HasTree() || o.Conversation == "" {
		target.Root = ""
		sink, err := filexfer.NewFileSink(target)
		if err != nil {
			return nil, err
		}
		return sink, nil
	}
	n.transfers.change(o.ID, func(e *entry) { e.cancel = func() { n.forget(o.ID) } })
	n.transfers.bring(o.ID, o)
	sink, err := n.again.Adopt(ctx, rerequest.Want{Conversation: o.Conversation, Interaction: o.Interaction, Target: target}, o)
	if err != nil {
		n.transfers.bringsNoMore(o.ID)
		return nil, err
	}
	return sink, nil
}

// bind ties an offer that went out before its file was hashed to the entry that its
// sums name. One that cannot be tied to it, or was cancelled meanwhile, is not wanted.
func (n *Node) bind(e rerequest.Event) {
	t, found := n.transfers.get(e.Offer.ID)
	if found && !t.Ended {
		var err error
		t.Tree = e.Root
		if t.Entry, err = conversation.ParseID(e.Interaction); err == nil && n.transfers.knows(t) {
			err = errors.New("it was offered before")
		}
		if err == nil {
			err = n.judgeEntry(n.ctx, t)
		}
		if err != nil {
			n.endWanted(t.ID, filexfer.ClosedByHost, EndFailed, err.Error())
		}
		n.transfers.change(t.ID, func(x *entry) { x.Entry, x.Tree = t.Entry, t.Tree })
	}
	if t, found := n.transfers.get(e.Offer.ID); !found || t.Ended {
		n.again.Forget(e.Conversation, e.Interaction) // by that it is wanted now, whatever the transfer says
	}
}

// placeOf opens where the bytes of a folder go.
func (n *Node) placeOf(t Transfer) func(context.Context, filexfer.Target) (filexfer.Place, error) {
	return func(ctx context.Context, target filexfer.Target) (filexfer.Place, error) {
		place, err := folder.OpenPlace(ctx, target, folder.Accept{Manifest: t.Manifest, Only: t.only})
		if err != nil {
			return nil, err
		}
		n.transfers.change(t.ID, func(e *entry) { e.place = place })
		return place, nil
	}
}

// holdWanted notes where a wanted file lies that has come. A folder of which only
// some files were wanted is not held.
func (n *Node) holdWanted(t Transfer, tree filexfer.Tree) error {
	if t.Manifest == 0 {
		return n.hold(t, store.Tree{Units: tree.List.Sums})
	}
	place := n.transfers.place(t.ID)
	if len(t.only) > 0 || place == nil || place.Manifest() == nil {
		return nil
	}
	return n.hold(t, store.Tree{Units: tree.List.Sums, Manifest: place.Manifest().Bytes()})
}

// place is where the bytes of a folder go that is coming; nil: of none.
func (b *transferBook) place(id string) *folder.Place {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil {
		return e.place
	}
	return nil
}
