package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// awaitHello reads the first message, which must be HELLO.
func (c *session) awaitHello() error {
	c.stream.SetReadDeadline(time.Now().Add(c.service.cfg.Limits.Hello))
	m, err := c.frames.read()
	if err != nil {
		return suffered(err)
	}
	h, ok := m.(hello)
	if !ok {
		return broke("%T instead of HELLO", m)
	}
	c.stream.SetReadDeadline(time.Time{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hello, c.greeted, c.follow = h, true, h.follow
	return nil
}

// read does what the other side says until the stream ends.
func (c *session) read() error {
	if !c.isGreeted() {
		if err := c.awaitHello(); err != nil {
			return c.reading(err)
		}
	}
	c.introduce()
	for {
		c.touch()
		m, err := c.frames.read()
		if errors.Is(err, errSkipped) {
			continue
		}
		if err != nil {
			return c.reading(suffered(err))
		}
		if err := c.hear(m); err != nil {
			return c.reading(err)
		}
	}
}

// reading puts the reason of an end that we wanted before what the stream says.
func (c *session) reading(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropping {
		return errDropped
	}
	return err
}

// introduce tells Observe of a stream that stands.
func (c *session) introduce() {
	c.mu.Lock()
	known := c.known
	c.known = true
	c.settleLocked()
	c.mu.Unlock()
	if !known {
		c.service.cfg.Observe(Event{Kind: Connected, Device: c.device})
	}
}

// hear does what one message says.
func (c *session) hear(m message) error {
	if c.isDropping() {
		return nil
	}
	switch m := m.(type) {
	case heads:
		return c.hearHeads(m)
	case want:
		return c.hearWant(m)
	case entry:
		return c.hearEntry(m)
	case end:
		return c.hearEnd(m)
	case fresh:
		return c.hearNew(m)
	case no:
		return c.hearNo(m)
	case record:
		c.service.cfg.OnRecord(c.device, m.raw)
		return nil
	}
	return broke("a second HELLO")
}

func (c *session) isDropping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropping
}

// hearHeads notes what they have and we have not.
func (c *session) hearHeads(m heads) error {
	if !c.service.cfg.Accepts(c.device, m.conv) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.turnDownLocked(m.conv)
	}
	unknown, err := c.unknown(m.conv, m.ids)
	if err != nil {
		return err
	}
	more, err := c.moreThan(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.talkLocked(m.conv)
	if t == nil {
		return c.turnDownLocked(m.conv)
	}
	c.follow -= min(c.follow, 1)
	t.hears(m, unknown, more)
	c.hasLocked(t)
	return nil
}

// turnDownLocked refuses what HEADS tell of.
func (c *session) turnDownLocked(conv conversation.ID) error {
	c.follow -= min(c.follow, 1)
	c.settleLocked()
	return c.refuseLocked(conv, 1)
}

// hears takes HEADS of theirs into a talk.
func (t *talk) hears(m heads, unknown []conversation.ID, more bool) {
	t.owed++
	t.theirs = m.digest
	t.muted = false
	t.pull.hear(unknown, more)
	t.pull.full, t.pull.bodies = false, conversation.ID{}
	t.pull.listed = nil
	if len(m.ids) <= maxIDs && int(m.total) == len(m.ids) {
		t.pull.listed = m.ids
	}
}

// unknown gives those of ids that are not here.
func (c *session) unknown(conv conversation.ID, ids []conversation.ID) ([]conversation.ID, error) {
	known, err := c.service.cfg.Log.Known(conv, ids)
	if err != nil {
		return nil, failed("looking for entries", conv, err)
	}
	here := make(map[conversation.ID]struct{}, len(known))
	for _, id := range known {
		here[id] = struct{}{}
	}
	var unknown []conversation.ID
	for _, id := range ids {
		if _, ok := here[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	return unknown, nil
}

// moreThan tells whether they have heads that m does not list and that may not
// be here.
func (c *session) moreThan(m heads) (bool, error) {
	if int64(m.total) == int64(len(m.ids)) {
		return false, nil
	}
	ours, err := c.service.cfg.Log.Heads(m.conv)
	if err != nil {
		return false, failed("reading the heads", m.conv, err)
	}
	return digestOf(ours) != m.digest, nil
}

// refuseLocked lets the writer say NO to something we take no part in, and
// answer that many HEADS.
func (c *session) refuseLocked(conv conversation.ID, headsOwed int) error {
	if _, listed := c.foreign[conv]; !listed && len(c.foreign) >= c.service.cfg.Limits.Conversations {
		return broke("more than %d conversations that are not shared", c.service.cfg.Limits.Conversations)
	}
	c.foreign[conv] += headsOwed
	c.nudge()
	return nil
}

// hearWant puts a WANT in the line of those to be answered.
func (c *session) hearWant(m want) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.kind == wantNothing {
		return c.answeredLocked(m.conv)
	}
	if _, busy := c.wanted[m.conv]; busy {
		return broke("a WANT before the END of the one before, in conversation %s", m.conv)
	}
	if len(c.wants) >= 2*c.service.cfg.Limits.Conversations {
		return broke("%d WANTs at a time", len(c.wants))
	}
	c.wanted[m.conv] = struct{}{}
	c.wants = append(c.wants, m)
	c.nudge()
	return nil
}

// answeredLocked notes that HEADS of ours are done with.
func (c *session) answeredLocked(conv conversation.ID) error {
	t := c.talks[conv]
	if t == nil || t.acked >= t.sent {
		return broke("an answer to HEADS that were not sent, in conversation %s", conv)
	}
	t.acked++
	c.owing--
	c.settleLocked()
	return nil
}

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
	c.mu.Lock()
	c.recent.add(last)
	c.mu.Unlock()
	if raws, err = c.withParents(t, raws); err != nil {
		return err
	}
	got, err := c.ingest(m.conv, raws, kind == wantHistory && !m.more)
	if errors.Is(err, ErrParent) {
		err = broke("%w", err)
	}
	if err != nil {
		return err
	}
	return c.came(t, kind, m.more, last, got)
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
func (c *session) withParents(t *talk, raws []conversation.Raw) ([]conversation.Raw, error) {
	c.mu.Lock()
	left := t.pull.left && t.pull.flying == wantHistory
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

// came takes what an answer brought into the talk.
func (c *session) came(t *talk, kind wantKind, more bool, last conversation.ID, got Ingested) error {
	why := got.trouble()
	c.mu.Lock()
	if kind == wantBodies {
		if !t.pull.filled(more, last) {
			c.mu.Unlock()
			return broke("bodies that were not asked for")
		}
		why = nil
	} else {
		t.pull.came(more, last, got, time.Now(), c.service.cfg.Limits.Retry)
		c.putOffLocked(t, why)
	}
	common := t.pull.listed
	if kind != wantHistory || t.pull.left || t.pull.lacks() {
		common = nil
	}
	c.hasLocked(t)
	c.settleLocked()
	c.mu.Unlock()
	c.tellTrouble(t.conv, why)
	if len(common) == 0 {
		return nil
	}
	if err := c.service.cfg.Log.SetCommon(c.device, t.conv, common); err != nil {
		return failed("remembering heads", t.conv, err)
	}
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

// hearNo notes that they do not give or take a conversation.
func (c *session) hearNo(m no) error {
	e := Event{Kind: Refused, Device: c.device, Conversation: m.conv, Proof: c.proven(m.proof)}
	c.mu.Lock()
	t := c.talks[m.conv]
	news := false
	switch {
	case t == nil:
	case m.reason == reasonPaused:
		e.Kind = PausedThere
		news = !t.pausedThere
		t.pausedThere = true
	default:
		news = !t.muted
		t.muted, t.told = true, false
		t.pull.drop()
		c.settleLocked()
	}
	c.mu.Unlock()
	if news {
		c.service.cfg.Observe(e)
	}
	return nil
}

// proven gives the entry if it is one that its device signed.
func (c *session) proven(raw *conversation.Raw) *conversation.Entry {
	if raw == nil {
		return nil
	}
	e, err := conversation.Decode(*raw)
	if err == nil {
		err = e.Verify()
	}
	if err != nil {
		c.service.log.Info("a proof that proves nothing", "device", c.device, "err", fmt.Sprint(err))
		return nil
	}
	return e
}
