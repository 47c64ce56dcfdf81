package signalling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxDirect is how many direct streams one device may have open.
const maxDirect = 8

var errNotConnected = errors.New("not connected")

// dialDirect opens a direct stream over a connection that stands; it never dials.
func (s *Service) dialDirect(ctx context.Context, p peer.ID) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	switch s.cfg.Host.Network().Connectedness(p) {
	case network.Connected, network.Limited:
		return openStream(network.WithNoDial(ctx, "signalling uses what stands"), s.cfg.Host, p, DirectProtocol)
	}
	return nil, errNotConnected
}

// deliverDirect hands a sealed message to p and waits until it says that it has it.
func (s *Service) deliverDirect(ctx context.Context, p peer.ID, sealed []byte) error {
	st, err := s.dialDirect(ctx, p)
	if err != nil {
		return err
	}
	err = handOver(ctx, st, sealed)
	finish(st, err)
	return err
}

// handOver sends a message and awaits ok.
func handOver(ctx context.Context, st network.Stream, sealed []byte) error {
	reply, err := exchange(ctx, st, message{sealed}, ackTimeout)
	if err != nil {
		return err
	}
	if _, isOK := reply.(ok); !isOK {
		return fmt.Errorf("%w: not the ok that was due", errFrame)
	}
	return nil
}

// handleDirect serves DirectProtocol.
func (s *Service) handleDirect(st network.Stream) {
	if !s.life.enter() {
		st.Reset()
		return
	}
	defer s.life.leave()
	p := st.Conn().RemotePeer()
	err := s.admitDirect(p)
	if err == nil {
		err = s.serveDirect(st, p)
		s.leaveDirect(p)
	}
	finish(st, err)
	if err != nil {
		s.log.Debug("direct stream", "peer", p, "err", err)
	}
}

func (s *Service) admitDirect(p peer.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.direct[p] >= maxDirect {
		return codeBusy
	}
	if !s.streams.take(p, time.Now()) {
		return codeSlowDown
	}
	s.direct[p]++
	return nil
}

func (s *Service) leaveDirect(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.direct[p]--; s.direct[p] == 0 {
		delete(s.direct, p)
	}
}

// serveDirect reads one message; ok; and, if it was a request, its answer when
// there is one.
func (s *Service) serveDirect(st network.Stream, p peer.ID) error {
	release, err := account(st)
	if err != nil {
		return err
	}
	defer release()
	f, err := readTimed(s.life.ctx, st, frameTimeout)
	if err != nil && !errors.Is(err, errFrame) {
		return fmt.Errorf("read a message: %w", err)
	}
	m, isMessage := f.(message)
	if !isMessage {
		return writeTimed(s.life.ctx, st, codeMalformed)
	}
	x, fresh, err := s.receive(m.body, p)
	if err != nil {
		s.log.Debug("drop a direct message", "peer", p, "err", err)
		return writeTimed(s.life.ctx, st, codeOf(err))
	}
	err = writeTimed(s.life.ctx, st, ok{})
	if x == nil {
		return err
	}
	if !s.awaitDone(x) {
		return s.life.ctx.Err()
	}
	return s.answerDirect(st, x, fresh, err)
}

// answerDirect writes x's answer to st. If that fails and nobody else would send
// it, it goes the other ways.
func (s *Service) answerDirect(st network.Stream, x *session, fresh bool, err error) error {
	if x.answer == nil {
		return err
	}
	if err == nil {
		err = writeTimed(s.life.ctx, st, message{x.answer})
	}
	if err != nil && fresh {
		s.again(x)
	}
	return err
}

// awaitDone waits for x's answer and tells whether it is decided.
func (s *Service) awaitDone(x *session) bool {
	select {
	case <-x.done:
		return true
	case <-s.life.ctx.Done():
		return false
	}
}

// codeOf tells the other side what it may know of err.
func codeOf(err error) code {
	switch {
	case errors.Is(err, errRate):
		return codeSlowDown
	case errors.Is(err, errSlots), errors.Is(err, errMemory), errors.Is(err, errCopies):
		return codeBusy
	}
	return codeMalformed
}
