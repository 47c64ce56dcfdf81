package history

import (
	"errors"

	"github.com/passeur-p2p/passeur/conversation"
)

// sendAnswer answers the oldest WANT.
func (c *session) sendAnswer() (bool, error) {
	c.mu.Lock()
	if len(c.wants) == 0 {
		c.mu.Unlock()
		return false, nil
	}
	m := c.wants[0]
	c.wants = c.wants[1:]
	c.mu.Unlock()
	err := c.writeAnswer(m)
	return true, err
}

// writeAnswer sends what m asks for and they may read. All of it is gathered
// first, so that no reader of the log waits for the network.
func (c *session) writeAnswer(m want) error {
	var out batch
	more := false
	if c.service.cfg.Reads(c.device, m.conv) {
		var err error
		if more, err = c.collect(m, &out); err != nil {
			return err
		}
	} else if err := c.writeNo(m.conv, reasonNo); err != nil {
		return err
	}
	for _, r := range out.raws {
		if err := c.frames.write(entry{r}); err != nil {
			return err
		}
	}
	c.mu.Lock()
	delete(c.wanted, m.conv) // before END: the next WANT may follow it at once
	c.mu.Unlock()
	return c.frames.write(end{m.conv, more && len(out.raws) > 0})
}

var errFull = errors.New("the answer is full")

// collect gathers an answer. It tells whether there is more.
func (c *session) collect(m want, out *batch) (more bool, err error) {
	limits := c.answerLimits()
	keep := func(r conversation.Raw) error {
		if !out.fits(limits) {
			return errFull
		}
		out.add(r)
		return nil
	}
	log := c.service.cfg.Log
	if m.kind == wantBodies {
		err = log.Raws(c.ctx, m.conv, m.ids, keep)
	} else if ids := m.ids; len(ids) > 0 {
		more, err = log.Missing(c.ctx, m.conv, ids, m.have, m.after, limits.Entries, limits.Bytes, keep)
	} else if ids, err = log.Heads(m.conv); err == nil {
		more, err = log.Missing(c.ctx, m.conv, ids, m.have, m.after, limits.Entries, limits.Bytes, keep)
	}
	if errors.Is(err, errFull) {
		return true, nil
	}
	if err != nil {
		return false, failed("reading entries", m.conv, err)
	}
	return more, nil
}

// answerLimits are ours or theirs, the lesser of each.
func (c *session) answerLimits() Limits {
	l := c.service.cfg.Limits
	c.mu.Lock()
	defer c.mu.Unlock()
	l.Entries = min(l.Entries, int(c.hello.entries))
	l.Bytes = int(min(uint32(l.Bytes), c.hello.bytes))
	return l
}
