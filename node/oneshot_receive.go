package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

// receiving is a transfer by code on the side that receives: from the moment the code
// is entered until the sender knows how it ended.
type receiving struct {
	path string // as the user gave it
	id   string // of the transfer
	ctx  context.Context
	stop context.CancelCauseFunc
	met  chan error    // one slot: the sender has said what it sends, or why nothing
	rest chan struct{} // closed when the sender knows of the end
	once sync.Once     // closes rest

	// Set, once, before it is in oneShots.
	party   pairing.Party
	name    oneshot.Name
	pairing *pairingEntry

	mu    sync.Mutex
	begun bool           // there is a transfer
	offer oneshot.Offer  // what it is of
	part  *filexfer.Part // nil until the sums are known
	ended bool
	err   error // how it ended badly
}

func (n *Node) newReceiving(path string) *receiving {
	x := &receiving{path: path, id: newTransferID(), met: make(chan error, 1), rest: make(chan struct{})}
	x.ctx, x.stop = context.WithCancelCause(n.ctx)
	return x
}

// unpaired gives up what came to no transfer; nil: it came to one, or still may.
func (x *receiving) unpaired(err error) {
	if err != nil {
		x.stop(err)
	}
}

// meetSender waits until the device that has proven the code says what it sends.
func (n *Node) meetSender(ctx context.Context, x *receiving, e *pairingEntry) error {
	n.oneShots.meet(e.other.Device)
	select {
	case err := <-x.met:
		return err
	case <-ctx.Done():
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.begun {
		return nil
	}
	err := context.Cause(ctx)
	x.ended, x.err = true, err
	return err
}

// expected finds what was entered here for that transfer of that device. It waits for a
// code that is just being proven.
func (n *Node) expected(ctx context.Context, device peer.ID, name oneshot.Name) *receiving {
	if x := n.oneShots.receiving(device, name); x != nil {
		return x
	}
	e := n.pairings.await(ctx, func(e *pairingEntry) bool {
		return e.file != nil && e.file.receives != nil && e.other.Device == device && e.name == name
	})
	if e == nil {
		return n.oneShots.receiving(device, name) // begun meanwhile
	}
	x := e.file.receives
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pairing == nil {
		x.party, x.name, x.pairing = e.other, e.name, e
	}
	return x
}

func (b *oneShots) receiving(device peer.ID, name oneshot.Name) *receiving {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.receives[name]; x != nil && x.party.Device == device {
		return x
	}
	return nil
}

// missingByCode answers a device that tells what it sends.
func (n *Node) missingByCode(ctx context.Context, device peer.ID, o oneshot.Offer) ([]filexfer.Span, error) {
	x := n.expected(ctx, device, o.Name)
	if x == nil {
		return nil, errNotExpected
	}
	missing, err := n.missing(ctx, x, o)
	if err != nil && !errors.Is(err, oneshot.ErrLater) {
		n.endReceiving(x, err)
		return nil, &oneshot.Refusal{Reason: x.word()}
	}
	return missing, err
}

// errNotExpected: nobody here waits for a transfer.
var errNotExpected = errors.New("no code for this transfer was entered here")

// missing is what is still to be sent; of what is whole, nothing. An error other than
// oneshot.ErrLater ends the transfer.
func (n *Node) missing(ctx context.Context, x *receiving, o oneshot.Offer) ([]filexfer.Span, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return nil, x.err
	}
	if err := n.beginReceivingLocked(x, o); err != nil {
		return nil, err
	}
	same := x.offer
	same.Root = o.Root
	switch {
	case o != same, x.part != nil && o.Root != x.offer.Root:
		return nil, errOtherFile
	case o.Root == sha3tree.Sum{}:
		return nil, oneshot.ErrLater
	case x.part == nil:
		if err := n.openLocked(ctx, x, o); err != nil {
			return nil, err
		}
	}
	missing := x.part.Missing()
	if len(missing) > 0 {
		return missing, nil
	}
	return nil, n.finishLocked(x)
}

