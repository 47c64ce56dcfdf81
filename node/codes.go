package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

// Guard lines: what pairing needs.
var _ pairing.Inboxes = (*signalling.Service)(nil)

const (
	// meetTimeout is how long two devices that have proven themselves to each other
	// may take to do what the code was for.
	meetTimeout = 2 * time.Minute
	// meetPause is between attempts.
	meetPause = time.Second
	// provenWait is how long one who may be about to be proven is kept waiting.
	provenWait = 10 * time.Second
	// maxPairings is how many that have ended are remembered.
	maxPairings = 32
)

// errStopped is why pairings end with the node.
var errStopped = errors.New("this node stopped in the middle")

// pairingBook holds the pairings of this run.
type pairingBook struct {
	tell func(Event)

	mu      sync.Mutex
	list    []*pairingEntry // guarded by mu; oldest first
	changed chan struct{}   // guarded by mu: closed, and replaced, at every change
}

// pairingEntry is a pairing and what it needs while it runs. What lies below met is
// guarded by the book.
type pairingEntry struct {
	role   pairing.Role
	keeper bool   // linking: the account key is handed over too
	alias  string // a contact's name as the user chose it, may be empty
	code   pairing.Code
	file   *fileCode     // what a file's code is for; nil: it is another one's
	began  chan struct{} // closed when others can enter the code
	over   chan struct{} // closed when nothing of it runs any more
	met    chan error    // one slot: how that ended for which the other device came here

	Pairing
	cancel context.CancelFunc
	other  pairing.Party // once proven
	name   oneshot.Name  // once proven: of a file's code, what it is for
	served bool          // linking: the other has had its hand-over
}

func newPairingBook(tell func(Event)) *pairingBook {
	return &pairingBook{tell: tell, changed: make(chan struct{})}
}

// begin adds a pairing; pairing.ErrLive if another one has its place, pairing.ErrFull
// if pairing.MaxFiles others for files have.
func (b *pairingBook) begin(e *pairingEntry) error {
	e.ID, e.began, e.over, e.met = newTransferID(), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	live := 0
	for _, other := range b.list {
		if other.competes(e) && !other.State.Ended() {
			live++
		}
	}
	switch {
	case e.file == nil && live > 0:
		return pairing.ErrLive
	case live >= pairing.MaxFiles:
		return pairing.ErrFull
	}
	if i := slices.IndexFunc(b.list, func(e *pairingEntry) bool { return e.State.Ended() }); i >= 0 && len(b.list) > maxPairings {
		b.list = slices.Delete(b.list, i, i+1)
	}
	b.list = append(b.list, e)
	b.tellLocked(e)
	return nil
}

// competes tells whether e and other take the same places.
func (e *pairingEntry) competes(other *pairingEntry) bool {
	return e.role == other.role && (e.file == nil) == (other.file == nil)
}

// ending lists the pairings before e that have ended, and may still have its place.
func (b *pairingBook) ending(e *pairingEntry) (list []*pairingEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, old := range b.list[:max(slices.Index(b.list, e), 0)] {
		if old.competes(e) && old.State.Ended() {
			list = append(list, old)
		}
	}
	return list
}

// meet says how that ended for which the other device came here; the first word
// counts.
func (e *pairingEntry) meet(err error) {
	select {
	case e.met <- err:
	default:
	}
}

// step changes a pairing that has not ended, and tells it.
func (b *pairingBook) step(e *pairingEntry, change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.State.Ended() {
		return
	}
	change()
	b.tellLocked(e)
}

func (b *pairingBook) tellLocked(e *pairingEntry) {
	close(b.changed)
	b.changed = make(chan struct{})
	p := e.Pairing
	b.tell(Event{Time: time.Now(), Pairing: &p})
}

// finish ends a pairing, well if err is nil.
func (b *pairingBook) finish(e *pairingEntry, err error) {
	b.step(e, func() {
		switch {
		case err == nil:
			e.State = PairDone
		case errors.Is(err, filexfer.ErrCancelled):
			e.State = PairCancelled
		default:
			e.State, e.Err, e.Reason = PairFailed, err, err.Error()
		}
	})
}

func (b *pairingBook) snapshot(e *pairingEntry) Pairing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.Pairing
}

// observe takes over what the exchange reports.
func (b *pairingBook) observe(v pairing.Event) {
	e := b.live(v.Role, v.Code)
	if e == nil {
		return
	}
	switch v.Phase {
	case pairing.Waiting:
		close(e.began)
	case pairing.Exchange:
		b.step(e, func() { e.State = PairExchange })
	}
}

// live gives the pairing under way by the code.
func (b *pairingBook) live(r pairing.Role, c pairing.Code) *pairingEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range slices.Backward(b.list) {
		if e.role == r && e.code == c && !e.State.Ended() {
			return e
		}
	}
	return nil
}

// proven notes who the other is.
func (b *pairingBook) proven(e *pairingEntry, r pairing.Result) {
	b.step(e, func() {
		e.State, e.other, e.Verifier = PairConnect, r.Other, strings.Join(r.Verifier[:], " ")
		e.name = r.Transfer
	})
}

// guest gives the pairing under way that has proven the device. While one may be
// about to, it waits for that: the other side is told first.
func (b *pairingBook) guest(ctx context.Context, device peer.ID) *pairingEntry {
	return b.await(ctx, func(e *pairingEntry) bool { return e.other.Device == device })
}

// guestFor is guest for one purpose.
func (b *pairingBook) guestFor(ctx context.Context, p PairingPurpose, device peer.ID) *pairingEntry {
	return b.await(ctx, func(e *pairingEntry) bool { return e.Purpose == p && e.other.Device == device })
}

