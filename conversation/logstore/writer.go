package logstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// writer is one transaction on one conversation. Entries are taken into the book
// first (take), and written some at a time (flush).
type writer struct {
	s   *Store
	c   *conv
	tx  *sql.Tx
	st  statements
	now time.Time

	// taken are not yet written; first is the row of the book that the first of
	// them has. written are the ones before.
	taken, written []*fresh
	first          int
	// places of stored entries that were looked up, and of those taken.
	places map[conversation.ID]*place
	// turned are rows from before those taken whose voidness changed; state says
	// that somebody's status changed, or a device was revoked. changed: so did any of
	// these, for those written.
	turned         map[int]bool
	state, changed bool
	caught         bool // the first catch-up is over
	// rebuilds: the entries are in the table raw already.
	rebuilds bool
	// keys are numbers given here, to be remembered once committed.
	keys map[[32]byte]int64
	// devices are the numbers of those met here.
	devices map[peer.ID]int64
}

// place is what must be known of a parent.
type place struct {
	row   int // of the book; -1: not taken yet
	time  time.Time
	depth int
	void  bool
	// missing: its body is not here. Of stored entries only.
	missing bool
}

// fresh is an entry that was taken and is to be written.
type fresh struct {
	*conversation.Entry
	*place
	rules   membership.Entry
	verdict membership.Verdict
	n       int64
}

// write runs f in a transaction and commits what it took. If anything fails, the
// book is thrown away, for it may know what the file does not.
func (s *Store) write(ctx context.Context, c *conv, f func(w *writer) error) (w *writer, err error) {
	tx, err := s.db.Writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, s.fail("begin", err)
	}
	defer tx.Rollback() // of no effect after Commit
	w = s.newWriter(c, tx)
	before := c.book.Len()
	if err = f(w); err == nil {
		err = w.commit()
	}
	if err != nil {
		if c.book.Len() != before {
			c.forget()
		}
		return nil, err
	}
	w.publish()
	return w, nil
}

func (s *Store) newWriter(c *conv, tx *sql.Tx) *writer {
	return &writer{
		s: s, c: c, tx: tx, st: s.sql.in(tx), now: s.now(),
		first: c.book.Len(), places: map[conversation.ID]*place{}, turned: map[int]bool{}, keys: map[[32]byte]int64{}, devices: map[peer.ID]int64{},
	}
}

func (w *writer) commit() error {
	if err := w.flush(); err != nil {
		return w.s.fail("write conversation "+w.c.id.String(), err)
	}
	return w.s.fail("commit", w.tx.Commit())
}

// flush writes what was taken, and what it changed.
func (w *writer) flush() error {
	w.settle()
	if err := w.store(); err != nil {
		return err
	}
	if w.state {
		w.c.members = w.c.book.Members()
	}
	w.changed = w.changed || w.state || len(w.turned) > 0
	w.written, w.taken, w.first, w.state = append(w.written, w.taken...), nil, w.c.book.Len(), false
	clear(w.turned)
	return nil
}

// publish makes known to others what is committed.
func (w *writer) publish() {
	for key, n := range w.keys {
		w.s.parties.put(n, key)
	}
	w.c.caught = w.c.caught || w.caught
}

// take judges an entry whose signature is right, and makes it the book's next row.
func (w *writer) take(e *conversation.Entry) error {
	rules, err := w.rulesOf(e)
	if err != nil {
		return err
	}
	v, err := w.c.book.Judge(rules)
	if err != nil {
		return invalid(e.ID, err)
	}
	if v.FirstOfDevice != (e.Certificate != nil) {
		return invalid(e.ID, errCertificate)
	}
	row, change, err := w.c.book.Add(rules)
	if err != nil {
		return invalid(e.ID, err)
	}
	_, void := w.c.book.Void(row)
	p := w.placeOf(e)
	p.row, p.void = row, void
	w.taken = append(w.taken, &fresh{Entry: e, place: p, rules: rules, verdict: v})
	w.state = w.state || rules.Action == conversation.Revoke // even if it makes nothing void
	return w.turn(change)
}

