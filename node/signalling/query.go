package signalling

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/conversation"
)

// Request asks the device to a question of a kind (see Handle) and returns its answer.
// payload is at most MaxPayload bytes and is not kept. It sends until it is answered
// or ctx ends: over a connection to the device if one stands, else through the
// device's inbox, which also reaches a device that comes up meanwhile. Cancelling
// ctx leaves what was put in inboxes there for at most RequestTTL.
//
// A refusal is a *Refusal (ErrRefused). When ctx ends, the error wraps
// ErrNoServer or ErrNoAnswer, and the context's error. Without sending anything it
// fails with ErrTooLarge, ErrBusy or ErrClosed.
func (s *Service) Request(ctx context.Context, to peer.ID, kind string, payload []byte) (answer []byte, err error) {
	if !s.life.enter() {
		return nil, ErrClosed
	}
	defer s.life.leave()
	q, err := s.newQuery(to, kind, payload)
	if err != nil {
		return nil, fmt.Errorf("signalling: request to %s: %w", to, err)
	}
	defer s.endQuery(q)
	if answer, err = q.run(ctx); err != nil {
		return nil, fmt.Errorf("signalling: %s request to %s: %w", kind, to, err)
	}
	return answer, nil
}

// query is one of this node's own requests, from first sending to answer.
type query struct {
	s       *Service
	to      peer.ID
	toKey   ed25519.PublicKey
	kind    string
	payload []byte
	session Session
	reply   hpke.PrivateKey
	replyID keyID
	answers chan *answer // takes the first

	telling sync.Mutex // held while Observe is told, so that phases come in order
	told    []Phase    // so far

	mu      sync.Mutex
	sealed  []byte // the copy that is being sent
	expires time.Time
	copies  [][32]byte // hashes of those that were made, the latest maxCopies
	direct  bool       // the recipient itself took it
	left    bool       // a server took it, at this sending or before
	taken   int        // servers that took it at the latest sending
	live    int        // of those, the ones the recipient listens at
}

func (s *Service) newQuery(to peer.ID, kind string, payload []byte) (*query, error) {
	if to == s.self {
		return nil, errors.New("it is this device itself")
	}
	if !validKind(kind) {
		return nil, fmt.Errorf("kind %q is not 1 to %d of a-z 0-9 . -", kind, MaxKind)
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("%w: a payload of %d bytes exceeds %d", ErrTooLarge, len(payload), MaxPayload)
	}
	toKey, err := deviceKey(to)
	if err != nil {
		return nil, err
	}
	reply, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make a reply key: %w", err)
	}
	q := &query{
		s: s, to: to, toKey: toKey, kind: kind, payload: slices.Clone(payload),
		reply: reply, replyID: keyIDOf(suiteXWing, reply.PublicKey()), answers: make(chan *answer, 1),
	}
	rand.Read(q.session[:]) // never fails
	return q, s.beginQuery(q)
}

func (s *Service) beginQuery(q *query) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queries) >= s.cfg.Limits.Requests {
		return ErrBusy
	}
	s.queries[q.replyID] = q
	return nil
}

func (s *Service) endQuery(q *query) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.queries, q.replyID)
}

// queryOf gives the query whose answers are sealed for a key, or nil.
func (s *Service) queryOf(id keyID) *query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries[id]
}

// run sends, waits, and sends again, until there is an answer or ctx ends.
func (q *query) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := q.s.life.bound(ctx)
	defer cancel()
	var (
		sent   = make(chan error, 1)
		due    = time.NewTimer(0)
		sends  int
		latest error
	)
	defer due.Stop()
	for {
		select {
		case <-due.C:
			sends++
			q.s.life.run(func() { sent <- q.send(ctx) })
		case latest = <-sent:
			due.Reset(q.backOff(sends))
		case a := <-q.answers:
			q.arrived()
			q.report(Sealed)
			q.report(Answered)
			return a.result()
		case <-ctx.Done():
			return nil, q.gaveUp(ctx, latest)
		}
	}
}

