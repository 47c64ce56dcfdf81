package logstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Limits of a batch.
const (
	MaxBatch      = 512
	MaxBatchBytes = 1<<20 + conversation.MaxHeader + 64 + conversation.MaxBody // the last one may go beyond 1 MiB
)

// Source is who gives a batch.
type Source struct {
	// Account of the device that gives it; for logs only.
	Account conversation.Account
	// Own: the device is one of this store's account. It is under no quota.
	Own bool
	// Last: nothing follows that could hang on this batch. Only then is what is
	// void and carries nothing live left out. False is always safe.
	Last bool
}

// Result is what became of a batch.
type Result struct {
	// Added are the entries that are stored now, in order.
	Added []conversation.ID
	// Filled are entries that were here without their bodies.
	Filled []conversation.ID
	// Known counts entries that were here already, or came twice.
	Known int
	// Void counts valid entries that were not stored: they do not count, and
	// nothing that counts hangs on them.
	Void int
	// Deferred: some lie too far in the future, or hang on such. Ahead is how far
	// the farthest lies ahead of this device's clock. Ask again later.
	Deferred bool
	Ahead    time.Duration
	// Paused: some were left because quotas are full, or hang on such. Pauses says
	// whose. Ask again later.
	Paused bool
	Pauses []Pause
	// State: somebody's status changed, or what counts of earlier entries, or a
	// device was revoked.
	State bool
}

// Ingest takes entries that another device gave, parents first, at most
// [MaxBatch] and [MaxBatchBytes], and returns when those in the Result are on
// the disk. A conversation that is not here begins with its first entry.
//
// Errors wrap ErrInvalid (with what package conversation or membership says) if
// the giver broke the rules, ErrParent if a parent is neither stored nor earlier
// in the batch, and ErrBatch; the entries before that one are stored. A body
// that is not the one that the header names (conversation.ErrBody) is an
// ErrInvalid, too, but another device may have the right one.
//
// An entry may come without its body. That it was deleted, or does not count, is
// believed of nobody: until its deletion is here, or it is void, it stands among
// the entries of [Store.Lacking], whose bodies are to be asked for elsewhere. A
// body that comes later is stored.
func (s *Store) Ingest(ctx context.Context, id conversation.ID, batch []conversation.Raw, from Source) (Result, error) {
	if err := checkBatch(batch); err != nil {
		return Result{}, err
	}
	entries, bad := decode(batch)
	var r Result
	err := s.retry(func() error {
		return s.use(id, func(c *conv) (err error) {
			r, err = s.ingest(ctx, c, entries, from)
			return err
		})
	})
	s.observe(id, slices.Concat(r.Added, r.Filled), r.State)
	if err == nil {
		err = bad
	}
	return r, err
}

// retry runs f again if it was about a book that knew more than the file.
func (s *Store) retry(f func() error) error {
	err := f()
	if errors.Is(err, errStale) {
		err = f()
	}
	return err
}

func (s *Store) observe(id conversation.ID, added []conversation.ID, state bool) {
	if s.cfg.Observe != nil && (len(added) > 0 || state) {
		s.cfg.Observe(id, added, state)
	}
}

func checkBatch(batch []conversation.Raw) error {
	size := 0
	for _, raw := range batch {
		size += len(raw.Header) + len(raw.Signature) + len(raw.Body)
	}
	if len(batch) > MaxBatch || size > MaxBatchBytes {
		return fmt.Errorf("%w: %d entries of %d bytes", ErrBatch, len(batch), size)
	}
	return nil
}

