package history

import (
	"errors"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// ask sends the next question of a talk: for history; when there is none, for
// bodies that lack; when there are none, it answers their HEADS.
func (c *session) ask(t *talk) error {
	if err := c.review(t); err != nil {
		return err
	}
	c.mu.Lock()
	now := time.Now()
	history := t.pull.free(now)
	bodies := t.owed > 0 && t.pull.rest(now) && !t.pull.full
	c.mu.Unlock()
	if history {
		return c.askHistory(t)
	}
	if bodies {
		if asked, err := c.askBodies(t); asked || err != nil {
			return err
		}
	}
	return c.answerHeads(t)
}

// review forgets what has come from others since, before a series begins.
func (c *session) review(t *talk) error {
	c.mu.Lock()
	t.pull.retry(time.Now())
	begins := t.pull.free(time.Now()) && !t.pull.active
	ids := t.pull.heads
	c.mu.Unlock()
	if !begins {
		return nil
	}
	known, err := c.service.cfg.Log.Known(t.conv, ids)
	if err != nil {
		return failed("looking for entries", t.conv, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.pull.forget(known)
	c.settleLocked()
	return nil
}

// retry ends the pause of what was put off.
func (c *session) retry(conv conversation.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.talks[conv]; t != nil && t.pull.blocked != nil {
		t.pull.until, t.pull.wait = time.Time{}, 0
		c.hasLocked(t)
	}
}

// askHistory sends the next WANT of a series, or the first.
func (c *session) askHistory(t *talk) error {
	have, err := c.have(t.conv)
	if err != nil {
		return err
	}
	c.mu.Lock()
	t.pull.begin()
	m := want{kind: wantHistory, conv: t.conv, ids: t.pull.ids, have: have, after: t.pull.after}
	c.fliesLocked(t, m.kind)
	c.mu.Unlock()
	return c.frames.write(m)
}

// fliesLocked notes a WANT that is being sent.
func (c *session) fliesLocked(t *talk, kind wantKind) {
	t.pull.flying = kind
	c.asked = append(c.asked, t)
}

// have says what is here in at most maxIDs: the first heads, entries further
// and further back, what was common once, the other heads.
func (c *session) have(conv conversation.ID) ([]conversation.ID, error) {
	log := c.service.cfg.Log
	heads, err := log.Heads(conv)
	locator, err2 := log.Locator(conv)
	const firstHeads, firstCommon = 16, 16
	common, err3 := log.Common(c.device, conv)
	common, err4 := log.Known(conv, first(common, firstCommon))
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return nil, failed("reading the heads", conv, err)
	}
	var have []conversation.ID
	seen := make(map[conversation.ID]struct{}, maxIDs)
	for _, ids := range [][]conversation.ID{first(heads, firstHeads), first(locator, 32), common, heads} {
		for _, id := range ids {
			if _, ok := seen[id]; !ok && len(have) < maxIDs {
				seen[id] = struct{}{}
				have = append(have, id)
			}
		}
	}
	return have, nil
}

func first(ids []conversation.ID, n int) []conversation.ID { return ids[:min(len(ids), n)] }

// askBodies asks for bodies that lack here, once for each HEADS of theirs.
func (c *session) askBodies(t *talk) (asked bool, err error) {
	c.mu.Lock()
	after := t.pull.bodies
	c.mu.Unlock()
	ids, err := c.service.cfg.Log.Lacking(t.conv, after, maxIDs)
	if err != nil {
		return false, failed("looking for bodies", t.conv, err)
	}
	c.mu.Lock()
	if len(ids) == 0 {
		t.pull.full = true
		c.mu.Unlock()
		return false, nil
	}
	t.pull.bare = ids
	t.pull.bodies = ids[len(ids)-1]
	c.fliesLocked(t, wantBodies)
	c.mu.Unlock()
	return true, c.frames.write(want{kind: wantBodies, conv: t.conv, ids: ids})
}

// answerHeads says that nothing more is wanted; before it, where we stand, if
// they do not know.
func (c *session) answerHeads(t *talk) error {
	c.mu.Lock()
	ready := t.owed > 0 && t.pull.rest(time.Now())
	c.mu.Unlock()
	if !ready {
		return nil
	}
	if c.service.cfg.Reads(c.device, t.conv) {
		if err := c.writeHeads(t, false); err != nil {
			return err
		}
	}
	c.mu.Lock()
	owed := t.owed
	t.owed = 0
	c.settleLocked()
	c.mu.Unlock()
	return c.writeDone(t.conv, owed)
}
