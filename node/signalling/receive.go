package signalling

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

// settling is how long after New requests of a kind that nobody handles wait for a
// handler.
const settling = 10 * time.Second

var (
	errExpired = errors.New("expired, or from a clock that is far ahead")
	errRate    = errors.New("too many requests of this device")
	errSlots   = errors.New("too many requests are being handled")
	errForeign = errors.New("signed by another device than the one that sent it")
)

// take receives a sealed message from an inbox. A request that was answered before
// is answered again.
func (s *Service) take(sealed []byte) {
	x, fresh, err := s.receive(sealed, "")
	if err != nil {
		s.log.Debug("drop a message from the inbox", "err", err)
		return
	}
	if x != nil && !fresh {
		s.again(x)
	}
}

// receive takes a sealed message. via is the device at the other end of a direct
// stream, which must be the signer, or "" for a message from an inbox. For a
// request it returns its session, and whether it is a new one; a fresh one that came
// directly is to be answered by the caller when it is done.
func (s *Service) receive(sealed []byte, via peer.ID) (x *session, fresh bool, err error) {
	e, err := parseEnvelope(sealed)
	if err != nil {
		return nil, false, err
	}
	if q := s.queryOf(e.key); q != nil {
		return nil, false, q.take(e)
	}
	hash := sha3.Sum256(sealed)
	if x := s.memory.seen(hash); x != nil {
		return x, false, viaSigner(via, x.from)
	}
	r, from, err := s.openRequest(e)
	if err != nil {
		return nil, false, err
	}
	if err := viaSigner(via, from); err != nil {
		return nil, false, err
	}
	return s.heed(from, r, hash, via != "")
}

func viaSigner(via, from peer.ID) error {
	if via != "" && via != from {
		return errForeign
	}
	return nil
}

// openRequest opens e with whichever of this device's keys it is for, and checks
// all that it says of itself.
func (s *Service) openRequest(e envelope) (*request, peer.ID, error) {
	content, err := s.open(e)
	if err != nil {
		return nil, "", err
	}
	r, err := parseRequest(content, s.selfKey)
	if err != nil {
		return nil, "", err
	}
	from, err := r.from()
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	if from == s.self {
		return nil, "", fmt.Errorf("%w: from this device itself", errContent)
	}
	if now.After(r.expires.Add(ClockGrace)) || r.expires.After(now.Add(MaxTTL+ClockGrace)) {
		err := fmt.Errorf("%w: a %q request of %s that ends %v from now", errExpired, r.kind, from, r.expires.Sub(now).Round(time.Second))
		if s.warnings.take("clock", now) {
			s.log.Warn("drop a request; if it is not an old one, compare the clocks", "err", err)
		}
		return nil, "", err
	}
	return r, from, nil
}

func (s *Service) open(e envelope) ([]byte, error) {
	for _, key := range append([]hpke.PrivateKey{s.fallback}, s.cfg.Keys.OpenKeys()...) {
		content, err := e.open(key, s.selfKey, isRequest)
		if !errors.Is(err, errWrongKey) {
			return content, err
		}
	}
	return nil, errWrongKey
}

// heed begins the session of a request, or finds it, and lets a new one be handled.
func (s *Service) heed(from peer.ID, r *request, hash [32]byte, direct bool) (*session, bool, error) {
	if !s.senders.take(from, time.Now()) {
		return nil, false, fmt.Errorf("%w: %s", errRate, from)
	}
	x, fresh, err := s.memory.begin(from, r.session, r.kind, hash, r.expires.Add(ClockGrace))
	if err != nil || !fresh {
		return x, false, err
	}
	release := s.slots.acquire(from, r.kind)
	if release == nil {
		s.memory.forget(x)
		return nil, false, fmt.Errorf("%w: %s", errSlots, from)
	}
	started := s.life.run(func() {
		defer release()
		s.work(x, r, direct)
	})
	if !started {
		release()
		s.memory.forget(x)
		return nil, false, ErrClosed
	}
	return x, true, nil
}

