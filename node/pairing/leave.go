package pairing

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Pauses between two leavings of a message: while nobody has taken it, and then.
const (
	retryFirst, retryLast   = 250 * time.Millisecond, 2 * time.Second
	repeatFirst, repeatLast = time.Second, 8 * time.Second
)

// newInbox opens an inbox of its own for the answers of one exchange.
func (s *Service) newInbox(ctx context.Context) (key inboxKey, messages <-chan []byte, err error) {
	public, owner, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return key, nil, fmt.Errorf("make an inbox: %w", err)
	}
	if messages, err = s.cfg.Inboxes.Listen(ctx, owner); err != nil {
		return key, nil, fmt.Errorf("open an inbox: %w", err)
	}
	return inboxKey(public), messages, nil
}

// converse leaves m, again and again, until the first message of kind M of the same
// session comes; over from the other side gives ErrWrongCode, once it has answered.
// to tells where to leave m: that may change with the hour. When ctx ends, its cause
// is returned, or ErrOffline if m could be left nowhere.
func converse[M message](ctx context.Context, s *Service, m message, to func() ed25519.PublicKey, from <-chan []byte) (reply M, err error) {
	stop := s.keepLeaving(ctx, to, m)
	_, opening := m.(hello)
	for {
		select {
		case raw, more := <-from:
			if !more {
				return reply, gaveUp(ctx, stop())
			}
			switch x := s.parse(raw, m.of()).(type) {
			case M:
				stop()
				return x, nil
			case over:
				if !opening {
					stop()
					return reply, ErrWrongCode
				}
			}
		case <-ctx.Done():
			return reply, gaveUp(ctx, stop())
		}
	}
}

// parse gives the message if it is one and belongs to the session, else nil.
func (s *Service) parse(raw []byte, of session) message {
	m, err := parseMessage(raw)
	if err != nil || m.of() != of {
		s.log.Debug("pairing: drop a message", "bytes", len(raw), "err", err)
		return nil
	}
	return m
}

// gaveUp says why nothing came before ctx ended; failed is why m lies nowhere.
func gaveUp(ctx context.Context, failed error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil: // the inboxes were closed
		return ErrClosed
	case failed != nil && (errors.Is(cause, ErrUsed) || errors.Is(cause, ErrSilent)):
		return fmt.Errorf("%w: %w", ErrOffline, failed)
	}
	return cause
}

// keepLeaving leaves m until stop is called, which returns nil if it ever lay
// somewhere.
func (s *Service) keepLeaving(ctx context.Context, to func() ed25519.PublicKey, m message) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		failed := errors.New("there was no time to leave a message")
		for n := 1; ctx.Err() == nil; n++ {
			err := s.cfg.Inboxes.Leave(ctx, to(), m.append(nil))
			if err == nil || failed != nil {
				failed = err
			}
			pause(ctx, pauseAfter(n, failed == nil))
		}
		done <- failed
	}()
	return func() error { cancel(); return <-done }
}

// pauseAfter gives the pause after the nth leaving.
func pauseAfter(n int, taken bool) time.Duration {
	first, last := retryFirst, retryLast
	if taken {
		first, last = repeatFirst, repeatLast
	}
	return min(first<<min(n-1, 16), last)
}

// pause waits for d and tells whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// leaveCopies leaves m in the background some more times, for nothing tells that it
// has arrived.
func (s *Service) leaveCopies(m message, to inboxKey, copies int) {
	s.run(func() {
		ctx, cancel := context.WithTimeout(s.life, s.cfg.ExchangeTime)
		defer cancel()
		for n := range copies {
			if err := s.cfg.Inboxes.Leave(ctx, to[:], m.append(nil)); err != nil {
				s.log.Debug("pairing: leave a message", "err", err)
			}
			if !pause(ctx, pauseAfter(n+1, true)) {
				return
			}
		}
	})
}

// leaveOnce leaves m until it lies somewhere.
func (s *Service) leaveOnce(ctx context.Context, m message, to inboxKey) error {
	for n := 1; ; n++ {
		err := s.cfg.Inboxes.Leave(ctx, to[:], m.append(nil))
		if err == nil {
			return nil
		}
		if !pause(ctx, pauseAfter(n, false)) {
			return gaveUp(ctx, err)
		}
	}
}
