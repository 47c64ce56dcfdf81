package rerequest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Accept takes the offers of wanted files; it is called before the app's own
// filexfer.Config.Accept, which gets what is not wanted. The filexfer.Config
// needs Ranges.
//
// The first offer that suits wins, be it asked for or not: it comes from a
// member's device, begins with the first byte that is missing here, ends with
// the file, and names no other sum than the announced one. Others are refused
// with their reason; but of a file with a tree each range is taken that was asked
// for. The sink must be used: its Commit or Abort ends the claim.
func (s *Service) Accept(ctx context.Context, o filexfer.Offer) (sink filexfer.Sink, wanted bool, err error) {
	if o.Conversation == "" { // no key of a file that belongs to no entry
		return nil, false, nil
	}
	s.mu.Lock()
	w := s.wants[key{o.Conversation, o.Interaction}]
	s.mu.Unlock()
	if w == nil {
		return nil, false, nil
	}
	if w.hasTree {
		sink, err = s.takeRange(ctx, w, o)
	} else {
		sink, err = s.take(ctx, w, o)
	}
	if err != nil {
		s.cfg.Logger.Debug("an offer of a wanted file was refused", "peer", o.From, "err", err)
		return nil, true, err
	}
	return sink, true, nil
}

// take goes from an offer to the claim on its want.
func (s *Service) take(ctx context.Context, w *want, o filexfer.Offer) (filexfer.Sink, error) {
	if err := s.cfg.Directory.Check(ctx, w.Conversation, o.From); err != nil {
		return nil, s.blame(w, o, refuse("not one of a member's devices", err))
	}
	if err := w.suits(o); err != nil {
		return nil, s.blame(w, o, err)
	}
	c, err := s.claim(w, o)
	if err != nil {
		return nil, err
	}
	if start := s.startOf(w, o.From); start != o.Offset {
		defer s.release(c)
		return nil, s.outdated(w, o, start)
	}
	file, err := c.open(ctx)
	if err != nil {
		s.free(c, err)
		return nil, err
	}
	if start := file.Have(); start != o.Offset { // what was there could not be right
		file.Abort()
		defer s.release(c)
		return nil, s.outdated(w, o, start)
	}
	claimed := w.event(Claimed, o.From, nil)
	claimed.Offer = &o
	s.cfg.Observe(claimed)
	return &sink{FileSink: file, claim: c}, nil
}

// suits tells what is wrong with an offer at any time.
func (w *want) suits(o filexfer.Offer) error {
	switch {
	case o.Offset+o.Size != w.Target.Size:
		return refuse(fmt.Sprintf("the file has %d bytes", w.Target.Size), ErrMismatch)
	case o.Offset == 0 && o.Sum != "" && o.Sum != w.Target.Sum:
		return refuse("the sum is not the announced one", ErrMismatch)
	default:
		return nil
	}
}

// refuse says no with a reason.
func refuse(reason string, err error) error {
	return fmt.Errorf("%w: %w", &filexfer.Refusal{Reason: reason}, err)
}

// blame lets the device rest that made a wrong offer.
func (s *Service) blame(w *want, o filexfer.Offer, err error) error {
	s.mu.Lock()
	a := w.askOfLocked(o)
	if a != nil && a.piece != nil {
		a.wrong = err // its pull tells
		a.offeredLocked()
		a = nil
	}
	if a != nil {
		a.offeredLocked()
		s.tiredLocked(w, o.From, a.appearances, err)
	}
	s.mu.Unlock()
	if a != nil {
		s.cfg.Observe(w.event(Denied, o.From, err))
	}
	return err
}

// outdated refuses an offer that begins elsewhere than what is missing. It is
// the device's fault only if it was not asked so: that is to be found out before the end
// of a claim lets it be asked again, for something else.
func (s *Service) outdated(w *want, o filexfer.Offer, start int64) error {
	err := refuse(fmt.Sprintf("byte %d is the next one missing", start), ErrMismatch)
	s.mu.Lock()
	a := w.asks[o.From]
	asAsked := a == nil || a.start == o.Offset
	s.mu.Unlock()
	if asAsked {
		return err
	}
	return s.blame(w, o, err)
}

// claim is the right of one device to bring a wanted file.
type claim struct {
	service     *Service
	want        *want
	device      peer.ID
	appearances uint64 // of the device, when it offered
	start       int64
	took        int64 // bytes so far; the sink's
	failed      error // what the sink failed with; the sink's
}

// claim gives the want to the offer, if it is free. The ask that led to the
// offer has come to its end.
func (s *Service) claim(w *want, o filexfer.Offer) (*claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := w.asks[o.From]; a != nil && a.start == o.Offset {
		a.offeredLocked()
	}
	switch {
	case s.closed:
		return nil, filexfer.ErrClosed
	case w.ctx.Err() != nil:
		return nil, refuse("not wanted any more", ErrForgotten)
	case w.claim != nil:
		return nil, refuse("already downloading", filexfer.ErrRefused)
	case !w.rest.isOver(time.Now()):
		return nil, refuse("it cannot be stored now", filexfer.ErrRefused)
	case s.claims >= s.cfg.MaxFetching:
		return nil, filexfer.ErrBusy
	}
	w.claim = &claim{
		service:     s,
		want:        w,
		device:      o.From,
		appearances: s.deviceLocked(o.From).appearances,
		start:       o.Offset,
	}
	s.claims++
	s.active[w] = struct{}{}
	return w.claim, nil
}