// work admits and handles a request, and sends the answer unless it came on a
// direct stream, whose own goroutine does. All that happens in the sender's slot,
// for to send an answer costs most.
func (s *Service) work(x *session, r *request, direct bool) {
	ctx, cancel := context.WithTimeout(s.life.ctx, s.cfg.Limits.HandlerTimeout)
	defer cancel()
	payload, err := s.handle(ctx, x.from, r)
	switch {
	case s.life.ctx.Err() != nil:
		s.memory.forget(x)
		return
	case errors.Is(err, ErrSilent):
		s.memory.silence(x)
		return
	}
	sealed, err := s.sealAnswer(x, r, payload, err)
	if err != nil {
		s.log.Warn("seal an answer", "peer", x.from, "kind", r.kind, "err", err)
		s.memory.forget(x)
		return
	}
	s.memory.finish(x, sealed)
	if !direct && s.memory.mayResend(x, time.Now()) {
		s.deliver(s.life.ctx, x)
	}
}

// handle asks Admit and the handler.
func (s *Service) handle(ctx context.Context, from peer.ID, r *request) ([]byte, error) {
	if s.cfg.Admit != nil {
		if err := s.cfg.Admit(ctx, from, r.account, r.kind); err != nil {
			return nil, err
		}
	}
	s.slots.admit(from, r.kind)
	s.lookAhead(from) // while it is handled
	h := s.handlerOf(ctx, r.kind)
	if h == nil {
		return nil, &Refusal{Reason: "this version does not know such requests"}
	}
	return h(ctx, Request{
		From: from, Account: r.account, Kind: r.kind, Payload: r.payload, Session: r.session, Expires: r.expires,
	})
}

// handlerOf gives the handler of a kind. Soon after New it waits for one to be set.
func (s *Service) handlerOf(ctx context.Context, kind string) Handler {
	settled := time.NewTimer(settling - time.Since(s.started))
	defer settled.Stop()
	for {
		s.mu.Lock()
		h, changed := s.handlers[kind], s.changed
		s.mu.Unlock()
		if h != nil {
			return h
		}
		select {
		case <-changed:
		case <-settled.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// sealAnswer makes the answer, a refusal if err is not nil, to the first copy of a
// request.
func (s *Service) sealAnswer(x *session, r *request, payload []byte, err error) ([]byte, error) {
	a := &answer{
		sender: s.selfKey, session: r.session, request: x.hash, expires: time.Now().Add(RequestTTL), payload: payload,
	}
	if err == nil && len(payload) > MaxPayload {
		err = fmt.Errorf("%w: an answer of %d bytes", ErrTooLarge, len(payload))
	}
	if err != nil {
		s.log.Debug("refuse a request", "peer", x.from, "kind", r.kind, "err", err)
		a.status, a.payload = refused, []byte(reasonOf(err))
	}
	return sealAnswer(a, s.cfg.Key, r.sender, r.reply)
}

// reasonOf gives the words that the other side may read: those of a *Refusal, none
// of any other error, which could tell of things here.
func reasonOf(err error) string {
	r, is := errors.AsType[*Refusal](err)
	if !is {
		return ""
	}
	reason := strings.ToValidUTF8(r.Reason, "\uFFFD")
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "") // not half a letter at its end
}

// again sends x's answer, if it has one and there is a slot, but not twice within
// answerAgain: copies of one request arrive from several servers at once.
func (s *Service) again(x *session) {
	if !x.finished() {
		return // who makes it sends it
	}
	if x.answer == nil || !s.memory.mayResend(x, time.Now()) {
		return
	}
	release := s.slots.acquire(x.from, x.kind)
	if release == nil {
		return
	}
	delivering := func() {
		defer release()
		s.deliver(s.life.ctx, x)
	}
	if !s.life.run(delivering) {
		release()
	}
}

// deliver brings x's answer to the requester: over a connection that stands, or
// through its inbox, up to three times until some server has taken it. More is for
// the requester to ask for, by resending.
func (s *Service) deliver(ctx context.Context, x *session) {
	if s.deliverDirect(ctx, x.from, x.answer) == nil {
		return
	}
	for n := range 3 {
		if n > 0 && !pause(ctx, backOff(n, resendFirst, resendLast)) {
			return
		}
		if taken, _ := s.leave(ctx, x.from, x.answer, RequestTTL); taken > 0 {
			return
		}
	}
	s.log.Debug("no server took an answer", "peer", x.from)
}