// ingest runs with the lock of c. What it could not take is in bad.
func (s *Store) ingest(ctx context.Context, c *conv, entries []*conversation.Entry, from Source) (r Result, err error) {
	var bad error
	w, err := s.write(ctx, c, func(w *writer) error {
		in := intake{writer: w, meter: newMeter(w, from), from: from, left: map[conversation.ID]cause{}}
		bad = in.run(ctx, entries)
		if errors.Is(bad, errStale) || isOwnFault(bad) {
			return bad
		}
		r = in.result
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	for _, f := range w.written {
		r.Added = append(r.Added, f.ID)
	}
	r.State = w.changed
	r.Paused = len(r.Pauses) > 0
	s.pauses.set(c.id, r.Pauses)
	return r, bad
}

// isOwnFault tells errors of this device from those of the giver.
func isOwnFault(err error) bool {
	return err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrParent)
}

// intake is a batch on its way through the checks.
type intake struct {
	*writer
	meter  *meter
	from   Source
	left   map[conversation.ID]cause // what is not taken, and why
	result Result
}

// cause is why an entry is not taken although nothing is wrong with it.
type cause int

const (
	tooEarly cause = iota + 1
	tooMuch
	notNeeded // of a banned account beyond its quota
)

// run takes what it can. The checks that cost least come first; signatures are
// verified on all cores, while the rules are asked about those verified.
func (in *intake) run(ctx context.Context, entries []*conversation.Entry) error {
	if err := in.locate(mentioned(entries)); err != nil {
		return err
	}
	screened, bad := in.screen(entries)
	err := in.admit(ctx, screened)
	if err == nil {
		err = bad
	}
	if isOwnFault(err) || errors.Is(err, errStale) {
		return err
	}
	in.spend()
	if in.from.Last && err == nil {
		in.result.Void += in.leave(in.spare)
		in.caught = true
	}
	return err
}

// mentioned are the entries and all their parents, each once.
func mentioned(entries []*conversation.Entry) []conversation.ID {
	seen := map[conversation.ID]bool{}
	var ids []conversation.ID
	for _, e := range entries {
		for _, id := range append([]conversation.ID{e.ID}, e.Parents...) {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// screen gives the entries that are to be verified, up to the first bad one.
func (in *intake) screen(entries []*conversation.Entry) (fit []*conversation.Entry, err error) {
	for _, e := range entries {
		take, err := in.look(e)
		if err != nil {
			return fit, err
		}
		if take {
			in.placeOf(e)
			fit = append(fit, e)
		}
	}
	return fit, nil
}

// look makes the checks that need neither signature nor rules.
func (in *intake) look(e *conversation.Entry) (take bool, err error) {
	if p := in.places[e.ID]; p != nil || in.left[e.ID] != 0 {
		in.result.Known++
		return false, in.fill(e, p)
	}
	if e.Conversation != in.c.id {
		return false, invalid(e.ID, fmt.Errorf("it is of conversation %s", e.Conversation))
	}
	if err := in.lookAtParents(e); err != nil || in.left[e.ID] != 0 {
		return false, err
	}
	if e.Deferred(in.now) {
		in.putOff(e)
		return false, nil
	}
	pause, err := in.meter.admit(e)
	if pause != nil {
		in.pause(e, *pause)
	}
	return err == nil && pause == nil, err
}

func (in *intake) lookAtParents(e *conversation.Entry) error {
	times := make([]time.Time, 0, len(e.Parents))
	for _, id := range e.Parents {
		if why := in.left[id]; why != 0 {
			in.hangsOn(e, why)
			return nil
		}
		p := in.places[id]
		if p == nil {
			return missingParent(e.ID, id)
		}
		times = append(times, p.time)
	}
	if err := e.CheckTime(times...); err != nil {
		return invalid(e.ID, err)
	}
	return nil
}

// hangsOn leaves out what hangs on something that is left out.
func (in *intake) hangsOn(e *conversation.Entry, why cause) {
	switch why {
	case tooEarly:
		in.putOff(e)
	case notNeeded:
		in.pause(e, Pause{Account: e.Account, Reason: PauseEntries})
	default:
		in.left[e.ID] = why
		if len(in.result.Pauses) == 0 {
			in.result.Pauses = append(in.result.Pauses, Pause{Account: e.Account, Reason: PauseEntries})
		}
	}
}

func (in *intake) putOff(e *conversation.Entry) {
	in.left[e.ID] = tooEarly
	in.result.Deferred = true
	in.result.Ahead = max(in.result.Ahead, e.Time.Sub(in.now))
}

// pause leaves out e, and tells of it unless its author is banned: then it would
// be void.
func (in *intake) pause(e *conversation.Entry, p Pause) {
	if in.c.book.Status(e.Account) == membership.Banned {
		in.left[e.ID] = notNeeded
		in.result.Void++
		return
	}
	in.left[e.ID] = tooMuch
	if !slices.ContainsFunc(in.result.Pauses, func(q Pause) bool { return q.Account == p.Account }) {
		in.result.Pauses = append(in.result.Pauses, p)
	}
}

// admit verifies what was screened and takes it, up to the first bad one. Unless
// the batch is the last, and it is decided at its end what is left out, it
// writes while the next signatures are verified.
func (in *intake) admit(ctx context.Context, entries []*conversation.Entry) error {
	check := startVerify(entries)
	defer check.stop()
	for i, e := range entries {
		if err := check.wait(ctx, i); err != nil {
			return err
		}
		if err := in.take(e); err != nil {
			return err
		}
		if len(in.taken) == flushEntries && !in.from.Last {
			if err := in.flush(); err != nil {
				return in.s.fail("write conversation "+in.c.id.String(), err)
			}
		}
	}
	return nil
}

// flushEntries is how many entries are written at once, of a batch.
const flushEntries = 64

// spend takes what was admitted from the token buckets.
func (in *intake) spend() {
	if !in.c.caught || in.from.Own {
		return
	}
	count := map[conversation.Account]int{}
	for _, f := range slices.Concat(in.written, in.taken) {
		if f.Account != in.s.cfg.Self {
			count[f.Account]++
		}
	}
	for a, n := range count {
		in.s.buckets.take(a, n, in.now)
	}
}

// spare tells what is stored though it is void and carries nothing: one's own
// words, what own devices kept, and revocations, which end a device even so.
func (in *intake) spare(f *fresh) bool {
	return in.from.Own || f.Account == in.s.cfg.Self || f.rules.Action == conversation.Revoke
}

func invalid(id conversation.ID, err error) error {
	return fmt.Errorf("%w %s: %w", ErrInvalid, id, err)
}

func missingParent(child, parent conversation.ID) error {
	return fmt.Errorf("%w: entry %s follows %s", ErrParent, child, parent)
}
