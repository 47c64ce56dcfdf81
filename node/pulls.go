package node

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// pullIdle is how long a device may ask for nothing more of a file before that is
// taken for the end.
const pullIdle = 5 * time.Second

// pulls sends the files that devices ask for. A device may pull one in many ranges,
// several at a time; to people each is one transfer, which they see from the first
// byte on.
type pulls struct {
	n *Node

	mu    sync.Mutex
	by    map[pullKey]*pull
	byID  map[string]*pull
	close bool
}

// pullKey says who pulls which file.
type pullKey struct {
	device                    peer.ID
	conversation, interaction string
}

type pull struct {
	key      pullKey
	transfer Transfer
	shown    bool
	live     int             // ranges that are being sent
	sent     map[int64]int64 // bytes, by where their range begins
	last     filexfer.View   // of the range that ended last
	idle     *time.Timer     // runs while nothing is sent
}

func newPulls(n *Node) *pulls {
	return &pulls{n: n, by: map[pullKey]*pull{}, byID: map[string]*pull{}}
}

// Send offers a range of a file to a device that has asked for it.
func (b *pulls) Send(ctx context.Context, to peer.ID, f filexfer.File) (filexfer.View, error) {
	x := b.begin(to, f)
	f.ID = x.transfer.ID
	release := b.n.protect(to, f.ID)
	v, err := b.n.files.Send(ctx, to, f)
	release()
	b.end(x, v, f.Offset+f.Size == x.transfer.Size)
	return v, err
}

// begin finds the transfer that a range belongs to, or makes it.
func (b *pulls) begin(to peer.ID, f filexfer.File) *pull {
	key := pullKey{to, f.Conversation, f.Interaction}
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.by[key]
	if x == nil {
		x = &pull{key: key, transfer: b.n.pulled(to, f), sent: map[int64]int64{}}
		b.by[key], b.byID[x.transfer.ID] = x, x
	}
	if x.live++; x.idle != nil {
		x.idle.Stop()
		x.idle = nil
	}
	return x
}

// pulled is the transfer by which a file goes to somebody who asked for it.
func (n *Node) pulled(to peer.ID, f filexfer.File) Transfer {
	account, _ := n.accountOf(to)
	t := Transfer{
		ID: newTransferID(), Direction: Outgoing, Contact: n.called(account), Account: account,
		Name: filexfer.SafeName(f.Name), Size: max(f.Total, f.Offset+f.Size), Sum: f.Sum, Tree: f.Root, Manifest: f.Manifest,
		State: filexfer.Created,
	}
	t.Conversation, _ = conversation.ParseID(f.Conversation) // rerequest has read them
	t.Entry, _ = conversation.ParseID(f.Interaction)
	if h, err := n.held.Get(t.Conversation, t.Entry); err == nil {
		t.File = h.Path
	}
	return t
}

// follow takes over what filexfer reports of a range; false if v is of none.
func (b *pulls) follow(v filexfer.View) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.byID[v.ID]
	if x == nil {
		return false
	}
	if x.sent[v.Offset] = v.Bytes; v.State == filexfer.Ongoing {
		b.showLocked(x, v)
	}
	return true
}

// showLocked tells people about a pull whose bytes flow.
func (b *pulls) showLocked(x *pull, v filexfer.View) {
	if !x.shown {
		id := x.transfer.ID
		if b.n.transfers.begin(&entry{Transfer: x.transfer, served: true, cancel: func() { b.n.files.Cancel(id) }}) != nil {
			return // it goes on without being shown
		}
		x.shown = true
		b.n.transfers.addParts(id, []Part{{Device: v.Peer, Account: x.transfer.Account, Contact: x.transfer.Contact}})
	}
	v.Bytes = 0
	for _, sent := range x.sent {
		v.Bytes += sent
	}
	v.Bytes = min(v.Bytes, x.transfer.Size) // the last units may go twice
	b.n.transfers.changePart(v.ID, v.Peer, conversation.Account{}, func(p *Part) { p.follow(v) })
}

// end notes the end of a range. toEnd: the file's last bytes were in it, so that
// nothing more is expected.
func (b *pulls) end(x *pull, v filexfer.View, toEnd bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x.last = v
	if x.live--; x.live > 0 {
		return
	}
	if toEnd || v.Err != nil || b.close {
		b.finishLocked(x)
		return
	}
	x.idle = time.AfterFunc(pullIdle, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if x.live == 0 {
			b.finishLocked(x)
		}
	})
}

// finishLocked ends the transfer as its last range did.
func (b *pulls) finishLocked(x *pull) {
	if b.byID[x.transfer.ID] != x {
		return
	}
	delete(b.by, x.key)
	delete(b.byID, x.transfer.ID)
	if !x.shown {
		return
	}
	v := x.last
	b.n.transfers.changePart(x.transfer.ID, v.Peer, conversation.Account{}, func(p *Part) {
		v.Bytes = p.Bytes
		if p.follow(v); p.State == filexfer.ClosedByHost && b.n.ctx.Err() != nil {
			p.Code, p.Reason = EndRestarted, stoppedReason
		}
	})
	b.n.transfers.endSending(x.transfer.ID, nil)
}

// Close ends what waits. Nothing is being sent any more.
func (b *pulls) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close = true
	for _, x := range b.by {
		if x.idle != nil {
			x.idle.Stop()
		}
		b.finishLocked(x)
	}
	return nil
}
