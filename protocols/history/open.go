package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Sync sees to it that a stream with the device stands, opening one if there is
// none, and returns when each side has taken what the other has and it takes:
// nil; or ErrPaused or ErrDeferred, if that is not all; or why it came to
// nothing: ErrUnjoinable, ErrRefused, a *BackOffError, ErrBusy, ErrProtocol,
// ErrStalled, ErrLost, ErrLog, ErrClosed, or the cause of ctx. The stream stays, and
// with it both go on telling each other of changes.
func (s *Service) Sync(ctx context.Context, device peer.ID) error {
	var err error
	for range 3 {
		c, opened, failed := s.session(ctx, device)
		if failed != nil {
			return failed
		}
		err = c.catchUp(ctx)
		switch {
		case errors.Is(err, errReplaced):
			s.awaitOther(ctx, c)
		case !opened && errors.Is(err, ErrLost) && !errors.Is(err, ErrRefused): // it was dead, and nobody had noticed
			<-c.over
		default:
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// awaitOther waits a little for the stream that took over from c.
func (s *Service) awaitOther(ctx context.Context, c *session) {
	patience := time.NewTimer(s.cfg.Limits.Hello)
	defer patience.Stop()
	for {
		s.mu.Lock()
		now, arrived := s.current[c.device], s.arrived
		s.mu.Unlock()
		if now != nil && now != c {
			return
		}
		select {
		case <-arrived:
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// session gives the stream with a device, and opens one if there is none. Of
// several callers one opens.
func (s *Service) session(ctx context.Context, device peer.ID) (c *session, opened bool, err error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, false, ErrClosed
		}
		if c := s.current[device]; c != nil {
			s.mu.Unlock()
			return c, false, nil
		}
		other, busy := s.opening[device]
		if !busy {
			over := make(chan struct{})
			s.opening[device] = over
			s.mu.Unlock()
			c, err := s.open(ctx, device)
			s.mu.Lock()
			delete(s.opening, device)
			s.mu.Unlock()
			close(over)
			return c, true, err
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

// open opens a stream; if one has come meanwhile, that one counts, and the
// other side never hears HELLO on ours.
func (s *Service) open(ctx context.Context, device peer.ID) (*session, error) {
	from, err := s.admit(device)
	if err != nil {
		return nil, err
	}
	stream, err := s.host.NewStream(ctx, device, ID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnjoinable, err)
	}
	if err := stream.Scope().SetService(serviceName); err != nil {
		stream.ResetWithError(codeBusy)
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	c := newSession(s, stream, from)
	stands, err := s.register(c)
	if stands != c {
		stream.ResetWithError(codeReplaced)
		return stands, err
	}
	go func() {
		defer s.running.Done()
		c.run()
	}()
	return c, nil
}

// register makes an own stream the current one, unless there is one; it gives
// the one that stands. It counts c as running if that is c.
func (s *Service) register(c *session) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if now := s.current[c.device]; now != nil {
		return now, nil
	}
	if len(s.current) >= s.cfg.Limits.Streams {
		return nil, ErrBusy
	}
	s.running.Add(1)
	s.enterLocked(c)
	return c, nil
}

// enterLocked makes c the current stream with its device.
func (s *Service) enterLocked(c *session) {
	s.number = max(s.number+1, uint64(time.Now().UnixNano()))
	c.number = s.number
	s.current[c.device] = c
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// leave takes c off if it still is the current stream.
func (s *Service) leave(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current[c.device] == c {
		delete(s.current, c.device)
	}
}

// HandleStream serves a stream that the other side opened, until it ends.
func (s *Service) HandleStream(stream network.Stream) {
	device := stream.Conn().RemotePeer()
	if err := s.greet(stream, device); err != nil {
		s.log.Info("a stream was refused", "device", device, "err", err)
		stream.ResetWithError(codeOf(err))
	}
}

// greet awaits HELLO, and runs the stream if it is the one to keep. An error
// means that it did not run.
func (s *Service) greet(stream network.Stream, device peer.ID) error {
	from, err := s.admit(device)
	if err != nil {
		return err
	}
	if err := stream.Scope().SetService(serviceName); err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if err := s.beginGreeting(device); err != nil {
		return err
	}
	defer s.running.Done()
	c := newSession(s, stream, from)
	err = c.awaitHello()
	s.endGreeting(device)
	if err == nil {
		err = s.adopt(c)
	}
	if err != nil {
		c.end(err)
		<-c.reset
		return err
	}
	c.run()
	return nil
}

func (s *Service) beginGreeting(device peer.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.greeting[device] >= maxGreeting || s.waiting >= s.cfg.Limits.Streams {
		return ErrBusy
	}
	s.greeting[device]++
	s.waiting++
	s.running.Add(1)
	return nil
}

func (s *Service) endGreeting(device peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	if s.greeting[device]--; s.greeting[device] == 0 {
		delete(s.greeting, device)
	}
}

// adopt makes an incoming stream the current one, if it is the one that both
// sides keep, and ends the one that was. See the package comment.
func (s *Service) adopt(c *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.current[c.device]
	switch {
	case s.closed:
		return ErrClosed
	case now == nil && len(s.current) >= s.cfg.Limits.Streams:
		return ErrBusy
	case now != nil && !c.outranks(now):
		return errReplaced
	}
	if now != nil {
		c.inherit(now)
		now.end(errReplaced)
	}
	s.enterLocked(c)
	return nil
}

// outranks tells whether c, on which the other side just said HELLO, stands
// against the current stream.
func (c *session) outranks(now *session) bool {
	if theirs, greeted := now.theirNumber(); greeted {
		return c.hello.number > theirs
	}
	return bytes.Compare([]byte(c.device), []byte(c.stream.Conn().LocalPeer())) < 0
}
