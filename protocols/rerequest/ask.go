package rerequest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// maxDials bounds the devices that are being dialled at a time. Those that are
	// connected do not wait for it.
	maxDials = 16
	// headStart is what connected devices have before others are dialled.
	headStart = time.Second
)

// ask is one request and what came of it. What changes is guarded by
// Service.mu.
type ask struct {
	want        *want
	device      peer.ID
	appearances uint64        // of the device, before it was reached
	offered     chan struct{} // closed once the device has offered the file, however that went
	start       int64         // the first byte asked for
	promised    bool          // it was answered with OK

	piece  *piece         // what is asked for, of a file with a tree that others bring too; nil: all that is missing
	stream network.Stream // to the device, if there is one already
	quiet  bool           // Asked was told before
	wrong  error          // what was wrong with the offer of piece
}

// offeredLocked notes that the device has offered the file.
func (a *ask) offeredLocked() {
	if !a.wasOffered() {
		close(a.offered)
	}
}

func (a *ask) wasOffered() bool {
	select {
	case <-a.offered:
		return true
	default:
		return false
	}
}

// work asks one device for all that is wanted of it, one after the other. A
// device has one worker at most.
func (s *Service) work(id peer.ID) {
	defer s.retire(id)
	for s.isWanted(id) {
		appearances := s.appearances(id)
		stream, err := s.reach(id)
		if err != nil {
			s.unreached(id, appearances, err)
			return
		}
		a := s.next(id, appearances)
		if a == nil {
			stream.Reset()
			return
		}
		s.settle(a, s.ask(a, stream))
	}
}

// retire ends a worker. The loop looks whether it left anything.
func (s *Service) retire(id peer.ID) {
	s.mu.Lock()
	s.deviceLocked(id).working = false
	s.mu.Unlock()
	s.poke()
}

// isWanted tells whether there is something to ask of a device.
func (s *Service) isWanted(id peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.firstLocked(id) != nil
}

// firstLocked is the oldest want that a device is to be asked for, or nil.
func (s *Service) firstLocked(id peer.ID) (first *want) {
	now := time.Now()
	for _, w := range s.wants {
		if (first == nil || w.number < first.number) && !s.closed && s.askableLocked(w, id, now) {
			first = w
		}
	}
	return first
}

func (s *Service) appearances(id peer.ID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deviceLocked(id).appearances
}

// errNotNeeded: meanwhile there is nothing to ask any more.
var errNotNeeded = errors.New("nothing is wanted of the device any more")

// reach opens a stream to a device, at once if it is connected. Others are
// dialled, some at a time.
func (s *Service) reach(id peer.ID) (network.Stream, error) {
	stream, err := s.open(network.WithNoDial(s.ctx, "those that are connected first"), id)
	if err == nil {
		return stream, nil
	}
	select {
	case <-time.After(headStart):
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
	select {
	case s.dials <- struct{}{}:
		defer func() { <-s.dials }()
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
	if !s.isWanted(id) {
		return nil, errNotNeeded
	}
	return s.open(s.ctx, id)
}

func (s *Service) open(ctx context.Context, id peer.ID) (network.Stream, error) {
	return s.openWith(ctx, func(ctx context.Context) (network.Stream, error) { return s.host.NewStream(ctx, id, ID) })
}

func (s *Service) openWith(ctx context.Context, open func(context.Context) (network.Stream, error)) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AskTimeout)
	defer cancel()
	stream, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnjoinable, err)
	}
	if err := stream.Scope().SetService(serviceName); err != nil {
		stream.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, fmt.Errorf("%w: %w", ErrUnjoinable, err)
	}
	return stream, nil
}

// unreached lets a device rest that could not be reached.
func (s *Service) unreached(id peer.ID, appearances uint64, err error) {
	if s.ctx.Err() != nil || errors.Is(err, errNotNeeded) {
		return
	}
	for _, w := range s.tired(id, appearances) {
		s.cfg.Observe(w.event(Denied, id, err))
	}
}

// tired begins the rest of a device, unless it has appeared anew since, and
// tells what it would have been asked for.
func (s *Service) tired(id peer.ID, appearances uint64) (all []*want) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, w := range s.wants {
		if s.askableLocked(w, id, now) {
			all = append(all, w)
		}
	}
	if d := s.deviceLocked(id); d.appearances == appearances {
		d.rest.begin(s.cfg.Retry)
	}
	return all
}

