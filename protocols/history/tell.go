package history

import (
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// changed notes a change of a conversation; see Service.Changed.
func (c *session) changed(conv conversation.ID, added []conversation.ID) {
	reads := c.service.cfg.Reads(c.device, conv)
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.talks[conv]
	if reads {
		t = c.talkLocked(conv)
	}
	if t == nil {
		return
	}
	if !reads {
		c.hasLocked(t)
		return
	}
	if len(added) == 1 && t.told && !t.muted && t.tellAt.IsZero() && t.push.IsZero() {
		if !c.recent.has(added[0]) {
			t.push = added[0]
			c.hasLocked(t)
		}
		return
	}
	t.push = conversation.ID{}
	if t.tellAt.IsZero() {
		t.tellAt = time.Now().Add(c.service.cfg.Limits.Coalesce)
	}
	c.scheduleLocked(t)
}

// announce keeps the newest records for the writer.
func (c *session) announce(raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.records) == maxRecords {
		c.records = c.records[1:]
	}
	c.records = append(c.records, raw)
	c.nudge()
}

// drop lets the writer say the last NOs.
func (c *session) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropping = true
	for _, t := range c.talks {
		c.hasLocked(t)
	}
	c.nudge()
}

// tend says what there is to say in one talk: whether they may read it at all,
// an entry that is new, NO, what we lack, where we stand.
func (c *session) tend(t *talk) error {
	if !c.service.cfg.Reads(c.device, t.conv) {
		if err := c.tellOff(t); err != nil {
			return err
		}
	} else if err := c.tellNews(t); err != nil {
		return err
	}
	if err := c.sayNo(t); err != nil {
		return err
	}
	if err := c.ask(t); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scheduleLocked(t)
	return nil
}

// tellOff says NO if they were told of the conversation.
func (c *session) tellOff(t *talk) error {
	c.mu.Lock()
	told := t.told
	t.told, t.tellAt, t.push = false, time.Time{}, conversation.ID{}
	for _, w := range t.forced {
		w.settles[t] = 0
	}
	t.forced = nil
	c.settleLocked()
	c.mu.Unlock()
	if !told {
		return nil
	}
	return c.writeNo(t.conv, reasonNo)
}

// tellNews pushes an entry, or sends HEADS if they are due. While we fetch,
// HEADS wait: they would be old before they are read.
func (c *session) tellNews(t *talk) error {
	c.mu.Lock()
	push := t.push
	t.push = conversation.ID{}
	fetching := t.pull.active
	due := len(t.forced) > 0 || (!t.tellAt.IsZero() && !t.tellAt.After(time.Now()) && !fetching)
	c.mu.Unlock()
	switch {
	case due:
		return c.writeHeads(t, false)
	case !push.IsZero():
		return c.writeNew(t, push)
	}
	return nil
}

// writeHeads says where we stand. Unless it must, it does not say what the
// other side knows.
func (c *session) writeHeads(t *talk, must bool) error {
	c.mu.Lock()
	waiting := t.forced
	t.forced, t.tellAt = nil, time.Time{}
	c.mu.Unlock()
	ids, err := c.service.cfg.Log.Heads(t.conv)
	if err != nil {
		return failed("reading the heads", t.conv, err)
	}
	m := heads{conv: t.conv, total: uint32(len(ids)), digest: digestOf(ids), ids: ids[:min(len(ids), maxHeads)]}
	if !must && len(waiting) == 0 && !c.isNews(t, m.digest) {
		return nil
	}
	c.mu.Lock()
	t.told, t.last = true, m.digest
	t.sent++
	c.owing++
	for _, w := range waiting {
		w.settles[t] = t.sent
	}
	c.mu.Unlock()
	return c.frames.write(m)
}

// isNews tells whether HEADS of that digest would say something.
func (c *session) isNews(t *talk, digest [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !t.muted && digest != t.theirs && !(t.told && digest == t.last)
}

// writeNew pushes an entry, if it can be had.
func (c *session) writeNew(t *talk, id conversation.ID) error {
	var found *conversation.Raw
	keep := func(r conversation.Raw) error { found = &r; return nil }
	if err := c.service.cfg.Log.Raws(c.ctx, t.conv, []conversation.ID{id}, keep); err != nil {
		return failed("reading an entry", t.conv, err)
	}
	c.mu.Lock()
	known := c.recent.has(id)
	c.recent.add(id)
	c.mu.Unlock()
	if found == nil || known {
		return nil
	}
	return c.frames.write(fresh{t.conv, *found})
}

func (c *session) sayNo(t *talk) error {
	c.mu.Lock()
	why := t.say
	t.say = 0
	c.mu.Unlock()
	if why == 0 {
		return nil
	}
	return c.writeNo(t.conv, why)
}
