package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

// sending is a transfer by code on the side that sends.
type sending struct {
	source
	id   string          // of the transfer
	ctx  context.Context // ends with it
	stop context.CancelCauseFunc

	summed chan struct{} // closed when tree and unsummed are set
	tree   filexfer.Tree
	failed error // why there is no tree

	// Set before it is in oneShots.
	party pairing.Party
	name  oneshot.Name
	met   chan struct{} // closed when the receiver has answered
	once  sync.Once     // closes met
	over  chan struct{} // closed at its end
	err   error         // how that was; set before

	mu   sync.Mutex
	base int64 // bytes that were there when the range began that flows now
}

// newSending begins a transfer that nobody knows the code of yet, and hashes what is
// to be sent.
func (n *Node) newSending(what source) (*sending, error) {
	x := &sending{
		source: what, id: newTransferID(),
		summed: make(chan struct{}), met: make(chan struct{}), over: make(chan struct{}),
	}
	x.ctx, x.stop = context.WithCancelCause(n.ctx)
	e := &entry{cancel: func() { x.stop(filexfer.ErrCancelled) }, Transfer: Transfer{
		ID: x.id, Direction: Outgoing, OneShot: true, Name: filexfer.SafeName(what.file.Name), File: what.path,
		Size: what.file.Size, Manifest: what.file.Manifest, State: filexfer.Created,
	}}
	if err := n.transfers.begin(e); err != nil {
		x.stop(err)
		return nil, err
	}
	n.step(e.Transfer, PhaseSum, "the file's sums are computed")
	if !n.goRun(func() { n.sumSending(x) }) {
		x.stop(ErrClosed)
		return nil, ErrClosed
	}
	return x, nil
}

// sumSending computes the tree of sums; what cannot be read ends the transfer, before
// anybody has used the code for it.
func (n *Node) sumSending(x *sending) {
	defer close(x.summed)
	if x.tree, _, x.failed = x.sums(x.ctx); x.failed != nil {
		if x.ctx.Err() == nil && !errors.Is(x.failed, filexfer.ErrSource) {
			x.failed = fmt.Errorf("%w: %w", filexfer.ErrSource, x.failed)
		}
		x.stop(x.failed)
		return
	}
	n.transfers.change(x.id, func(e *entry) { e.Tree = x.tree.Root.String() })
}

// unpaired ends a transfer whose code came to nothing; nil: it came to something.
func (n *Node) unpaired(x *sending, err error) {
	if err == nil {
		return
	}
	if cause := context.Cause(x.ctx); cause != nil && !errors.Is(err, errStopped) {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		err = filexfer.ErrCancelled // the pairing was, by the user
	}
	n.endSending(x, err)
}

// meetReceiver begins to hand over to the device that has proven the code, and returns
// when it has answered.
func (n *Node) meetReceiver(ctx context.Context, x *sending, e *pairingEntry) error {
	x.party, x.name = e.other, e.name
	n.oneShots.meet(x.party.Device)
	n.oneShots.mu.Lock()
	n.oneShots.sends[x.id] = x
	n.oneShots.mu.Unlock()
	n.transfers.change(x.id, func(t *entry) {
		t.Device, t.release = x.party.Device, n.protect(x.party.Device, x.id)
		t.Parts = []Part{{Device: x.party.Device, State: filexfer.Created, Updated: time.Now()}}
	})
	if !n.goRun(func() { n.handOver(x) }) {
		return ErrClosed
	}
	select {
	case <-x.met:
	case <-x.over:
	case <-ctx.Done():
		err := context.Cause(ctx)
		if errors.Is(err, context.Canceled) {
			err = filexfer.ErrCancelled
		}
		x.stop(err) // unless it has ended, which has stopped x
		<-x.over
	}
	select {
	case <-x.met: // whatever came of it then
		return nil
	default:
		return x.err
	}
}

// handOver sends until the other device has it all, or it cannot be.
func (n *Node) handOver(x *sending) {
	ctx, cancel := context.WithTimeoutCause(x.ctx, handTime, errTooLong)
	defer cancel()
	n.endSending(x, n.handAll(ctx, x))
}

