package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// batch gathers an answer.
type batch struct {
	raws  []conversation.Raw
	bytes int
}

func sizeOf(r conversation.Raw) int { return len(r.Header) + len(r.Signature) + len(r.Body) }

func (b *batch) fits(l Limits) bool { return len(b.raws) < l.Entries && b.bytes < l.Bytes }

func (b *batch) add(r conversation.Raw) {
	b.raws = append(b.raws, r)
	b.bytes += sizeOf(r)
}

// hearEntry adds to the present answer.
func (c *session) hearEntry(m entry) error {
	c.mu.Lock()
	asked := len(c.asked) > 0
	c.mu.Unlock()
	if !asked {
		return broke("an ENTRY that was not asked for")
	}
	if !c.answer.fits(c.service.cfg.Limits) {
		return broke("an answer of more than %d entries or %d bytes", c.service.cfg.Limits.Entries, c.service.cfg.Limits.Bytes)
	}
	c.answer.add(m.raw)
	return nil
}

// hearEnd stores an answer and goes on to the next question.
func (c *session) hearEnd(m end) error {
	t, kind, err := c.closes(m)
	if err != nil {
		return err
	}
	raws := c.answer.raws
	c.answer = batch{}
	if m.more && len(raws) == 0 {
		return broke("an END that promises more for ever")
	}
	last, err := lastOf(raws)
	if err != nil {
		return err
	}
	ahead := c.goesOn(t, m.more, last)
	if raws, err = c.withParents(t, kind, raws); err != nil {
		return err
	}
	got, err := c.ingest(m.conv, raws, kind == wantHistory && !m.more)
	switch {
	case errors.Is(err, ErrParent):
		return broke("%w", err)
	case err != nil:
		return err
	case ahead:
		return c.took(t, got)
	}
	return c.came(t, kind, m.more, last, got)
}

// goesOn asks for the next part of a series while this one is being stored, if
// that may be.
func (c *session) goesOn(t *talk, more bool, last conversation.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent.add(last)
	if !t.pull.ahead(more, last) {
		return false
	}
	c.hasLocked(t)
	return true
}

// took takes what a part in the middle of a series brought into the talk.
func (c *session) took(t *talk, got Ingested) error {
	c.mu.Lock()
	news := t.pull.took(got)
	c.putOffLocked(t, news)
	c.mu.Unlock()
	c.tellTrouble(t.conv, news)
	return nil
}

// closes finds the question that END ends: the oldest.
func (c *session) closes(m end) (*talk, wantKind, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.asked) == 0 || c.asked[0].conv != m.conv {
		return nil, 0, broke("an END out of turn, for conversation %s", m.conv)
	}
	t := c.asked[0]
	c.asked = c.asked[1:]
	return t, t.pull.flying, nil
}

// withParents leaves out what hangs on entries that were left out earlier in the
// series, which is no fault of the other side.
func (c *session) withParents(t *talk, kind wantKind, raws []conversation.Raw) ([]conversation.Raw, error) {
	c.mu.Lock()
	left := t.pull.left && kind == wantHistory
	c.mu.Unlock()
	if !left || len(raws) == 0 {
		return raws, nil
	}
	entries := make([]*conversation.Entry, len(raws))
	var mentioned []conversation.ID
	for i, raw := range raws {
		e, err := conversation.Decode(raw)
		if err != nil {
			return nil, broke("%w: %w", ErrInvalid, err)
		}
		entries[i] = e
		mentioned = append(mentioned, e.Parents...)
	}
	unknown, err := c.unknown(t.conv, mentioned)
	if err != nil {
		return nil, err
	}
	return keepRooted(entries, unknown), nil
}

// keepRooted gives the entries whose parents are not among unknown, or come
// before them.
func keepRooted(entries []*conversation.Entry, unknown []conversation.ID) (kept []conversation.Raw) {
	lost := make(map[conversation.ID]bool, len(unknown))
	for _, id := range unknown {
		lost[id] = true
	}
	isLost := func(id conversation.ID) bool { return lost[id] }
	for _, e := range entries {
		if !slices.ContainsFunc(e.Parents, isLost) {
			delete(lost, e.ID)
			kept = append(kept, e.Raw)
		}
	}
	return kept
}