// arrived counts the server that must have taken and pushed the request, if the
// answer to it was faster than all servers' replies.
func (q *query) arrived() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.direct && q.taken == 0 {
		q.taken, q.live = 1, 1
	}
}

// backOff gives the pause after the nth sending, a short one as long as nobody
// has taken the request.
func (q *query) backOff(n int) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken == 0 && !q.direct {
		return backOff(n, resendFirst/4, resendLast/4)
	}
	return backOff(n, resendFirst, resendLast)
}

// gaveUp says why there is no answer when ctx has ended.
func (q *query) gaveUp(ctx context.Context, latest error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.s.life.ctx.Err() != nil:
		return ErrClosed
	case q.left || q.direct:
		return fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx))
	case latest != nil:
		return fmt.Errorf("%w: %w (%w)", ErrNoServer, latest, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w", ErrNoServer, context.Cause(ctx))
}

// send sends the request once, and returns when that is done; an answer may come
// before.
func (q *query) send(ctx context.Context) error {
	q.s.lookAhead(q.to) // while the key is looked up
	sealed, ttl, err := q.current(ctx)
	if err != nil {
		return err
	}
	if err = q.sendDirect(ctx, sealed); err == nil || ctx.Err() != nil {
		return err
	}
	if !errors.Is(err, errNotConnected) {
		q.s.log.Debug("use the inbox, the direct way failed", "peer", q.to, "err", err)
	}
	return q.sendInbox(ctx, sealed, ttl)
}

// current gives the sealed request, made anew when the last copy is about to
// expire, and how long it is still good for.
func (q *query) current(ctx context.Context) (sealed []byte, ttl time.Duration, err error) {
	q.mu.Lock()
	sealed, ttl = q.sealed, time.Until(q.expires)
	q.mu.Unlock()
	if sealed != nil && ttl > resealBefore && ttl <= RequestTTL { // more if the clock was set back
		return sealed, ttl, nil
	}
	key, err := q.s.keyOf(ctx, q.to, q.toKey)
	if err != nil {
		return nil, 0, fmt.Errorf("find the recipient's key: %w", err)
	}
	expires := time.Now().Round(0).Add(RequestTTL) // by the wall clock, as the recipient reads it
	sealed, err = sealRequest(&request{
		sender: q.s.selfKey, account: q.account(), session: q.session, expires: expires,
		reply: q.reply.PublicKey(), kind: q.kind, payload: q.payload,
	}, q.s.cfg.Key, q.toKey, key)
	if err != nil {
		return nil, 0, err
	}
	q.keep(sealed, expires)
	return sealed, RequestTTL, nil
}

// account is the one that the recipient is told.
func (q *query) account() conversation.Account {
	if conceals := q.s.cfg.Conceals; conceals != nil && conceals(q.to, q.kind) {
		return conversation.Account(q.s.selfKey)
	}
	return q.s.cfg.Account
}

func (q *query) keep(sealed []byte, expires time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sealed, q.expires = sealed, expires
	if len(q.copies) == maxCopies {
		q.copies = q.copies[1:]
	}
	q.copies = append(q.copies, sha3.Sum256(sealed))
}

// keyOf gives the key to seal to: the one in the device's record, or the X25519
// form of its peer ID if the record is not known or is not found in keyTimeout.
func (s *Service) keyOf(ctx context.Context, p peer.ID, device ed25519.PublicKey) (hpke.PublicKey, error) {
	lookup, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	key, err := s.cfg.Keys.SealKey(lookup, p)
	if err == nil && key != nil {
		return key, nil
	}
	if err == nil || errors.Is(err, ErrNoKey) || lookup.Err() != nil && ctx.Err() == nil {
		s.log.Debug("seal to the peer ID", "peer", p, "err", err)
		return fallbackKey(device)
	}
	return nil, err
}