// open makes the sink of a claim. That ctx ends is the offering device's fault.
func (c *claim) open(ctx context.Context) (*filexfer.FileSink, error) {
	w := c.want
	if c.start == 0 && filexfer.PartSize(w.Target) > 0 {
		c.service.removePart(w) // others brought it
	}
	c.service.mu.Lock()
	if c.start == 0 {
		w.from = c.device
	} else if w.from != c.device {
		w.from = ""
	}
	c.service.mu.Unlock()
	file, err := filexfer.OpenFileSink(ctx, w.Target)
	if ctx.Err() != nil && err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInterrupted, err)
	}
	return file, err
}

// release ends a claim that came to nothing.
func (s *Service) release(c *claim) {
	s.mu.Lock()
	s.endLocked(c)
	s.mu.Unlock()
	s.poke()
}

func (s *Service) endLocked(c *claim) {
	c.want.claim = nil
	s.claims--
	s.settleLocked(c.want)
}

// free ends a claim that did not bring the whole file. Others are asked, for
// what is missing; after a wrong sum from the beginning.
func (s *Service) free(c *claim, reason error) {
	s.mu.Lock()
	s.judgeLocked(c, reason)
	s.endLocked(c)
	forgotten := c.want.forgotten
	s.mu.Unlock()
	if forgotten {
		s.removePart(c.want)
		return
	}
	s.cfg.Observe(c.want.event(Freed, c.device, reason))
	s.poke()
}

// judgeLocked finds out whose fault it is that a claim failed.
func (s *Service) judgeLocked(c *claim, reason error) {
	w := c.want
	m := w.marks[c.device]
	switch {
	case errors.Is(reason, ErrBadSum) && w.from == c.device:
		m.wrong = true
		m.rest.begin(s.cfg.Retry)
	case errors.Is(reason, ErrBadSum):
		w.oneOnly = true // the part came from several, and one of them lies
	case !errors.Is(reason, ErrInterrupted):
		w.rest.begin(s.cfg.Retry) // this side failed
	case s.deviceLocked(c.device).appearances == c.appearances:
		if c.took > 0 {
			m.rest.pause = 0
		}
		m.rest.begin(s.cfg.Retry)
	}
	w.marks[c.device] = m
}

// done ends a claim and its want.
func (s *Service) done(c *claim, path string) {
	w := c.want
	s.mu.Lock()
	if k := (key{w.Conversation, w.Interaction}); s.wants[k] == w {
		delete(s.wants, k)
	}
	s.endLocked(c)
	s.mu.Unlock()
	w.cancel(nil)
	done := w.event(Done, c.device, nil)
	done.Path = path
	s.cfg.Observe(done)
	s.poke()
}

// sink is a FileSink whose end is the end of a claim.
type sink struct {
	*filexfer.FileSink
	claim *claim
	sum   hash.Hash // of all bytes; nil until the service has asked for it
}

var _ filexfer.PartSink = (*sink)(nil)

// Hash gives the running sum, and keeps it for the case that the transfer is
// given up because of it.
func (k *sink) Hash() hash.Hash {
	k.sum = k.FileSink.Hash()
	return k.sum
}

// Write appends to the part, while the file is wanted.
func (k *sink) Write(p []byte) (int, error) {
	if err := k.unwanted(); err != nil {
		return 0, err
	}
	n, err := k.FileSink.Write(p)
	k.claim.took += int64(n)
	if err != nil {
		k.claim.failed = err
	}
	return n, err
}

// Commit verifies the whole file and gives it its name.
func (k *sink) Commit() error {
	if err := k.unwanted(); err != nil {
		return err
	}
	if err := k.FileSink.Commit(); err != nil {
		k.claim.failed = err
		return err
	}
	k.claim.service.done(k.claim, k.Path())
	return nil
}

// Abort keeps the part for the next device.
func (k *sink) Abort() error {
	err := k.FileSink.Abort()
	k.claim.service.free(k.claim, k.reason())
	return err
}

func (k *sink) unwanted() error {
	s := k.claim.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.claim.want.forgotten {
		return ErrForgotten
	}
	return nil
}

// reason is why there is no whole file: who receives it says only that.
func (k *sink) reason() error {
	c := k.claim
	switch {
	case c.failed != nil:
		return c.failed
	case c.start+c.took == c.want.Target.Size && k.sum != nil && hex.EncodeToString(k.sum.Sum(nil)) != c.want.Target.Sum:
		return ErrBadSum
	default:
		return ErrInterrupted
	}
}
