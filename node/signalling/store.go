package signalling

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

// storedOverhead is what a stored message costs beside its bytes, roughly.
const storedOverhead = 512

// store keeps the messages of others' inboxes and wakes their subscribers. It
// knows no network and no clock: callers say what time it is.
//
// Room is shared out twice. Within an inbox, a sender may hold SenderMessages;
// when the inbox is full, what a live subscriber already has goes first, then the
// oldest message of the sender with most, provided that it has more than the
// newcomer. Over all inboxes, when StoreBytes are used up, the oldest message of
// the source address with most bytes goes, provided that it has more than the
// newcomer's.
type store struct {
	limits Limits

	mu      sync.Mutex
	inboxes map[Inbox]*box
	sources map[string]*source
	bytes   int // all messages, with overhead
	held    int // messages
	subs    int
}

// box is one inbox. It exists while it holds a message or has a subscriber.
type box struct {
	id    Inbox
	queue []*stored // by seq
	seq   uint64    // of the newest
	sub   *subscription
}

// source adds up what came from one address.
type source struct {
	bytes int
	queue list.List // of *stored, oldest first
	subs  int
}

type stored struct {
	letter
	hash      [32]byte
	box       *box
	expires   time.Time
	seq       uint64
	delivered bool
	place     *list.Element // in its source's queue
}

func (m *stored) cost() int { return len(m.body) + storedOverhead }

// letter is a message as it was put.
type letter struct {
	inbox  Inbox
	body   []byte
	ttl    time.Duration
	sender peer.ID
	source string // address group of the sender
}

// subscription reads one inbox on behalf of its owner. next gives what it has
// not read, wake tells that there may be more, and gone is closed when another
// subscription takes its place.
type subscription struct {
	box    *box
	source string
	cursor uint64
	wake   chan struct{}
	gone   chan struct{}
}

func newStore(limits Limits) *store {
	return &store{limits: limits, inboxes: make(map[Inbox]*box), sources: make(map[string]*source)}
}

// put keeps l and wakes the inbox's subscriber. It returns how many subscribers
// there are: 0 or 1. The same bytes again are kept once and delivered again. It
// keeps l.body.
func (s *store) put(now time.Time, l letter) (live int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxLocked(l.inbox)
	defer s.dropIfEmptyLocked(b)
	s.expireLocked(b, now)
	hash := sha3.Sum256(l.body)
	if m := b.find(hash); m != nil {
		b.requeue(m)
	} else if err := s.addLocked(now, b, &stored{letter: l, hash: hash, box: b, expires: now.Add(l.ttl)}); err != nil {
		return 0, err
	}
	return b.wake(), nil
}

func (s *store) addLocked(now time.Time, b *box, m *stored) error {
	if !s.roomInBoxLocked(b, m.sender) {
		return codeFull
	}
	if !s.roomInStoreLocked(now, m) {
		return codeBusy
	}
	m.place = s.sourceLocked(m.source).queue.PushBack(m)
	s.sources[m.source].bytes += m.cost()
	s.bytes += m.cost()
	s.held++
	b.append(m)
	s.inboxes[b.id] = b // making room may have emptied and dropped it
	return nil
}

// roomInBoxLocked makes room for one more message of sender, if it may have it.
func (s *store) roomInBoxLocked(b *box, sender peer.ID) bool {
	own := b.of(sender)
	if len(own) >= s.limits.SenderMessages {
		return s.evictLocked(firstDelivered(own))
	}
	if len(b.queue) < s.limits.InboxMessages {
		return true
	}
	if victim := firstDelivered(b.queue); victim != nil {
		return s.evictLocked(victim)
	}
	if most := b.largestShare(); len(most) > len(own) {
		return s.evictLocked(most[0])
	}
	return false
}

func (s *store) roomInStoreLocked(now time.Time, m *stored) bool {
	if s.bytes+m.cost() <= s.limits.StoreBytes {
		return true
	}
	for _, b := range s.inboxes {
		s.expireLocked(b, now)
	}
	for s.bytes+m.cost() > s.limits.StoreBytes {
		most := s.largestSourceLocked()
		own := s.sources[m.source]
		if most == nil || own != nil && most.bytes <= own.bytes+m.cost() {
			return false
		}
		s.evictLocked(most.queue.Front().Value.(*stored))
	}
	return true
}

func (s *store) largestSourceLocked() (most *source) {
	for _, x := range s.sources {
		if x.queue.Len() > 0 && (most == nil || x.bytes > most.bytes) {
			most = x
		}
	}
	return most
}

// evictLocked removes m and tells whether there was one.
func (s *store) evictLocked(m *stored) bool {
	if m == nil {
		return false
	}
	b := m.box
	b.queue = slices.DeleteFunc(b.queue, func(x *stored) bool { return x == m })
	s.forgetLocked(m)
	s.dropIfEmptyLocked(b)
	return true
}

