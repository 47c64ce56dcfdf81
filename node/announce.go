package node

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
)

// sumAtOnce is up to how many bytes a file is hashed with SHA3-512 before it is
// offered: that takes a tenth of a second. The sum of a larger one follows when it
// has been sent, see sums.go; its tree takes a fraction of that.
const sumAtOnce = 16 << 20

// announcement is what becomes of a file in its conversation: its sums, and then
// its entry. A large file is offered meanwhile, and what this finds out follows.
type announcement struct {
	source
	done  chan struct{} // closed when file, tree and err are set
	offer filexfer.File // as it can be offered before
	file  filexfer.File // complete
	tree  filexfer.Tree
	err   error
}

// announce begins to hash the file and to write its entry: from then on this device
// holds it. When it fails, giveUp ends what goes on beside it.
func (n *Node) announce(ctx context.Context, t Transfer, s source, giveUp func()) *announcement {
	a := &announcement{source: s, done: make(chan struct{}), offer: s.file}
	a.offer.ID, a.offer.Conversation = t.ID, t.Conversation.String()
	a.offer.Tree = func(ctx context.Context) (filexfer.Tree, error) {
		select {
		case <-a.done:
			return a.tree, a.err
		case <-ctx.Done():
			return filexfer.Tree{}, context.Cause(ctx)
		}
	}
	n.step(t, PhaseSum, "the file's sums are computed")
	began := n.goRun(func() {
		defer close(a.done)
		if a.err = a.write(ctx, n, t); a.err != nil {
			giveUp()
		}
	})
	if !began {
		a.err = ErrClosed
		close(a.done)
	}
	return a
}

// source is what is sent: a file, or a folder.
type source struct {
	path   string // where it lies
	file   filexfer.File
	folder *folder.Folder // nil: a file
}

// sourceAt looks at what is to be sent.
func sourceAt(ctx context.Context, paths []string) (s source, err error) {
	if len(paths) == 1 {
		if s.path, err = filepath.Abs(paths[0]); err != nil {
			return s, err
		}
		if info, err := os.Stat(s.path); err != nil || !info.IsDir() {
			s.file, err = filexfer.FileFromPath(s.path)
			return s, err
		}
	}
	if s.folder, err = folder.Scan(ctx, folder.Config{}, paths...); err != nil {
		return s, err
	}
	if home, is := homeIn(s.folder.Manifest()); is {
		return s, fmt.Errorf("%w: %s is the home of a passeur account, whose keys would be sent with it; 'passeur export' makes a sealed copy", filexfer.ErrSource, filexfer.Visible(home))
	}
	if s.path = s.folder.Dir; s.path == "" {
		return s, fmt.Errorf("%w: the files lie in several folders; send them one by one, or a folder around them", filexfer.ErrSource)
	}
	s.file = s.folder.File()
	return s, nil
}

// homeIn finds a home in a folder, where it is a slip to send it: a device's key beside
// a node's state.
func homeIn(m *folder.Manifest) (dir string, found bool) {
	keys, states := map[string]bool{}, map[string]bool{}
	for e := range m.All() {
		dir := path.Dir(e.Path)
		switch path.Base(e.Path) {
		case deviceKeyFile:
			keys[dir] = true
		case stateFile:
			states[dir] = true
		default:
			continue
		}
		if keys[dir] && states[dir] {
			return dir, true
		}
	}
	return "", false
}

// sums gives the tree of a source, and a folder's manifest.
func (s source) sums(ctx context.Context) (filexfer.Tree, []byte, error) {
	if s.folder == nil {
		tree, err := filexfer.SumTree(ctx, s.file, nil)
		return tree, nil, err
	}
	list, err := s.folder.List(ctx)
	if err != nil {
		return filexfer.Tree{}, nil, err
	}
	return filexfer.Tree{Root: list.Root(), List: list}, s.folder.Manifest().Bytes(), nil
}

// offerable gives the file as it can be offered now. A small one waits for its sums.
func (a *announcement) offerable() (filexfer.File, error) {
	if a.offer.Size > sumAtOnce {
		select {
		case <-a.done:
		default:
			return a.offer, nil
		}
	}
	<-a.done
	return a.file, a.err
}

// write hashes the file and appends its entry.
func (a *announcement) write(ctx context.Context, n *Node, t Transfer) (err error) {
	began := time.Now()
	a.file = a.offer
	held := &store.Tree{}
	if a.tree, held.Manifest, err = a.sums(ctx); err != nil {
		return stoppedBy(ctx, err)
	}
	held.Units = a.tree.List.Sums
	if a.file.Root = a.tree.Root.String(); t.Size <= sumAtOnce && t.Manifest == 0 {
		if a.file.Sum, err = filexfer.SumFile(ctx, a.offer, nil); err != nil {
			return stoppedBy(ctx, err)
		}
	}
	announced := conversation.File{
		DisplayName: a.file.Name, SHA3Sum: a.file.Sum, SHA3Tree: a.file.Root, TID: newTID(), TotalSize: t.Size, Manifest: t.Manifest,
	}
	e, err := n.conversations.Append(ctx, t.Conversation, n.author(), conversation.TypeFile, announced.Content())
	if err != nil {
		return stoppedBy(ctx, err)
	}
	a.file.Interaction, a.tree.Interaction = e.ID.String(), e.ID.String()
	n.transfers.change(t.ID, func(x *entry) { x.Entry, x.Sum, x.Tree = e.ID, a.file.Sum, a.file.Root })
	err = n.holdSurely(t.File, func() error { return n.holdSource(ctx, t, e.ID, announced, began, held) })
	if err != nil {
		return fmt.Errorf("%w: %w", filexfer.ErrSource, err)
	}
	return nil
}
