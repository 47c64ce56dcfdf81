package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/node/internal/throttle"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
)

// transferBook holds all transfers, running and ended. What changes a state is
// stored before it is told; mere progress is not stored.
type transferBook struct {
	store *store.Store
	tell  func(Event)
	keep  int // of those that have ended, the newest
	// changed is told of every change, after it is stored and before watchers are.
	changed func(before Transfer, e *entry)
	log     *slog.Logger

	limited atomic.Bool // a transfer has had a limit of its own

	mu   sync.Mutex
	list []*entry // oldest first
	byID map[string]*entry
	// offers are the transfers of wanted files by the id of the offer that brings
	// them now.
	offers   map[string]string
	unstored map[string]*entry // of which the store has an earlier state, see unstored.go
}

// entry is a transfer and, while it runs, the way to stop it.
type entry struct {
	Transfer
	meta    filexfer.Meta                                // makes State and Bytes of Parts, see subtransfers.go
	stops   map[peer.ID]func()                           // ends the part of a device
	cancel  func()                                       // nil once ended
	release func()                                       // gives back what the transfer holds; may be nil
	place   *folder.Place                                // where the bytes of a folder go
	waiting chan decision                                // non-nil while an offer waits for the user
	noRoom  bool                                         // a rule would have accepted it, had there been room
	open    func(filexfer.Target) (filexfer.Sink, error) // makes the sink of an offer
	served  bool                                         // a device has asked for the file again
	began   time.Time                                    // the first byte, in this run
	bucket  *throttle.Bucket                             // what all its streams may carry; nil: no limit was ever set
}

// maxEnded is how many transfers that have ended are remembered. When another one begins,
// or the node starts, the oldest beyond these are forgotten.
const maxEnded = 10_000

// stoppedReason is why transfers end with the node.
const stoppedReason = "this node stopped while the transfer was under way"

// decision is the answer to an offer, the user's or a rule's: a sink, or a refusal.
type decision struct {
	sink   filexfer.Sink
	target filexfer.Target // of the sink
	err    error
	by     decider
	reason string // of a refusal, for people here; empty: err's
}

// openTransfers reads what is stored. The conversations must be open.
func (n *Node) openTransfers() error {
	rows, err := n.store.Transfers()
	if err != nil {
		return err
	}
	n.transfers = &transferBook{
		store: n.store, tell: n.hub.publish, keep: maxEnded, changed: n.transferChanged, log: n.log,
		byID: map[string]*entry{}, offers: map[string]string{}, unstored: map[string]*entry{},
	}
	n.onClose("transfers", n.transfers.storeRest)
	for _, row := range rows {
		t, err := n.transferFromRow(row)
		if err != nil {
			return err
		}
		n.transfers.addLocked(&entry{Transfer: t})
	}
	if err := n.transfers.endInterrupted(); err != nil {
		return err
	}
	return n.transfers.forgetOldLocked()
}

// forgetOldLocked forgets those that have ended beyond the newest of them, but for what
// is still to be stored: it counts in a rule's quota.
func (b *transferBook) forgetOldLocked() error {
	var ended []string
	for _, e := range b.list {
		if e.Ended && b.unstored[e.ID] == nil {
			ended = append(ended, e.ID)
		}
	}
	if len(ended) <= b.keep {
		return nil
	}
	old := ended[:len(ended)-b.keep]
	if err := b.store.ForgetTransfers(old); err != nil {
		return err
	}
	for _, id := range old {
		delete(b.byID, id)
	}
	b.list = slices.DeleteFunc(b.list, func(e *entry) bool { return b.byID[e.ID] == nil })
	return nil
}