// beginReceivingLocked makes the transfer of what is sent: from here on it is the
// user's to see and to cancel.
func (n *Node) beginReceivingLocked(x *receiving, o oneshot.Offer) error {
	if x.begun {
		return nil
	}
	t := Transfer{
		ID: x.id, Direction: Incoming, OneShot: true, Device: x.party.Device, Name: filexfer.SafeName(o.FileName),
		Size: o.Size, Manifest: o.Manifest, State: filexfer.Created,
	}
	target, err := n.target(t, x.path)
	if err != nil {
		return err
	}
	t.goesTo(target)
	err = n.transfers.begin(&entry{
		Transfer: t, cancel: func() { x.stop(filexfer.ErrCancelled) }, release: n.protect(x.party.Device, x.id),
	})
	if err != nil {
		return err
	}
	x.begun, x.offer = true, o
	n.oneShots.mu.Lock()
	n.oneShots.receives[x.name] = x
	n.oneShots.mu.Unlock()
	if !n.goRun(func() { n.watchReceiving(x) }) {
		return ErrClosed
	}
	n.pairings.step(x.pairing, func() { x.pairing.Transfer = x.id })
	x.met <- nil
	return nil
}

// openLocked makes the part of which the root is known now.
func (n *Node) openLocked(ctx context.Context, x *receiving, o oneshot.Offer) (err error) {
	t, _ := n.transfers.get(x.id)
	target, err := n.target(t, x.path)
	if err != nil {
		return err
	}
	if err := n.HasSpace(target.Dir, o.Size); err != nil {
		return err
	}
	target.Root = o.Root.String()
	if x.part, err = filexfer.OpenPart(ctx, target); err != nil {
		return err
	}
	x.offer.Root = o.Root
	n.transfers.change(x.id, func(e *entry) { e.goesTo(target); e.Tree = target.Root })
	return nil
}

// finishLocked gives the file its name.
func (n *Node) finishLocked(x *receiving) error {
	if err := x.part.Finish(); err != nil {
		return err
	}
	x.ended = true
	n.transfers.change(x.id, func(e *entry) {
		e.State, e.Bytes, e.File = filexfer.Finished, e.Size, x.part.Path()
	})
	x.stop(nil)
	return nil
}

// watchReceiving ends a transfer whose time is over, or that was cancelled; and forgets
// it when the sender knows that it has ended.
func (n *Node) watchReceiving(x *receiving) {
	ctx, cancel := context.WithTimeoutCause(x.ctx, handTime, errTooLong)
	defer cancel()
	<-ctx.Done()
	if n.ctx.Err() != nil {
		return // closeOneShots ends it, when nothing comes any more
	}
	n.endReceiving(x, context.Cause(ctx)) // unless it has ended, which has stopped x
	select {
	case <-x.rest:
	case <-time.After(handRest):
	case <-n.ctx.Done():
	}
	n.oneShots.mu.Lock()
	delete(n.oneShots.receives, x.name)
	n.oneShots.mu.Unlock()
}

// endReceiving ends a transfer badly, if it has not ended; the first word counts.
func (n *Node) endReceiving(x *receiving, err error) {
	if n.ctx.Err() != nil {
		err = errStopped
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	x.ended, x.err = true, err
	if !x.begun {
		x.met <- err
	}
	if x.part != nil {
		if err := x.part.Remove(); err != nil {
			n.log.Warn("an unfinished file may be left", "transfer", x.id, "error", err)
		}
	}
	end := endOfCode(err)
	n.transfers.change(x.id, func(e *entry) { e.State, e.Code, e.Reason = end.state, end.code, end.reason })
	x.stop(err)
	for _, offer := range n.oneShots.bringing(x) {
		n.files.Cancel(offer)
	}
}

// closeOneShots ends what is being received, when the node is closed.
func (n *Node) closeOneShots() error {
	n.oneShots.mu.Lock()
	list := slices.Collect(maps.Values(n.oneShots.receives))
	n.oneShots.mu.Unlock()
	for _, x := range list {
		n.endReceiving(x, errStopped)
	}
	return nil
}

// bringing gives the offers that bring a transfer now.
func (b *oneShots) bringing(x *receiving) (offers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for offer, of := range b.offers {
		if of == x {
			offers = append(offers, offer)
		}
	}
	return offers
}

// word is what the sender is told of an end.
func (x *receiving) word() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return endOfCode(x.err).word
}

