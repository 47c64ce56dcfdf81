package pairing

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"
)

// copies of the last messages that are left, a few seconds apart.
const copies = 4

// Show is ShowFor the configured Lifetime.
func (s *Service) Show(ctx context.Context, c Code, self Party) (Result, error) {
	return s.ShowFor(ctx, c, self, s.cfg.Lifetime)
}

// ShowFor waits, for life (at most MaxLifetime), until the code is entered elsewhere,
// and proves to who enters it that it is known here, and who self is. However it ends,
// the code is burnt: the first who comes gets the one answer there is, and that this
// is so is on the disk before. Cancelling ctx takes the code back.
//
// Errors: ErrExpired, ErrSilent (somebody began, and did not go on), ErrWrongCode,
// ErrOffline, ErrBurnt, ErrLive, ErrTooMany, ErrFull, ErrGuessed, ErrClosed, or the
// context's.
func (s *Service) ShowFor(ctx context.Context, c Code, self Party, life time.Duration) (r Result, err error) {
	self = self.told(c.purpose)
	if err := s.check(c, Shows, self); err != nil {
		return Result{}, err
	}
	if life <= 0 || life > MaxLifetime {
		return Result{}, fmt.Errorf("a code is shown for %v at most, not for %v", MaxLifetime, life)
	}
	ctx, end, err := s.begin(ctx, Shows, c)
	if err != nil {
		return Result{}, err
	}
	defer end()
	defer func() { s.noteGuess(c, err) }()
	return s.show(ctx, c, self, life)
}

// show goes from the first who listens to the end of the one exchange.
func (s *Service) show(ctx context.Context, c Code, self Party, life time.Duration) (Result, error) {
	s.observe(Shows, c, Waiting)
	p, h, err := s.awaitHello(ctx, c, life)
	if err := cmp.Or(err, s.burn(c), context.Cause(ctx)); err != nil {
		return Result{}, err
	}
	s.observe(Shows, c, Exchange)
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.ExchangeTime, ErrSilent)
	defer cancel()
	return s.answer(ctx, c, p, h, self)
}

// answer does all that follows on a hello that was left where p's public part says.
func (s *Service) answer(ctx context.Context, c Code, p part, h hello, self Party) (Result, error) {
	inbox, messages, err := s.newInbox(ctx)
	if err != nil {
		return Result{}, err
	}
	a, keys, err := answerTo(c.purpose, p, h, inbox)
	if err != nil {
		return Result{}, err
	}
	proven, err := converse[proof](ctx, s, a, func() ed25519.PublicKey { return h.inbox[:] }, messages)
	if err != nil {
		return Result{}, err
	}
	other, err := keys.openProof(proven)
	if err != nil {
		s.leaveCopies(over{h.session}, h.inbox, copies)
		return Result{}, err
	}
	return s.welcome(ctx, c, h, keys, self, other)
}

// welcome tells the other side who self is.
func (s *Service) welcome(ctx context.Context, c Code, h hello, keys secrets, self, other Party) (Result, error) {
	result, err := accept(c, Enters, self, other, keys)
	if err != nil {
		s.leaveCopies(over{h.session}, h.inbox, copies)
		return Result{}, err
	}
	box, err := sealParty(keys.showSeal, self)
	if err != nil {
		return Result{}, err
	}
	m := welcome{h.session, box}
	if err := s.leaveOnce(ctx, m, h.inbox); err != nil {
		return Result{}, err
	}
	s.leaveCopies(m, h.inbox, copies)
	s.observe(Shows, c, Proven)
	return result, nil
}

// awaitHello gives the first well-formed hello, and the form of the code that it was
// left for. When it returns, nobody listens any more.
func (s *Service) awaitHello(ctx context.Context, c Code, life time.Duration) (part, hello, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, life, ErrExpired)
	knocks := make(chan knock)
	done := make(chan struct{})
	go func() { defer close(done); s.listen(ctx, c, knocks) }()
	defer func() { cancel(); <-done }()
	for {
		select {
		case k := <-knocks:
			if k.err != nil {
				return part{}, hello{}, k.err
			}
			m, err := parseMessage(k.raw)
			if h, is := m.(hello); err == nil && is {
				return k.part, h, nil
			}
			s.log.Debug("pairing: drop what is no hello", "bytes", len(k.raw), "err", err)
		case <-ctx.Done():
			return part{}, hello{}, context.Cause(ctx)
		}
	}
}

// knock is what came to one of a code's inboxes, or why it could not be listened to.
type knock struct {
	part part
	raw  []byte
	err  error
}

// listen listens to the code's inboxes at each hour while it counts, until ctx ends.
func (s *Service) listen(ctx context.Context, c Code, to chan<- knock) {
	var wg sync.WaitGroup
	defer wg.Wait()
	open := make(map[int64]context.CancelFunc)
	for {
		hours := hoursAround(time.Now())
		for _, hour := range hours {
			if open[hour] != nil {
				continue
			}
			hourCtx, cancel := context.WithCancel(ctx)
			open[hour] = cancel
			for _, p := range c.parts() {
				wg.Go(func() { s.listenAt(hourCtx, p, hour, to) })
			}
		}
		closeOthers(open, hours)
		if !pause(ctx, time.Minute) {
			closeOthers(open, nil)
			return
		}
	}
}

func closeOthers(open map[int64]context.CancelFunc, hours []int64) {
	wanted := make(map[int64]bool)
	for _, h := range hours {
		wanted[h] = true
	}
	for h, cancel := range open {
		if !wanted[h] {
			cancel()
			delete(open, h)
		}
	}
}

func (s *Service) listenAt(ctx context.Context, p part, hour int64, to chan<- knock) {
	messages, err := s.cfg.Inboxes.Listen(ctx, meetingKey(p.public, hour))
	if err != nil {
		send(ctx, to, knock{err: err})
		return
	}
	for raw := range messages {
		if !send(ctx, to, knock{part: p, raw: raw}) {
			return
		}
	}
	if ctx.Err() == nil {
		send(ctx, to, knock{err: ErrClosed})
	}
}

func send(ctx context.Context, to chan<- knock, k knock) bool {
	select {
	case to <- k:
		return true
	case <-ctx.Done():
		return false
	}
}
