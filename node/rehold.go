package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/internal/holdings"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// A file's entry has an id only when it is in the log, so that this device holds the
// file from a moment later on. A node that is killed in between has announced a file
// that nobody gives, although it lies here. The transfer is stored before, and tells
// where.

// startHolding holds what was announced from here just before the node was killed.
func (n *Node) startHolding() {
	n.goRun(func() {
		for _, t := range n.transfers.all() {
			if t.Direction != Outgoing || t.Code != EndRestarted || t.Conversation.IsZero() || n.ctx.Err() != nil || n.holds(t) {
				continue
			}
			if err := n.holdAnnounced(n.ctx, t); err != nil && n.ctx.Err() == nil {
				n.log.Warn("a file that was sent from here cannot be got from here", "file", t.File, "error", err)
			}
		}
	})
}

// holds tells whether the file of a transfer is known to have an entry, and held.
func (n *Node) holds(t Transfer) bool {
	_, err := n.held.Get(t.Conversation, t.Entry)
	return err == nil
}

// holdAnnounced holds the file of a transfer that broke off, if it has an entry.
func (n *Node) holdAnnounced(ctx context.Context, t Transfer) error {
	candidates, err := n.announcedUnheld(t)
	if err != nil || len(candidates) == 0 {
		return err
	}
	began := time.Now()
	s, err := sourceAt(ctx, []string{t.File})
	if err != nil {
		return err
	}
	tree, manifest, err := s.sums(ctx)
	if err != nil {
		return err
	}
	for _, m := range candidates {
		if m.File.SHA3Tree == tree.Root.String() {
			return n.holdSource(ctx, t, m.Entry.ID, *m.File, began, &store.Tree{Units: tree.List.Sums, Manifest: manifest})
		}
	}
	return fmt.Errorf("%w: %s", holdings.ErrChanged, t.File)
}

// announcedUnheld gives the entries of this device that may be of a transfer's file, and
// whose file is not held.
func (n *Node) announcedUnheld(t Transfer) (list []logstore.Message, err error) {
	all, err := n.conversations.Messages(t.Conversation, logstore.Page{Type: conversation.TypeFile, Limit: maxNamed})
	if err != nil {
		return nil, unless(logstore.ErrUnknownConversation, err)
	}
	for _, m := range all {
		f, err := fileOf(m)
		if err != nil || m.Entry.Device != n.host.ID() || f.TotalSize != t.Size || filexfer.SafeName(f.DisplayName) != t.Name {
			continue
		}
		if _, err := n.held.Get(t.Conversation, m.Entry.ID); errors.Is(err, holdings.ErrNotHeld) {
			list = append(list, m)
		}
	}
	return list, nil
}

// holdSource remembers where the file of an entry of this device lies.
func (n *Node) holdSource(ctx context.Context, t Transfer, e conversation.ID, f conversation.File, since time.Time, tree *store.Tree) error {
	return n.held.Put(ctx, holdings.Held{
		Conversation: t.Conversation, Entry: e, Path: t.File, Size: t.Size, Sum: f.SHA3Sum, Tree: f.SHA3Tree, Source: true, Since: since,
	}, tree)
}