// heardByCode: the sender knows of the end.
func (n *Node) heardByCode(device peer.ID, name oneshot.Name) {
	if x := n.oneShots.receiving(device, name); x != nil {
		x.once.Do(func() { close(x.rest) })
	}
}

// overByCode ends what the sender does not send any more.
func (n *Node) overByCode(device peer.ID, name oneshot.Name, word string) error {
	x := n.expected(n.ctx, device, name)
	if x == nil {
		return errNotExpected
	}
	n.endReceiving(x, endThere(word))
	n.heardByCode(device, name)
	return nil
}

// takeByCode makes the sink of an offer that brings a transfer by code; false if o is
// none of such.
func (n *Node) takeByCode(o filexfer.Offer) (filexfer.Sink, bool, error) {
	name, is := nameIn(o.Conversation)
	if !is {
		return nil, false, nil
	}
	x := n.oneShots.receiving(o.From, name)
	if x == nil {
		return nil, true, filexfer.ErrRefused
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.ended || x.part == nil:
		return nil, true, filexfer.ErrRefused
	case o.Root != x.offer.Root.String(), o.Total != x.offer.Size, o.Manifest != x.offer.Manifest:
		return nil, true, &filexfer.Refusal{Reason: "this is not what the code is for"}
	}
	n.oneShots.mu.Lock()
	n.oneShots.offers[o.ID] = x
	n.oneShots.mu.Unlock()
	return &codeSink{RangeSink: x.part.Range(o.Offset, o.Offset+o.Size), node: n, of: x}, true, nil
}

// codeSink takes a range of a transfer by code. The last one gives the file its name.
type codeSink struct {
	*filexfer.RangeSink
	node *Node
	of   *receiving
}

var _ filexfer.TreeSink = (*codeSink)(nil)

// Path is where the file lies once it is whole.
func (k *codeSink) Path() string { return k.of.part.Path() }

// Commit ends the range, and the transfer if nothing is missing any more.
func (k *codeSink) Commit() error {
	if err := k.RangeSink.Commit(); err != nil {
		return err
	}
	x := k.of
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended || len(x.part.Missing()) > 0 {
		return nil
	}
	return k.node.finishLocked(x)
}

// followReceiving takes over what filexfer reports of a range. What breaks off goes on
// when the sender is back; other ends are the transfer's.
func (n *Node) followReceiving(x *receiving, v filexfer.View) {
	switch {
	case v.State == filexfer.Ongoing:
		have := x.part.Have()
		n.transfers.change(x.id, func(e *entry) {
			if e.State, e.Bytes = filexfer.Ongoing, have; e.Path == nil && v.Conn != nil {
				e.Path = pathOf(v.Conn)
			}
		})
	case !v.State.Final() || v.Err == nil:
	case stopsThere(v.Err):
		n.endReceiving(x, errStoppedThere)
	case isFinalByCode(v.Err):
		n.endReceiving(x, v.Err)
	case n.ctx.Err() == nil:
		n.transfers.change(x.id, func(e *entry) { e.State, e.Path = filexfer.Created, nil })
		if t, found := n.transfers.get(x.id); found && !t.Ended {
			n.step(t, PhaseAsk, "the connection was lost; it goes on when the sender is reached")
		}
	}
}
