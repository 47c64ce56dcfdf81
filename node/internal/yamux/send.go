package yamux

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// send is the send loop: it alone writes to the connection.
func (s *Session) send() {
	defer s.conn.Close()
	for {
		more, err := s.out.fill(s.set.FrameSize)
		if err == nil {
			s.extendWriteDeadline()
			err = s.out.pack.out.Flush()
		}
		if err != nil {
			s.die(s.sendError(err), goAwayNormal)
			return
		}
		if !more {
			return
		}
	}
}

// sendError says why the session ends when a write fails. A peer that leaves may
// have told its reason before, so the receive loop has a second to find it.
func (s *Session) sendError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return lost(fmt.Errorf("%w: %w", ErrWriteTimeout, err))
	}
	late := time.NewTimer(goodbye)
	defer late.Stop()
	select {
	case <-s.dying:
	case <-late.C:
	}
	return lost(err)
}