// forgetLocked takes m, which is in no queue any more, off the books.
func (s *store) forgetLocked(m *stored) {
	x := s.sources[m.source]
	x.queue.Remove(m.place)
	x.bytes -= m.cost()
	s.bytes -= m.cost()
	s.held--
	s.dropSourceIfEmptyLocked(m.source)
}

func (s *store) expireLocked(b *box, now time.Time) {
	b.queue = slices.DeleteFunc(b.queue, func(m *stored) bool {
		old := !m.expires.After(now)
		if old {
			s.forgetLocked(m)
		}
		return old
	})
}

// sweep removes all that has expired.
func (s *store) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.inboxes {
		s.expireLocked(b, now)
		s.dropIfEmptyLocked(b)
	}
}

// subscribe begins to read an inbox from its oldest message. A second
// subscription to the same inbox replaces the first, which is the owner's too
// and most often a connection that died unnoticed.
func (s *store) subscribe(inbox Inbox, source string) (*subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxLocked(inbox)
	s.endLocked(b.sub)
	share := max(1, s.limits.Subscriptions/8)
	if s.subs >= s.limits.Subscriptions || source != "" && s.sourceLocked(source).subs >= share {
		s.dropSourceIfEmptyLocked(source)
		s.dropIfEmptyLocked(b)
		return nil, codeBusy
	}
	b.sub = &subscription{box: b, source: source, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	s.sourceLocked(source).subs++
	s.subs++
	return b.sub, nil
}

// unsubscribe ends x; it may have been replaced already.
func (s *store) unsubscribe(x *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.box.sub == x {
		s.endLocked(x)
		s.dropIfEmptyLocked(x.box)
	}
}

// endLocked takes x, which may be nil, off its inbox and closes x.gone.
func (s *store) endLocked(x *subscription) {
	if x == nil {
		return
	}
	x.box.sub = nil
	s.subs--
	s.sources[x.source].subs--
	s.dropSourceIfEmptyLocked(x.source)
	close(x.gone)
}

// next gives the oldest message that x has not read, or nil when there is none or
// x has ended. What it gave before counts as delivered.
func (s *store) next(now time.Time, x *subscription) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.box.sub != x {
		return nil
	}
	s.expireLocked(x.box, now)
	for _, m := range x.box.queue {
		if m.seq > x.cursor {
			x.cursor = m.seq
			return m.body
		}
		m.delivered = true
	}
	return nil
}

// counts tells how many messages are held and how many subscriptions served.
func (s *store) counts() (held, subs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.subs
}

func (s *store) boxLocked(id Inbox) *box {
	b := s.inboxes[id]
	if b == nil {
		b = &box{id: id}
		s.inboxes[id] = b
	}
	return b
}

func (s *store) dropIfEmptyLocked(b *box) {
	if len(b.queue) == 0 && b.sub == nil {
		delete(s.inboxes, b.id)
	}
}

func (s *store) sourceLocked(name string) *source {
	x := s.sources[name]
	if x == nil {
		x = &source{}
		s.sources[name] = x
	}
	return x
}

func (s *store) dropSourceIfEmptyLocked(name string) {
	if x := s.sources[name]; x != nil && x.subs == 0 && x.queue.Len() == 0 {
		delete(s.sources, name)
	}
}

func (b *box) find(hash [32]byte) *stored {
	for _, m := range b.queue {
		if m.hash == hash {
			return m
		}
	}
	return nil
}

func (b *box) append(m *stored) {
	b.seq++
	m.seq = b.seq
	b.queue = append(b.queue, m)
}

// requeue moves m behind the others, so that it is delivered again.
func (b *box) requeue(m *stored) {
	b.queue = slices.DeleteFunc(b.queue, func(x *stored) bool { return x == m })
	b.append(m)
}

// wake tells the subscriber that there is more, and returns how many there are.
func (b *box) wake() int {
	if b.sub == nil {
		return 0
	}
	select {
	case b.sub.wake <- struct{}{}:
	default:
	}
	return 1
}

// of gives sender's messages, oldest first.
func (b *box) of(sender peer.ID) (own []*stored) {
	for _, m := range b.queue {
		if m.sender == sender {
			own = append(own, m)
		}
	}
	return own
}

// largestShare gives the messages of the sender that has most, oldest first.
func (b *box) largestShare() (most []*stored) {
	shares := make(map[peer.ID][]*stored)
	for _, m := range b.queue {
		shares[m.sender] = append(shares[m.sender], m)
		if own := shares[m.sender]; len(own) > len(most) {
			most = own
		}
	}
	return most
}

func firstDelivered(queue []*stored) *stored {
	for _, m := range queue {
		if m.delivered {
			return m
		}
	}
	return nil
}