// handAll goes on after each lost connection.
func (n *Node) handAll(ctx context.Context, x *sending) error {
	pause, denials := meetPause, 0
	for {
		at := x.done()
		err := n.handSome(ctx, x)
		if denials++; !isDenial(err) {
			denials = 0
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case denials >= maxDenials:
			return errForgottenThere
		case stopsThere(err):
			return errStoppedThere
		case isFinalByCode(err):
			return err
		}
		if x.done() > at {
			pause = meetPause
		}
		n.lostSight(x, err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
			pause = min(2*pause, introduceMost)
		}
	}
}

// handSome connects, and sends what is missing over that connection; nil: nothing is
// missing any more.
func (n *Node) handSome(ctx context.Context, x *sending) error {
	if err := n.reachParty(ctx, x.party); err != nil {
		return n.explained(x.party.Device, time.Now().Add(-dialTimeout), err)
	}
	var sent []filexfer.Span // over this connection; the device said that it has them
	for {
		o, known := x.offer()
		missing, err := oneshot.Ask(ctx, promptStreams{n.host}, x.party.Device, o)
		if refusal, no := errors.AsType[*oneshot.Refusal](err); no {
			return endThere(refusal.Reason)
		}
		if err != nil && !errors.Is(err, oneshot.ErrLater) {
			return err
		}
		x.once.Do(func() { close(x.met) })
		switch {
		case err == nil && len(missing) == 0:
			return nil
		case !known:
			if err := x.awaitSums(ctx); err != nil {
				return err
			}
			continue
		case err != nil || overlap(sent, missing):
			return fmt.Errorf("%w: it wants again what it was told, or said that it has", filexfer.ErrProtocol)
		}
		if err := n.sendMissing(ctx, x, missing); err != nil {
			return err
		}
		sent = append(sent, missing...)
	}
}

// overlap tells whether some bytes are in ranges of both lists.
func overlap(a, b []filexfer.Span) bool {
	return slices.ContainsFunc(a, func(x filexfer.Span) bool {
		return slices.ContainsFunc(b, func(y filexfer.Span) bool { return x.Start < y.End && y.Start < x.End })
	})
}

// offer is what is sent, as far as it is known.
func (x *sending) offer() (o oneshot.Offer, known bool) {
	o = oneshot.Offer{Name: x.name, Size: x.file.Size, Manifest: x.file.Manifest, FileName: x.file.Name}
	select {
	case <-x.summed:
		o.Root = x.tree.Root
		return o, true
	default:
		return o, false
	}
}

