package node

import (
	"context"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/holdings"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// The SHA3-512 of a large file, which people can check with openssl, cannot be split
// and takes seconds a GiB. So it follows the file: it is computed by the device that
// sent it, when nothing has crossed for a while, and appended to the conversation as
// an edit.

// sumAfter is how long nothing must have been sent or received for that. The next
// file is not to wait for a processor.
const sumAfter = time.Minute

// startSums goes on with the files whose sum was not known when the node last
// stopped.
func (n *Node) startSums() {
	n.sumLater()
	n.goRun(func() {
		pause := time.NewTimer(sumAfter)
		defer pause.Stop()
		for {
			select {
			case <-n.sumsDue:
				pause.Reset(sumAfter)
			case <-pause.C:
				n.sumAll()
			case <-n.ctx.Done():
				return
			}
		}
	})
}

// sumLater has the files looked at, in a while, whose sum is not known.
func (n *Node) sumLater() {
	select {
	case n.sumsDue <- struct{}{}:
	default:
	}
}

func (n *Node) sumAll() {
	all, err := n.held.List(n.ctx)
	if err != nil {
		n.log.Warn("which files have no SHA3-512 is not known", "error", err)
	}
	for _, h := range all {
		if h.Source && h.Sum == "" && h.State == holdings.Here {
			if err := n.sum(h); err != nil && n.ctx.Err() == nil {
				n.log.Warn("a file's SHA3-512 is not in its conversation", "file", h.Path, "error", err)
			}
		}
	}
}

// sum appends the sum of a file of this device, if it is not there yet.
func (n *Node) sum(h holdings.Held) error {
	m, err := n.conversations.Message(h.Conversation, h.Entry)
	if err != nil {
		return err
	}
	announced, err := fileOf(m)
	if err != nil || announced.SHA3Sum != "" || announced.Manifest > 0 || m.Entry.Account != n.keys.account {
		return nil
	}
	file, err := n.held.File(n.ctx, h.Conversation, h.Entry)
	if err != nil {
		return err
	}
	sum, err := filexfer.SumFile(n.ctx, file, func(int64) { n.awaitQuiet(n.ctx) })
	if err != nil {
		return err
	}
	edit := conversation.File{Edit: h.Entry, SHA3Sum: sum, TotalSize: h.Size}.Content()
	_, err = n.conversations.Append(n.ctx, h.Conversation, n.author(), conversation.TypeFile, edit)
	return err
}

// quietCheck is how often it is looked whether something crosses.
const quietCheck = 100 * time.Millisecond

// awaitQuiet returns when no file crosses, or when ctx ends.
func (n *Node) awaitQuiet(ctx context.Context) {
	if !n.transfers.busy() {
		return
	}
	look := time.NewTicker(quietCheck)
	defer look.Stop()
	for n.transfers.busy() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// busy tells whether the bytes of any file are crossing.
func (b *transferBook) busy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		if !e.Ended && e.State == filexfer.Ongoing {
			return true
		}
	}
	return false
}
