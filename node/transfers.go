package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// transferBook holds all transfers, running and ended. What changes a state is
// stored before it is told; mere progress is not stored.
type transferBook struct {
	store *store.Store
	tell  func(Event)

	mu   sync.Mutex
	list []*entry // oldest first
	byID map[string]*entry
}

// entry is a transfer and, while it runs, the way to stop it.
type entry struct {
	Transfer
	cancel  func()        // nil once ended
	release func()        // gives back what the transfer holds; may be nil
	waiting chan decision // non-nil while an offer waits for the user
	trying  []peer.ID     // the devices of which one is to be reached
}

// maxEnded is how many transfers that have ended are remembered over a restart.
const maxEnded = 10_000

// stoppedReason is why transfers end with the node.
const stoppedReason = "this node stopped while the transfer was under way"

// decision is the user's answer to an offer: a sink, or a refusal.
type decision struct {
	sink filexfer.Sink
	file string // where the sink's file is to lie
	err  error
}

func openTransfers(s *store.Store, contacts *contactBook, tell func(Event)) (*transferBook, error) {
	if _, err := s.PruneTransfers(maxEnded); err != nil {
		return nil, err
	}
	rows, err := s.Transfers()
	if err != nil {
		return nil, err
	}
	b := &transferBook{store: s, tell: tell, byID: map[string]*entry{}}
	for _, row := range rows {
		t, err := transferFromRow(row, contacts.nameOf(row.Account))
		if err != nil {
			return nil, err
		}
		b.addLocked(&entry{Transfer: t})
	}
	return b, b.endInterrupted()
}

// endInterrupted ends what ran when the node last stopped.
func (b *transferBook) endInterrupted() error {
	for _, e := range b.list {
		if e.State.Final() {
			continue
		}
		e.State, e.Code = filexfer.ClosedByHost, EndRestarted
		e.Reason = stoppedReason
		e.Updated = time.Now()
		if err := b.store.PutTransfer(transferToRow(e.Transfer)); err != nil {
			return err
		}
		if e.Direction == Incoming && e.File != "" {
			filexfer.SweepParts(filepath.Dir(e.File), nil) // a folder that is gone needs none
		}
	}
	return nil
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
	if err := b.store.PutTransfer(transferToRow(e.Transfer)); err != nil {
		return err
	}
	b.addLocked(e)
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
	if e == nil || e.State.Final() {
		return
	}
	before := e.Transfer
	f(e)
	if reflect.DeepEqual(e.Transfer, before) {
		return
	}
	e.Updated = time.Now()
	if e.State.Final() {
		e.endLocked()
	}
	if e.State != before.State || e.Path != before.Path || e.File != before.File {
		if err := b.store.PutTransfer(transferToRow(e.Transfer)); err != nil {
			e.Reason = joinReason(e.Reason, fmt.Sprintf("this could not be stored: %v", err))
		}
	}
	t := e.Transfer
	b.tell(Event{Time: t.Updated, Transfer: &t, Phase: phaseOf(before.State, t.State)})
}

func (e *entry) endLocked() {
	if e.release != nil {
		e.release()
	}
	e.cancel, e.release, e.waiting, e.trying = nil, nil, nil, nil
}

func joinReason(reason, more string) string {
	if reason == "" {
		return more
	}
	return reason + "; " + more
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
		if e.State == filexfer.Created && slices.Contains(e.trying, device) {
			t := e.Transfer
			t.Device = device
			list = append(list, t)
		}
	}
	return list
}

// stopAll cancels the running transfers for which match holds.
func (b *transferBook) stopAll(match func(Transfer) bool) {
	for _, t := range b.all() {
		if !match(t) {
			continue
		}
		if _, stop, err := b.stopper(t.ID); err == nil {
			stop()
		}
	}
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

func (n *Node) cancelAll(a conversation.Account) {
	n.transfers.stopAll(func(t Transfer) bool { return t.Account == a })
}

// phase tells a step towards a connection to every transfer that waits for it.
func (n *Node) phase(device peer.ID, p Phase, detail string) {
	for _, t := range n.transfers.connecting(device) {
		n.step(t, p, detail)
	}
}

// observeTransfer takes over what filexfer reports.
func (n *Node) observeTransfer(v filexfer.View) {
	n.transfers.change(v.ID, func(e *entry) {
		e.follow(v)
		if e.State == filexfer.ClosedByHost && n.ctx.Err() != nil {
			e.Code, e.Reason = EndRestarted, stoppedReason
		}
	})
}

func (e *entry) follow(v filexfer.View) {
	e.State, e.Bytes = v.State, v.Bytes
	if v.Sum != "" {
		e.Sum = v.Sum
	}
	if e.Path == nil && v.Conn != nil {
		e.Path = pathOf(v.Conn)
	}
	if v.State == filexfer.Finished && v.Path != "" {
		e.File = v.Path
	}
	if v.State.Final() && v.Err != nil {
		e.Code, e.Reason = endCode(v.Err), v.Err.Error()
	}
}

// fail ends a transfer of which filexfer reported nothing, because it did not
// begin.
func (e *entry) fail(err error) {
	if err == nil {
		return
	}
	e.State, e.Code, e.Reason = filexfer.ClosedByHost, endCode(err), err.Error()
	if ended := new(filexfer.Error); errors.As(err, &ended) {
		e.State = ended.State
	}
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