func (x *sending) awaitSums(ctx context.Context) error {
	select {
	case <-x.summed:
		return x.failed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sendMissing offers each range to the device. What else may be missing, it tells when
// it is asked again.
func (n *Node) sendMissing(ctx context.Context, x *sending, missing []filexfer.Span) error {
	whole := x.file
	whole.ID, whole.Conversation, whole.Root = x.id, conversationOf(x.name), x.tree.Root.String()
	whole.Tree = func(context.Context) (filexfer.Tree, error) { return x.tree, nil }
	ctx, stop := n.untilClosing(ctx)
	defer stop()
	for _, r := range missing {
		file, err := whole.Range(r.Start, r.End)
		if err != nil {
			return err
		}
		x.mu.Lock()
		x.base = r.Start
		x.mu.Unlock()
		if _, err := n.files.Send(ctx, x.party.Device, file); err != nil {
			return err
		}
	}
	return nil
}

// untilClosing gives a context that ends with ctx, and tells the other side that this
// node is being stopped if that is why.
func (n *Node) untilClosing(ctx context.Context) (_ context.Context, stop func()) {
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unbind := context.AfterFunc(ctx, func() {
		if n.ctx.Err() != nil {
			cancel(filexfer.ErrClosed)
			return
		}
		cancel(context.Cause(ctx))
	})
	return sending, func() { unbind(); cancel(nil) }
}

// done is where in the file the range began that flowed last.
func (x *sending) done() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.base
}

// followSending takes over what filexfer reports of a range. Its end is for handAll.
func (n *Node) followSending(x *sending, v filexfer.View) {
	if v.State.Final() {
		return
	}
	n.changeSending(x, func(p *Part) {
		if p.State, p.Bytes = v.State, x.done()+v.Bytes; p.Path == nil && v.Conn != nil {
			p.Path = pathOf(v.Conn)
		}
	})
}

// lostSight shows that the device cannot be reached for now.
func (n *Node) lostSight(x *sending, err error) {
	n.changeSending(x, func(p *Part) { p.State, p.Path = filexfer.Created, nil })
	if t, found := n.transfers.get(x.id); found && !t.Ended {
		n.step(t, PhaseLookup, fmt.Sprintf("%s; it goes on when the other device is reached", unreached(err)))
	}
}

// changeSending applies f to the one part, and to the whole.
func (n *Node) changeSending(x *sending, f func(*Part)) {
	n.transfers.change(x.id, func(e *entry) {
		if len(e.Parts) > 0 {
			e.changeOnly(f)
		}
	})
}

// changeOnly applies f to the only part of a transfer, which is like the whole.
func (e *entry) changeOnly(f func(*Part)) {
	p := e.Parts[0]
	if f(&p); p == e.Parts[0] {
		return
	}
	p.Updated = time.Now()
	e.Parts = slices.Clone(e.Parts) // others hold the one that was
	e.Parts[0] = p
	e.State, e.Bytes, e.Path, e.Code, e.Reason = p.State, p.Bytes, p.Path, p.Code, p.Reason
}

// endSending ends a transfer, well if err is nil; the first word counts.
func (n *Node) endSending(x *sending, err error) {
	first := false
	x.mu.Lock()
	select {
	case <-x.over:
	default:
		first, x.err = true, err
		close(x.over)
	}
	x.mu.Unlock()
	if !first {
		return
	}
	if n.ctx.Err() != nil && err != nil {
		err = errStopped
	}
	n.showSent(x, err)
	n.tellReceiver(x, err)
	x.stop(err)
	n.oneShots.mu.Lock()
	delete(n.oneShots.sends, x.id)
	n.oneShots.mu.Unlock()
	if x.party.Device != "" {
		n.leaveDevice(x.party.Device)
	}
}

func (n *Node) showSent(x *sending, err error) {
	end := endOfCode(err)
	n.transfers.change(x.id, func(e *entry) {
		e.State, e.Code, e.Reason, e.Ended = end.state, end.code, end.reason, true
		if err == nil {
			e.Bytes = e.Size
		}
		if len(e.Parts) > 0 {
			e.changeOnly(func(p *Part) { p.State, p.Code, p.Reason, p.Bytes = e.State, e.Code, e.Reason, e.Bytes })
		}
	})
}

// tellTime bounds the word of an end to the other side, which may hear it or not.
const tellTime = 2 * time.Second

// tellReceiver lets a device that waits know why nothing comes any more.
func (n *Node) tellReceiver(x *sending, err error) {
	if err == nil || x.party.Device == "" {
		return
	}
	word := endOfCode(err).word
	if word == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.ctx), tellTime)
	defer cancel()
	if err := oneshot.TellOver(ctx, promptStreams{n.host}, x.party.Device, x.name, word); err != nil {
		n.log.Debug("the other side of a one-shot code was not told of the end", "transfer", x.id, "error", err)
	}
}

// maxDenials is how often in a row a device may reset what is asked before it is
// believed to know nothing of the transfer: it may just have proven the code.
const maxDenials = 3

// isDenial tells whether the other side did not want to answer, rather than could not:
// it resets without a reason.
func isDenial(err error) bool {
	reset, is := errors.AsType[*network.StreamError](err)
	_, of := errors.AsType[*filexfer.Error](err)
	return is && reset.Remote && reset.ErrorCode == network.StreamNoError && !of
}
