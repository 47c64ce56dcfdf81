package history

import (
	"errors"
	"fmt"
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
		c.touch(true)
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
