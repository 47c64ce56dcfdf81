package yamux

import (
	"time"
)

// keepAlive sends a ping now and then, and ends the session when the peer neither
// answers nor sends anything else.
func (s *Session) keepAlive() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for id := uint32(0); ; id++ {
		select {
		case <-pause.C:
		case <-s.dying:
			return
		}
		if !s.pingOnce(id) {
			s.die(lost(ErrKeepAlive), goAwayNormal)
			return
		}
		pause.Reset(s.set.KeepAlive)
	}
}

// pingOnce tells whether the peer gave a sign of life.
func (s *Session) pingOnce(id uint32) bool {
	before := s.heard.Load()
	s.out.control(encode(typePing, flagSYN, 0, id))
	late := time.NewTimer(s.set.WriteTimeout)
	defer late.Stop()
	for {
		select {
		case pong := <-s.pongs:
			if pong == id {
				s.measured(time.Since(s.out.lastPing()))
				return true
			}
		case <-late.C:
			return s.heard.Load() != before
		case <-s.dying:
			return true
		}
	}
}

func (s *Session) measured(rtt time.Duration) {
	if old := s.rtt.Load(); old != 0 {
		rtt = (rtt + time.Duration(old)) / 2
	}
	s.rtt.Store(int64(rtt))
}

// lastPing is when the last ping was sent.
func (o *outbox) lastPing() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pinged
}
