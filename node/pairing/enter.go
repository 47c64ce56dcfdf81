package pairing

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"
)

// Enter uses a code that is shown elsewhere: within ExchangeTime, it proves that the
// code is known here, and who self is, to who shows it. The first answer burns the
// code on this device, on its disk, before it is looked at; without any answer the
// same code may be entered again.
//
// Errors: ErrUsed (no answer, or none any more), ErrWrongCode, ErrOffline, ErrSelf,
// ErrBurnt, ErrLive, ErrFull, ErrClosed, or the context's.
func (s *Service) Enter(ctx context.Context, c Code, self Party) (Result, error) {
	self = self.told(c.purpose)
	if err := s.check(c, Enters, self); err != nil {
		return Result{}, err
	}
	ctx, end, err := s.begin(ctx, Enters, c)
	if err != nil {
		return Result{}, err
	}
	defer end()
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.ExchangeTime, ErrUsed)
	defer cancel()
	inbox, messages, err := s.newInbox(ctx)
	if err != nil {
		return Result{}, err
	}
	p := c.parts()[0]
	t, err := startTyping(c.purpose, p, inbox)
	if err != nil {
		return Result{}, err
	}
	s.observe(Enters, c, Waiting)
	meeting := func() ed25519.PublicKey {
		return meetingKey(p.public, hourAt(time.Now())).Public().(ed25519.PublicKey)
	}
	a, err := converse[answer](ctx, s, t.hello, meeting, messages)
	if err != nil {
		return Result{}, err
	}
	if err := s.burn(c); err != nil {
		return Result{}, err
	}
	s.observe(Enters, c, Exchange)
	return s.prove(ctx, c, t, a, self, messages)
}

// prove looks at the answer and, if it is right, tells who self is.
func (s *Service) prove(ctx context.Context, c Code, t *typist, a answer, self Party, messages <-chan []byte) (Result, error) {
	keys, err := t.finish(a)
	if err != nil {
		if errors.Is(err, ErrWrongCode) {
			s.leaveCopies(over{a.session}, a.inbox, copies)
		}
		return Result{}, err
	}
	box, err := sealParty(keys.typeSeal, self)
	if err != nil {
		return Result{}, err
	}
	w, err := converse[welcome](ctx, s, proof{a.session, keys.typeTag, box}, func() ed25519.PublicKey { return a.inbox[:] }, messages)
	if err != nil {
		return Result{}, err
	}
	other, err := openParty(keys.showSeal, w.party)
	if err != nil {
		return Result{}, errors.Join(ErrWrongCode, err)
	}
	result, err := accept(c, Shows, self, other, keys)
	if err == nil {
		s.observe(Enters, c, Proven)
	}
	return result, err
}
