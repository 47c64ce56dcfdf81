package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// GetFile asks the devices of all members of a conversation for a file, until it
// has come from one of them: over restarts, and whenever one appears. file is an
// entry's id, the beginning of one, or a file's displayed name; path as in Accept.
// An offer of it that waits is accepted. A file that lies here already is pointed
// out, or copied to path: then the transfer is Finished at once. It fails with
// ErrNoSpace where the file would leave less than Config.Reserve.
func (n *Node) GetFile(ctx context.Context, ref, file, path string) (Transfer, error) {
	return n.getFile(ctx, ref, file, path, decider{kind: byPerson})
}

func (n *Node) getFile(ctx context.Context, ref, file, path string, by decider) (Transfer, error) {
	m, err := n.findFile(ref, file)
	if err != nil {
		return Transfer{}, err
	}
	if t, found := n.transfers.coming(m.Entry.Conversation, m.Entry.ID); found {
		if t.State == filexfer.AwaitingHost {
			return n.accept(t.ID, path, by, nil)
		}
		return t, nil
	}
	t := n.incoming(m)
	t.Rule = by.rule
	here, missing := n.heldAs(ctx, *m.File, t.Conversation, t.Entry)
	if missing == nil && path == "" {
		h, err := n.held.Get(t.Conversation, t.Entry)
		t.File = h.Path
		return n.ready(t, err)
	}
	target, err := n.target(t, path)
	if err != nil {
		return t, err
	}
	t.goesTo(target)
	if found, err := n.hasArrived(ctx, t); found || err != nil {
		return n.ready(t, err)
	}
	if err := n.hasSpaceFor(t, target); err != nil {
		return t, err
	}
	if missing == nil {
		t.File, err = copyTo(ctx, target, here)
		return n.ready(t, err)
	}
	if err := n.transfers.begin(&entry{Transfer: t, cancel: func() { n.forget(t.ID) }}); err != nil {
		return t, err
	}
	n.want(t.ID)
	t, _ = n.transfers.get(t.ID)
	return t, nil
}

// incoming is the transfer by which the file of a message comes.
func (n *Node) incoming(m logstore.Message) Transfer {
	return Transfer{
		ID: newTransferID(), Direction: Incoming, Conversation: m.Entry.Conversation, Entry: m.Entry.ID,
		Contact: n.called(m.Entry.Account), Account: m.Entry.Account,
		Name: filexfer.SafeName(m.File.DisplayName), Size: m.File.TotalSize, Sum: m.File.SHA3Sum, Tree: m.File.SHA3Tree, Manifest: m.File.Manifest, State: filexfer.Created,
	}
}

// findFile finds a file's entry, by its id or its name.
func (n *Node) findFile(ref, file string) (logstore.Message, error) {
	m, err := n.findMessage(ref, file)
	if errors.Is(err, ErrUnknownEntry) {
		m, err = n.fileCalled(ref, file)
	}
	if err != nil {
		return m, err
	}
	if _, err := fileOf(m); err != nil {
		return m, fmt.Errorf("%w: %q", err, file)
	}
	return m, nil
}

// maxNamed is how many of a conversation's files are searched for a name, the
// newest.
const maxNamed = 10_000

func (n *Node) fileCalled(ref, name string) (found logstore.Message, err error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return found, err
	}
	list, err := n.pageOf(s, logstore.Page{Type: conversation.TypeFile, Limit: maxNamed})
	if err != nil {
		return found, err
	}
	var ids []string
	for _, m := range list {
		if f, err := fileOf(m); err == nil && (f.DisplayName == name || filexfer.SafeName(f.DisplayName) == name) {
			found, ids = m, append(ids, m.Entry.ID.String())
		}
	}
	switch len(ids) {
	case 0:
		return found, fmt.Errorf("%w, and no file has this name: %q", ErrUnknownEntry, name)
	case 1:
		return found, nil
	}
	return found, fmt.Errorf("%w: %d files are called %q: %s", ErrAmbiguous, len(ids), name, strings.Join(ids, " "))
}

// ready notes a transfer for which nothing had to cross.
func (n *Node) ready(t Transfer, err error) (Transfer, error) {
	if err != nil {
		return t, err
	}
	t.State, t.Bytes, t.Ended = filexfer.Finished, t.Size, true
	err = n.transfers.begin(&entry{Transfer: t})
	t, _ = n.transfers.get(t.ID)
	return t, err
}

// hasArrived tells whether the file lies where it is to go: then it is held.
func (n *Node) hasArrived(ctx context.Context, t Transfer) (bool, error) {
	f, err := filexfer.FileFromPath(t.File)
	if err != nil || f.Size != t.Size {
		return false, nil
	}
	tree, same, err := isSummed(ctx, f, t)
	if err != nil || !same {
		return false, err
	}
	return true, n.hold(t, store.Tree{Units: tree.List.Sums})
}

// isSummed tells whether f has the sum of a transfer, by reading it. The tree is zero
// if the transfer has none.
func isSummed(ctx context.Context, f filexfer.File, t Transfer) (tree filexfer.Tree, same bool, err error) {
	if t.Tree == "" {
		sum, err := filexfer.SumFile(ctx, f, nil)
		return tree, sum == t.Sum, err
	}
	tree, err = filexfer.SumTree(ctx, f, nil)
	return tree, tree.Root.String() == t.Tree, err
}

// copyTo puts a copy of a file that lies here where the user wants one, and says
// where that is.
func copyTo(ctx context.Context, target filexfer.Target, f filexfer.File) (string, error) {
	if f.Root != "" {
		return copyTree(ctx, target, f)
	}
	target.Sum = "" // nothing is continued
	sink, err := filexfer.NewFileSink(target)
	if err != nil {
		return "", err
	}
	if err = copySummed(ctx, sink, f); err == nil {
		err = sink.Commit()
	}
	if err != nil {
		return "", errors.Join(err, sink.Abort())
	}
	return sink.Path(), nil
}

// copySummed copies a file of which only the SHA3-512 is known.
func copySummed(ctx context.Context, to io.Writer, f filexfer.File) error {
	sum := sha3.New512()
	err := eachUnit(ctx, f, func(p []byte) error {
		sum.Write(p)
		_, err := to.Write(p)
		return err
	})
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != f.Sum {
		err = filexfer.ErrSource
	}
	return err
}

// copyTree copies a file or a folder that has a tree.
func copyTree(ctx context.Context, target filexfer.Target, f filexfer.File) (string, error) {
	tree, err := f.Tree(ctx)
	if err != nil {
		return "", err
	}
	part, err := filexfer.OpenPart(ctx, target)
	if err != nil {
		return "", err
	}
	sink := part.Range(0, f.Size)
	if err = sink.SetSums(ctx, tree); err == nil {
		err = eachUnit(ctx, f, func(p []byte) error { _, err := sink.Write(p); return err })
	}
	if err == nil {
		err = part.Finish()
	}
	if err != nil {
		return "", errors.Join(err, part.Remove())
	}
	return part.Path(), nil
}

// eachUnit reads a file, in pieces of a unit.
func eachUnit(ctx context.Context, f filexfer.File, take func([]byte) error) error {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	buffer := make([]byte, sha3tree.UnitSize)
	for left := f.Size; left > 0 && err == nil; left -= int64(len(buffer)) {
		buffer = buffer[:min(left, sha3tree.UnitSize)]
		if _, err = io.ReadFull(from, buffer); err == nil {
			err = cmp.Or(ctx.Err(), take(buffer))
		}
	}
	return err
}