// lastOf gives the id of the last entry of an answer.
func lastOf(raws []conversation.Raw) (conversation.ID, error) {
	if len(raws) == 0 {
		return conversation.ID{}, nil
	}
	e, err := conversation.Decode(raws[len(raws)-1])
	if err != nil {
		return conversation.ID{}, broke("%w: %w", ErrInvalid, err)
	}
	return e.ID, nil
}

// ingest stores entries; last: none follow that may hang on them. An error ends the stream; it is ErrProtocol if the
// other side is to blame, and may be ErrParent.
func (c *session) ingest(conv conversation.ID, raws []conversation.Raw, last bool) (Ingested, error) {
	if len(raws) == 0 || !c.service.cfg.Accepts(c.device, conv) {
		return Ingested{}, nil
	}
	got, err := c.service.cfg.Log.Ingest(c.ctx, conv, raws, c.source, last)
	if got.Added > 0 {
		c.service.cfg.Observe(Event{Kind: Received, Device: c.device, Conversation: conv, Entries: got.Added})
	}
	switch {
	case err == nil, errors.Is(err, ErrParent):
		return got, err
	case errors.Is(err, ErrInvalid):
		return got, broke("conversation %s: %w", conv, err)
	case c.ctx.Err() != nil:
		return got, context.Cause(c.ctx)
	}
	return got, failed("storing entries", conv, err)
}

// came takes what the last part of an answer brought into the talk.
func (c *session) came(t *talk, kind wantKind, more bool, last conversation.ID, got Ingested) error {
	if kind == wantBodies {
		return c.filled(t, more, last)
	}
	c.mu.Lock()
	news := t.pull.came(more, last, got, time.Now(), c.service.cfg.Limits.Retry)
	c.putOffLocked(t, news)
	var common []conversation.ID
	if !t.pull.left && !t.pull.lacks() {
		common = t.pull.listed
	}
	c.hasLocked(t)
	c.settleLocked()
	c.mu.Unlock()
	c.tellTrouble(t.conv, news)
	if len(common) == 0 {
		return nil
	}
	if err := c.service.cfg.Log.SetCommon(c.device, t.conv, common); err != nil {
		return failed("remembering heads", t.conv, err)
	}
	return nil
}

// filled takes an answer of bodies into the talk.
func (c *session) filled(t *talk, more bool, last conversation.ID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.pull.filled(more, last) {
		return broke("bodies that were not asked for")
	}
	c.hasLocked(t)
	c.settleLocked()
	return nil
}

// trouble is why not all of a batch was taken.
func (g Ingested) trouble() error {
	switch {
	case g.Paused:
		return ErrPaused
	case g.Deferred:
		return ErrDeferred
	}
	return nil
}

// putOffLocked says NO if need be, and makes the writer look again in time.
func (c *session) putOffLocked(t *talk, why error) {
	if errors.Is(why, ErrPaused) {
		t.say = reasonPaused
	}
	c.scheduleLocked(t)
}

func (c *session) tellTrouble(conv conversation.ID, why error) {
	kinds := map[error]Kind{ErrPaused: Paused, ErrDeferred: Deferred}
	if why != nil {
		c.service.cfg.Observe(Event{Kind: kinds[why], Device: c.device, Conversation: conv, Err: why})
	}
}

// hearNew stores a pushed entry. One whose parents are not here is asked for.
func (c *session) hearNew(m fresh) error {
	e, err := conversation.Decode(m.raw)
	if err != nil {
		return broke("%w: %w", ErrInvalid, err)
	}
	c.mu.Lock()
	c.recent.add(e.ID)
	c.mu.Unlock()
	if !c.service.cfg.Accepts(c.device, m.conv) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.refuseLocked(m.conv, 0)
	}
	got, err := c.ingest(m.conv, []conversation.Raw{m.raw}, true)
	orphan := errors.Is(err, ErrParent)
	if err != nil && !orphan {
		return err
	}
	why := got.trouble()
	if why != nil || orphan {
		c.missed(m.conv, e.ID, why)
	}
	c.tellTrouble(m.conv, why)
	return nil
}

// missed notes a pushed entry that could not be stored by itself.
func (c *session) missed(conv, id conversation.ID, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.talkLocked(conv)
	if t == nil {
		return
	}
	if why == nil {
		t.pull.hear([]conversation.ID{id}, false)
	} else {
		t.pull.block(why, []conversation.ID{id}, time.Now(), c.service.cfg.Limits.Retry)
		c.putOffLocked(t, why)
	}
	c.hasLocked(t)
}