// next begins an ask of a device that was reached; nil when nothing is wanted
// of it any more.
func (s *Service) next(id peer.ID, appearances uint64) *ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deviceLocked(id).rest = rest{}
	w := s.firstLocked(id)
	if w == nil {
		return nil
	}
	a := &ask{want: w, device: id, appearances: appearances, offered: make(chan struct{})}
	w.asks[id] = a
	s.active[w] = struct{}{}
	return a
}

// ask goes from the request to the offer that answers it. It returns nil once
// the device has offered the file, which [Service.Accept] has seen by then.
func (s *Service) ask(a *ask, stream network.Stream) error {
	ctx, cancel := context.WithTimeout(a.want.ctx, s.cfg.AskTimeout)
	defer cancel()
	err := bounded(ctx, stream, func() error { return s.request(a, stream) })
	switch {
	case err == nil:
		stream.Close()
		s.promised(a)
		return s.awaitOffer(a)
	case errors.Is(err, ErrDenied):
		stream.Close()
		return err
	case errors.Is(err, errNotNeeded):
		stream.Reset()
		return err
	default:
		stream.Reset()
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
}

// request sends the request and reads the answer.
func (s *Service) request(a *ask, stream network.Stream) error {
	r := Request{Conversation: a.want.Conversation, Interaction: a.want.Interaction, Device: s.cfg.Self}
	var err error
	if r.Start, r.End, err = s.rangeOf(a); err != nil {
		return err
	}
	raw, err := r.MarshalBinary()
	if err != nil {
		return err
	}
	s.mu.Lock()
	a.start = r.Start
	s.mu.Unlock()
	if !a.quiet {
		s.cfg.Observe(a.want.event(Asked, a.device, nil))
	}
	if _, err := stream.Write(raw); err != nil {
		return err
	}
	return readAnswer(stream)
}

// rangeOf is what a device is asked for. Of a file with a tree the first source is
// asked for all that is missing at one stretch.
func (s *Service) rangeOf(a *ask) (start, end int64, err error) {
	size := a.want.Target.Size
	switch {
	case a.piece != nil:
		start, end = a.piece.asked.Start, a.piece.asked.End
	case a.want.hasTree:
		f, err := s.fillOf(a.want.ctx, a.want)
		if err != nil {
			s.unopened(a.want, "", err)
			return 0, 0, fmt.Errorf("%w: %w", errNotNeeded, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(f.board.free) == 0 { // another device, asked at the same time, was first: this one is for the fill
			return 0, 0, errNotNeeded
		}
		start, end = f.board.free[0].Start, f.board.free[0].End
	default:
		return s.startOf(a.want, a.device), 0, nil
	}
	if end == size {
		end = 0
	}
	return start, end, nil
}

// promised notes an OK. While one stands nobody else is asked.
func (s *Service) promised(a *ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.promised = true
	a.want.promised++
}

func (s *Service) awaitOffer(a *ask) error {
	late := time.NewTimer(s.cfg.AskTimeout)
	defer late.Stop()
	select {
	case <-a.offered:
		return nil
	case <-late.C:
		return ErrNoOffer
	case <-a.want.ctx.Done():
		return context.Cause(a.want.ctx)
	}
}

// settle ends an ask. A device that failed rests.
func (s *Service) settle(a *ask, err error) {
	s.mu.Lock()
	w := a.want
	delete(w.asks, a.device)
	if a.promised {
		w.promised--
	}
	failed := err != nil && !a.wasOffered() && w.ctx.Err() == nil && !errors.Is(err, errNotNeeded)
	if failed {
		s.tiredLocked(w, a.device, a.appearances, err)
	}
	s.settleLocked(w)
	s.mu.Unlock()
	s.closeIdle(w)
	if failed {
		s.cfg.Observe(w.event(Denied, a.device, err))
	}
	s.poke()
}

// event tells of a want.
func (w *want) event(kind Kind, id peer.ID, err error) Event {
	return Event{Kind: kind, Conversation: w.Conversation, Interaction: w.Interaction, Device: id, Err: err}
}