// endInterrupted ends what ran when the node last stopped. A file of a conversation
// that was accepted goes on being wanted.
func (b *transferBook) endInterrupted() error {
	var ended []*entry
	for _, e := range b.list {
		if e.Ended {
			continue
		}
		before := e.Transfer
		if e.recoverable() {
			e.State = filexfer.Created
		} else {
			e.interrupt()
			ended = append(ended, e)
		}
		e.Updated = time.Now()
		if err := b.store.PutTransfer(transferToRow(e.Transfer)); err != nil {
			return err
		}
		b.changed(before, e)
	}
	for _, e := range ended {
		if e.Direction == Incoming && e.File != "" {
			filexfer.SweepParts(filepath.Dir(e.File), b.keeps) // a folder that is gone needs none
		}
	}
	return nil
}

// interrupt ends a transfer of an earlier run.
func (e *entry) interrupt() {
	e.Parts = slices.Clone(e.Parts)
	for i := range e.Parts {
		if p := &e.Parts[i]; !p.State.Final() {
			p.State, p.Code, p.Reason = filexfer.ClosedByHost, EndRestarted, stoppedReason
		}
	}
	if e.State != filexfer.Finished {
		e.State, e.Code, e.Reason = filexfer.ClosedByHost, EndRestarted, stoppedReason
	}
	e.Ended = true
}

// keeps tells whether the part file of that id will be continued.
func (b *transferBook) keeps(id string) bool {
	e := b.byID[id]
	return e != nil && !e.Ended
}

func (b *transferBook) addLocked(e *entry) {
	b.list = append(b.list, e)
	b.byID[e.ID] = e
}

// begin registers and stores a new transfer.
func (b *transferBook) begin(e *entry) error {
	e.Created = time.Now()
	e.Updated = e.Created
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.byID[e.ID]; known {
		return fmt.Errorf("a transfer with the id %s exists already", e.ID)
	}
	if err := b.forgetOldLocked(); err != nil {
		return err
	}
	if err := b.store.PutTransfer(transferToRow(e.Transfer)); err != nil {
		return err
	}
	b.storeRestLocked()
	b.addLocked(e)
	b.changed(Transfer{}, e)
	t := e.Transfer
	b.tell(Event{Time: t.Created, Transfer: &t})
	return nil
}

// change applies f to a transfer that has not ended, stores it if more than the
// count of bytes changed, and tells it.
func (b *transferBook) change(id string, f func(*entry)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byID[id]
	if e == nil || e.Ended {
		return
	}
	before := e.Transfer
	f(e)
	if e.Direction == Incoming {
		e.Ended = e.State.Final()
	}
	if reflect.DeepEqual(e.Transfer, before) {
		return
	}
	e.Updated = time.Now()
	if e.Ended {
		b.endLocked(e)
	}
	if !e.Transfer.mereProgress(before) {
		b.storeLocked(e)
	}
	b.changed(before, e)
	t := e.Transfer
	b.tell(Event{Time: t.Updated, Transfer: &t, Phase: phaseOf(before.State, t.State)})
}

func (b *transferBook) endLocked(e *entry) {
	if e.release != nil {
		e.release()
	}
	e.cancel, e.release, e.waiting, e.stops, e.open = nil, nil, nil, nil, nil
	maps.DeleteFunc(b.offers, func(_, id string) bool { return id == e.ID })
}

// mereProgress tells whether nothing changed since before but the count of bytes.
func (t Transfer) mereProgress(before Transfer) bool {
	return t.State == before.State && t.Limit == before.Limit && t.Ended == before.Ended && t.Path == before.Path && t.File == before.File &&
		t.Entry == before.Entry && t.Rule == before.Rule && t.Why == before.Why && slices.EqualFunc(t.Parts, before.Parts, func(x, y Part) bool {
		return x.Device == y.Device && x.State == y.State && x.Path == y.Path
	})
}

// phaseOf names the phases that are changes of state.
func phaseOf(before, after filexfer.State) Phase {
	switch {
	case before != filexfer.Ongoing && after == filexfer.Ongoing:
		return PhaseGo
	case after == filexfer.Finished:
		return PhaseVerified
	default:
		return ""
	}
}

func (b *transferBook) get(id string) (Transfer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil {
		return e.Transfer, true
	}
	return Transfer{}, false
}

