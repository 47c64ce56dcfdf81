package history

import (
	"context"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// write says what is to be said until the stream ends. Small things come
// first; then one answer; then it looks again.
func (c *session) write() error {
	if err := c.greet(); err != nil {
		return c.writing(err)
	}
	for {
		c.stream.SetWriteDeadline(time.Now().Add(c.service.cfg.Limits.Stall))
		did, wait, err := c.step()
		if err == nil && !did {
			err = c.frames.flush()
		}
		if err != nil {
			return c.writing(err)
		}
		c.touch(false)
		if did {
			continue
		}
		if c.isDropping() {
			return c.goodbye()
		}
		if err := c.pause(wait); err != nil {
			return err
		}
	}
}

// writing puts an error of the stream into our terms; that of a log stays.
func (c *session) writing(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return suffered(err)
}

// pause waits until there may be something to say, which is after wait at the
// latest, if wait is not 0.
func (c *session) pause(wait time.Duration) error {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-c.wake:
	case <-due:
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	return nil
}

// greet writes HELLO, the records, and HEADS of all that they may read.
func (c *session) greet() error {
	c.stream.SetWriteDeadline(time.Now().Add(c.service.cfg.Limits.Stall))
	talks := c.shared()
	l := c.service.cfg.Limits
	if err := c.frames.write(hello{c.number, uint16(l.Entries), uint32(l.Bytes), uint32(len(talks))}); err != nil {
		return err
	}
	for _, raw := range c.service.cfg.Records(c.device) {
		if err := c.writeRecord(raw); err != nil {
			return err
		}
	}
	for _, t := range talks {
		if err := c.writeHeads(t, true); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = true
	c.settleLocked()
	return nil
}

// shared opens a talk for each conversation that they may read.
func (c *session) shared() []*talk {
	list := c.service.cfg.Shared(c.device)
	c.mu.Lock()
	defer c.mu.Unlock()
	var talks []*talk
	for _, conv := range list {
		t := c.talkLocked(conv)
		if t == nil {
			break
		}
		talks = append(talks, t)
	}
	return talks
}

// step says the next thing. It tells whether there was one, and if not, when
// there will be, if that is known.
func (c *session) step() (did bool, wait time.Duration, err error) {
	if did, err = c.sendRecord(); did || err != nil {
		return did, 0, err
	}
	if did, err = c.sendRefusal(); did || err != nil {
		return did, 0, err
	}
	t, wait := c.next()
	if t != nil {
		return true, 0, c.tend(t)
	}
	did, err = c.sendAnswer()
	return did, wait, err
}

// next takes the first talk out of the queue, which those enter whose time has
// come.
func (c *session) next() (*talk, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, wait := time.Now(), time.Duration(0)
	for t, at := range c.later {
		if left := at.Sub(now); left <= 0 {
			delete(c.later, t)
			c.hasLocked(t)
		} else if wait == 0 || left < wait {
			wait = left
		}
	}
	if len(c.queue) == 0 {
		return nil, wait
	}
	t := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	t.queued = false
	return t, wait
}

func (c *session) sendRecord() (bool, error) {
	c.mu.Lock()
	if len(c.records) == 0 {
		c.mu.Unlock()
		return false, nil
	}
	raw := c.records[0]
	c.records = c.records[1:]
	c.mu.Unlock()
	return true, c.writeRecord(raw)
}

// writeRecord leaves out what is no record.
func (c *session) writeRecord(raw []byte) error {
	if len(raw) == 0 || len(raw) > MaxRecord {
		c.service.log.Error("a record of this size is not sent", "bytes", len(raw))
		return nil
	}
	return c.frames.write(record{raw})
}

// sendRefusal says NO to a conversation that is not shared, and answers what
// HEADS came of it.
func (c *session) sendRefusal() (bool, error) {
	c.mu.Lock()
	for conv, owed := range c.foreign {
		delete(c.foreign, conv)
		c.mu.Unlock()
		if err := c.writeNo(conv, reasonNo); err != nil {
			return true, err
		}
		return true, c.writeDone(conv, owed)
	}
	c.mu.Unlock()
	return false, nil
}

// writeNo refuses a conversation; the reason "no" with a proof if there is one.
func (c *session) writeNo(conv conversation.ID, why reason) error {
	m := no{conv: conv, reason: why}
	if why == reasonNo {
		if raw, ok := c.service.cfg.Proof(c.device, conv); ok {
			m.proof = &raw
		}
	}
	return c.frames.write(m)
}

// writeDone answers that many HEADS: nothing more is wanted.
func (c *session) writeDone(conv conversation.ID, headsOwed int) error {
	for range headsOwed {
		if err := c.frames.write(want{kind: wantNothing, conv: conv}); err != nil {
			return err
		}
	}
	return nil
}

// goodbye lets the other side read what was said, and waits for the end.
func (c *session) goodbye() error {
	c.stream.SetReadDeadline(time.Now().Add(dropTimeout))
	c.stream.CloseWrite()
	<-c.ctx.Done()
	return context.Cause(c.ctx)
}