var (
	errCertificate = errors.New("the first entry of a device, and no later one, carries its certificate")
	// errStale: an entry that was not stored, for it was void, counts now; the book
	// knows it, the file does not.
	errStale = errors.New("the book knows more than the file")
)

// turn notes what an added entry did to those before it.
func (w *writer) turn(change membership.Change) error {
	w.state = w.state || change.State
	for _, r := range change.Void {
		w.turned[r] = true
	}
	for _, r := range change.Live {
		w.turned[r] = true
		if _, stored := w.c.seq(r); !stored {
			return errStale
		}
	}
	return nil
}

// settle brings up to date what is known of voidness, once all is taken.
func (w *writer) settle() {
	for _, p := range w.places {
		if w.turned[p.row] {
			_, p.void = w.c.book.Void(p.row)
		}
	}
	for row := range w.turned {
		if row >= w.first {
			delete(w.turned, row)
		}
	}
}

// placeOf makes the place of an entry whose parents have theirs.
func (w *writer) placeOf(e *conversation.Entry) *place {
	if p := w.places[e.ID]; p != nil {
		return p
	}
	p := &place{row: -1, time: e.Time, missing: e.Raw.Body == nil}
	for _, id := range e.Parents {
		if parent := w.places[id]; parent != nil {
			p.depth = max(p.depth, parent.depth+1)
		}
	}
	w.places[e.ID] = p
	return p
}

// rulesOf gives what the rules read. The parents must have been taken.
func (w *writer) rulesOf(e *conversation.Entry) (membership.Entry, error) {
	return rulesOf(e, func(id conversation.ID) (int, bool) {
		p := w.places[id]
		if p == nil || p.row < 0 {
			return 0, false
		}
		return p.row, true
	})
}

// rulesOf gives what the rules read of an entry; rowOf knows its parents' rows.
func rulesOf(e *conversation.Entry, rowOf func(conversation.ID) (int, bool)) (membership.Entry, error) {
	r := membership.Entry{Account: e.Account, Device: e.Device, Parents: make([]int, 0, len(e.Parents))}
	for _, id := range e.Parents {
		row, ok := rowOf(id)
		if !ok {
			return r, missingParent(e.ID, id)
		}
		r.Parents = append(r.Parents, row)
	}
	slices.Sort(r.Parents)
	if c := e.Control; c != nil {
		r.Action, r.Target, r.Revoked, r.Mode, r.With = c.Action, c.Target, c.Device, c.Mode, c.With
	}
	return r, nil
}

// locate looks up the places of those of ids that are stored.
func (w *writer) locate(ids []conversation.ID) error {
	from, to := bounds(w.c.key)
	for chunk := range slices.Chunk(ids, idChunk) {
		args := []any{from, to}
		for i := range chunk {
			args = append(args, chunk[i][:])
		}
		err := each(w.tx, func(scan func(...any) error) error {
			var raw sql.RawBytes
			var n, ms int64
			p := new(place)
			if err := scan(&raw, &n, &ms, &p.depth, &p.void, &p.missing); err != nil {
				return err
			}
			id, err := toID(raw)
			p.row, p.time = w.c.row(seqOf(n)), fromMilli(ms)
			w.places[id] = p
			return err
		}, "SELECT id, n, time, depth, void, missing FROM entry WHERE +n >= ? AND +n < ? AND id IN ("+marks(len(chunk))+")", args...)
		if err != nil {
			return w.s.fail("look up entries", database.Explain(err))
		}
	}
	return nil
}

// number gives the number of a key, and one to a key without.
func (w *writer) number(key [32]byte) (int64, error) {
	if n, ok := w.keys[key]; ok {
		return n, nil
	}
	n, err := w.s.numberOf(w.tx, key)
	if n != 0 || err != nil {
		return n, err
	}
	if err := w.st.party.QueryRow(key[:]).Scan(&n); err != nil {
		return 0, err
	}
	w.keys[key] = n
	return n, nil
}