func (b *transferBook) all() []Transfer {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Transfer, len(b.list))
	for i, e := range b.list {
		list[i] = e.Transfer
	}
	return list
}

// connecting lists the outgoing transfers that wait for a connection to device, as
// if it were the one.
func (b *transferBook) connecting(device peer.ID) (list []Transfer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		for _, p := range e.Parts {
			if p.State == filexfer.Created && p.Device == device {
				t := e.Transfer
				t.Device = device
				list = append(list, t)
			}
		}
	}
	return list
}

// Transfers lists every transfer, running and ended, the newest last.
func (n *Node) Transfers() []Transfer { return n.transfers.all() }

// Transfer finds one.
func (n *Node) Transfer(id string) (Transfer, bool) { return n.transfers.get(id) }

// Cancel stops a transfer of either direction in any state; the other side sees
// it closed by its peer. It returns at once; the end is told as an event.
func (n *Node) Cancel(_ context.Context, id string) (Transfer, error) {
	t, stop, err := n.transfers.stopper(id)
	if err != nil {
		return t, err
	}
	stop()
	return t, nil
}

func (b *transferBook) stopper(id string) (Transfer, func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byID[id]
	switch {
	case e == nil:
		return Transfer{}, nil, fmt.Errorf("%w: %q", ErrUnknownTransfer, id)
	case e.cancel == nil:
		return e.Transfer, nil, fmt.Errorf("%w: %s is %s", ErrNotRunning, id, e.State)
	}
	return e.Transfer, e.cancel, nil
}

// stopWith ends what is sent to or comes from those for whom match holds; what goes
// to others at the same time goes on.
func (b *transferBook) stopWith(match func(conversation.Account, peer.ID) bool) {
	for _, stop := range b.stopsWith(match) {
		stop()
	}
}

func (b *transferBook) stopsWith(match func(conversation.Account, peer.ID) bool) (stops []func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		if e.Direction == Incoming && e.cancel != nil && match(e.Account, e.Device) {
			stops = append(stops, e.cancel)
		}
		for _, p := range e.Parts {
			if stop := e.stops[p.Device]; stop != nil && match(p.Account, p.Device) {
				stops = append(stops, stop)
			}
		}
	}
	return stops
}

func (n *Node) cancelAll(a conversation.Account) {
	n.transfers.stopWith(func(account conversation.Account, _ peer.ID) bool { return account == a })
}

// phase tells a step towards a connection to every transfer that waits for it.
func (n *Node) phase(device peer.ID, p Phase, detail string) {
	for _, t := range n.transfers.connecting(device) {
		n.step(t, p, detail)
	}
}

// endOf is how a transfer has ended that failed with err.
func endOf(err error) (filexfer.State, EndCode, string) {
	state := filexfer.ClosedByHost
	if ended := new(filexfer.Error); errors.As(err, &ended) {
		state = ended.State
	}
	return state, endCode(err), err.Error()
}

// endCodes says which error means which code; the first that matches counts.
var endCodes = []struct {
	err  error
	code EndCode
}{
	{filexfer.ErrRefused, EndRefused},
	{filexfer.ErrCancelled, EndCancelled},
	{filexfer.ErrBadSum, EndBadSum},
	{filexfer.ErrTimeout, EndTimeout},
	{filexfer.ErrUnjoinable, EndUnjoinable},
	{filexfer.ErrStalled, EndLost},
	{filexfer.ErrLost, EndLost},
	{filexfer.ErrSource, EndBadPath},
	{filexfer.ErrNoSpace, EndBadPath},
	{filexfer.ErrNotWritable, EndBadPath},
	{filexfer.ErrExists, EndBadPath},
	{filexfer.ErrClosed, EndRestarted},
}

func endCode(err error) EndCode {
	for _, known := range endCodes {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return EndFailed
}

func newTransferID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// step tells a phase of one transfer.
func (n *Node) step(t Transfer, p Phase, detail string) {
	n.hub.publish(Event{Time: time.Now(), Transfer: &t, Phase: p, Detail: detail})
}