// sendDirect hands the request over on a standing connection and waits a while for
// the answer on the same stream. An error means that the inbox should be used.
func (q *query) sendDirect(ctx context.Context, sealed []byte) error {
	st, err := q.s.dialDirect(ctx, q.to)
	if err != nil {
		return err
	}
	err = q.converse(ctx, st, sealed)
	finish(st, err)
	return err
}

func (q *query) converse(ctx context.Context, st network.Stream, sealed []byte) error {
	q.report(Found)
	if err := handOver(ctx, st, sealed); err != nil {
		return err
	}
	q.mu.Lock()
	q.direct = true
	q.mu.Unlock()
	q.report(Sealed)
	reply, err := readTimed(ctx, st, directPatience)
	if err != nil {
		return fmt.Errorf("await the answer: %w", err)
	}
	m, isMessage := reply.(message)
	if !isMessage {
		return fmt.Errorf("%w: not the answer that was due", errFrame)
	}
	e, err := parseEnvelope(m.body)
	if err != nil {
		return err
	}
	return q.take(e)
}

// sendInbox leaves the request at the servers of the recipient's inbox.
func (q *query) sendInbox(ctx context.Context, sealed []byte, ttl time.Duration) error {
	inbox := InboxOf(q.to, EpochAt(time.Now()))
	servers, err := q.s.closest.servers(ctx, inbox)
	if err != nil {
		return err
	}
	q.mu.Lock()
	q.taken, q.live = 0, 0
	q.mu.Unlock()
	q.reportFound(min(len(servers), Replicas))
	taken, err := q.s.putAll(ctx, servers, put{inbox, ttl, sealed}, q.count)
	if taken > 0 && ctx.Err() == nil {
		q.report(Sealed)
	}
	return err
}

// count notes that a server took the request and pushes it to live subscribers.
func (q *query) count(live int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left = true
	q.taken++
	q.live += min(live, 1)
}

// take opens an answer and lets run have it if it is the one that is waited for.
func (q *query) take(e envelope) error {
	content, err := e.open(q.reply, q.s.selfKey, isAnswer)
	if err != nil {
		return err
	}
	a, err := parseAnswer(content, q.s.selfKey)
	if err != nil {
		return err
	}
	if err := q.check(a); err != nil {
		return err
	}
	select {
	case q.answers <- a:
	default: // run has one already
	}
	return nil
}

// check tells whether a is the asked device's answer to this request.
func (q *query) check(a *answer) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !a.sender.Equal(q.toKey):
		return fmt.Errorf("%w: an answer by another device", errContent)
	case a.session != q.session || !slices.Contains(q.copies, a.request):
		return fmt.Errorf("%w: an answer to something else", errContent)
	case time.Now().After(a.expires.Add(ClockGrace)):
		return fmt.Errorf("%w: an answer", errExpired)
	}
	return nil
}

// result is what Request returns for a.
func (a *answer) result() ([]byte, error) {
	if a.status == answered {
		return a.payload, nil
	}
	r := &Refusal{}
	if a.status == refused {
		r.Reason = string(a.payload[:min(len(a.payload), maxReason)])
	}
	return nil, r
}

// report tells that the query has come to a phase, once.
func (q *query) report(p Phase) { q.tell(p, 0) }

// reportFound tells that n servers are known.
func (q *query) reportFound(n int) { q.tell(Found, n) }

func (q *query) tell(p Phase, servers int) {
	q.telling.Lock()
	defer q.telling.Unlock()
	if slices.Contains(q.told, p) {
		return
	}
	q.told = append(q.told, p)
	q.mu.Lock()
	e := Event{Peer: q.to, Session: q.session, Kind: q.kind, Phase: p, Servers: servers, Direct: p == Found && servers == 0}
	if p != Found {
		e.Servers, e.Live, e.Direct = q.taken, q.live, q.direct
	}
	q.mu.Unlock()
	q.s.observe(e)
}