// await gives the pairing under way that has proven somebody, and for which match
// holds; it waits as guest does.
func (b *pairingBook) await(ctx context.Context, match func(*pairingEntry) bool) *pairingEntry {
	ctx, cancel := context.WithTimeout(ctx, provenWait)
	defer cancel()
	for {
		e, maybe, changed := b.now(match)
		if e != nil || !maybe {
			return e
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// now tells also whether a pairing is under way that has proven nobody yet.
func (b *pairingBook) now(match func(*pairingEntry) bool) (e *pairingEntry, maybe bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		switch e.State {
		case PairConnect:
			if match(e) {
				return e, false, b.changed
			}
		case PairExchange:
			maybe = true
		}
	}
	return nil, maybe, b.changed
}

// Pairings lists those of this run, newest last.
func (n *Node) Pairings() []Pairing {
	n.pairings.mu.Lock()
	defer n.pairings.mu.Unlock()
	list := make([]Pairing, len(n.pairings.list))
	for i, e := range n.pairings.list {
		list[i] = e.Pairing
	}
	return list
}

// CancelPairing ends one; its code is burnt.
func (n *Node) CancelPairing(id string) (Pairing, error) {
	n.pairings.mu.Lock()
	i := slices.IndexFunc(n.pairings.list, func(e *pairingEntry) bool { return e.ID == id })
	if i < 0 {
		n.pairings.mu.Unlock()
		return Pairing{}, fmt.Errorf("%w: %q", ErrUnknownPairing, id)
	}
	e := n.pairings.list[i]
	n.pairings.mu.Unlock()
	err := ErrPairingEnded
	n.pairings.step(e, func() { e.State, err = PairCancelled, nil })
	e.cancel()
	return n.pairings.snapshot(e), err
}

// startPairings is the pairings' part of starting the node.
func (n *Node) startPairings() (err error) {
	n.codes, err = pairing.New(pairing.Config{
		Inboxes: n.signals, Memory: pairing.NewLedger(n.store), Observe: n.pairings.observe, Logger: n.logger("pairing"),
	})
	if err != nil {
		return err
	}
	n.onClose("pairing", n.codes.Close)
	return nil
}

// pair begins a pairing: the exchange, and then meet with the party that it has
// proven. It returns when the code is shown, or was entered.
func (n *Node) pair(e *pairingEntry, code pairing.Code, meet func(context.Context, *pairingEntry) error) (Pairing, error) {
	ctx, cancel := context.WithCancel(e.file.within(n.ctx))
	e.code, e.cancel = code, cancel
	if err := n.pairings.begin(e); err != nil {
		cancel()
		return Pairing{}, err
	}
	started := n.goRun(func() {
		defer close(e.over)
		defer cancel()
		for _, old := range n.pairings.ending(e) { // one that was cancelled takes a moment
			<-old.over
		}
		err := n.exchange(ctx, e, code, meet)
		if n.ctx.Err() != nil && err != nil {
			err = errStopped
		}
		n.pairings.finish(e, err)
		e.file.paired(err)
	})
	if !started {
		cancel()
		return Pairing{}, ErrClosed
	}
	if e.role == pairing.Shows {
		n.awaitShown(e)
	}
	p := n.pairings.snapshot(e)
	return p, p.Err
}

// awaitShown returns when others can enter the code, or it cannot be shown.
func (n *Node) awaitShown(e *pairingEntry) {
	for {
		_, _, changed := n.pairings.now(func(*pairingEntry) bool { return false })
		if n.pairings.snapshot(e).State.Ended() {
			return
		}
		select {
		case <-e.began:
			return
		case <-changed:
		}
	}
}

func (n *Node) exchange(ctx context.Context, e *pairingEntry, code pairing.Code, meet func(context.Context, *pairingEntry) error) error {
	self := n.party()
	use := func(ctx context.Context, c pairing.Code, self pairing.Party) (pairing.Result, error) {
		return n.codes.ShowFor(ctx, c, self, e.file.lifetime())
	}
	if e.role == pairing.Enters {
		use = n.codes.Enter
		if e.Purpose == PairLink {
			self.Account = [32]byte{} // it is about to have another one
		}
	}
	result, err := use(ctx, code, self)
	if err != nil {
		return err
	}
	n.pairings.proven(e, result)
	ctx, cancel := context.WithTimeoutCause(ctx, meetTimeout, ErrNotMet)
	defer cancel()
	return meet(ctx, e)
}

// party is who this device is, for the other side of a pairing.
func (n *Node) party() pairing.Party {
	return pairing.Party{Device: n.keys.id, Account: n.keys.account, Name: n.keys.name, Addrs: n.host.Addrs()}
}

// reachParty connects to a device that a code has proven: by the addresses that it
// gave, which is how it goes on a LAN, or over ICE.
func (n *Node) reachParty(ctx context.Context, p pairing.Party) error {
	clearDialBackoff(n.host, p.Device)
	addrs := []multiaddr.Multiaddr{icetcp.Addr}
	for _, a := range p.Addrs {
		if transport, id := peer.SplitAddr(a); transport != nil && (id == "" || id == p.Device) {
			addrs = append(addrs, transport)
		}
	}
	n.host.Peerstore().AddAddrs(p.Device, addrs, peerstore.TempAddrTTL)
	return connectWithin(ctx, n.host, peer.AddrInfo{ID: p.Device, Addrs: addrs}, dialTimeout)
}

// again waits between attempts; false if ctx has ended.
func again(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(meetPause):
		return true
	}
}
