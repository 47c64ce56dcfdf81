package signalling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// A server may push this many messages a second, and so many at once, which is
	// two full inboxes. One that pushes more is read more slowly.
	pushRate, pushBurst = 16, 128

	// Looks for servers are at least this far apart, and at most where events keep
	// asking for them.
	roundsLeast, roundsMost = 100 * time.Millisecond, 10 * time.Second
)

// mailbox is what a subscriber listens to.
type mailbox interface {
	// inboxes gives those that count at a time, one at least, the current one first.
	inboxes(now time.Time) []Inbox
	// ask gives the frame that subscribes to one of them at a server.
	ask(server peer.ID, i Inbox) frame
}

// deviceMailbox is a device's own inboxes: the connection proves whose they are.
type deviceMailbox struct{ device peer.ID }

func (m deviceMailbox) inboxes(now time.Time) (inboxes []Inbox) {
	for _, epoch := range epochsAround(now, epochMargin) {
		inboxes = append(inboxes, InboxOf(m.device, epoch))
	}
	return inboxes
}

func (m deviceMailbox) ask(_ peer.ID, i Inbox) frame { return subscribe{i} }

// subscriber listens to a mailbox at its inboxes' closest servers, this node among
// them if it is one, and looks again every minute, when a subscription ends, and when
// a server turns up that is nearer than one it uses.
type subscriber struct {
	host    host.Host
	box     mailbox
	closest *closest
	server  *server // this node's own, or nil
	life    *lifetime
	take    func(sealed []byte)
	log     *slog.Logger

	kick   chan struct{} // one waiting kick is enough
	events event.Subscription

	mu   sync.Mutex
	live map[listening]*following
}

// listening says where, following is the goroutine that does.
type (
	listening struct {
		inbox  Inbox
		server peer.ID
	}
	following struct {
		ctx    context.Context
		cancel context.CancelFunc
	}
)

// tag protects the connection to the server from being trimmed.
func (l listening) tag() string { return l.inbox.Key() }

func newSubscriber(h host.Host, box mailbox, c *closest, own *server, life *lifetime, take func([]byte), log *slog.Logger) *subscriber {
	return &subscriber{
		host: h, box: box, closest: c, server: own, life: life, take: take, log: log,
		kick: make(chan struct{}, 1), live: make(map[listening]*following),
	}
}

func (s *subscriber) start() (err error) {
	s.events, err = s.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerProtocolsUpdated),
	})
	if err != nil {
		return fmt.Errorf("subscribe to the host's events: %w", err)
	}
	s.life.run(s.watchPeers)
	s.life.run(s.run)
	return nil
}

// close gives the event subscription back; the lifetime has ended the rest.
func (s *subscriber) close() error { return s.events.Close() }

// current is the inbox that others use now.
func (s *subscriber) current() Inbox { return s.box.inboxes(time.Now())[0] }

// count tells at how many servers the current inbox is listened to.
func (s *subscriber) count() (n int, self bool) {
	inbox := s.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.live {
		if l.inbox == inbox {
			n++
			self = self || l.server == s.host.ID()
		}
	}
	return n, self
}

// alone tells that no other node serves the current inbox yet.
func (s *subscriber) alone() bool {
	n, self := s.count()
	return n == 0 || n == 1 && self
}

// run looks for servers until the lifetime ends.
func (s *subscriber) run() {
	rounds := pace{least: roundsLeast, most: roundsMost}
	for failures := 0; pause(s.life.ctx, rounds.wait(time.Now())); {
		s.round(s.life.ctx)
		again := resubscribe
		if s.alone() {
			failures++
			again = backOff(failures, roundsLeast, 2*roundsMost)
			rounds = pace{least: roundsLeast, most: roundsMost, gap: roundsLeast / 2, last: time.Now()}
		} else {
			failures = 0
		}
		s.await(again)
	}
}

// await returns after d, at a kick, or when the lifetime ends.
func (s *subscriber) await(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.kick:
	case <-s.life.ctx.Done():
	}
}

func (s *subscriber) nudge() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// round makes the subscriptions be those of the closest willing servers, for each
// inbox that counts now.
func (s *subscriber) round(ctx context.Context) {
	wanted := make(map[listening]bool)
	for _, inbox := range s.box.inboxes(time.Now()) {
		servers, err := s.closest.lookup(ctx, inbox)
		if err != nil {
			s.log.Debug("look for inbox servers", "err", err)
			servers = s.listeningAt(inbox)
		}
		try := func(p peer.ID) bool { return s.listen(ctx, listening{inbox, p}) }
		for _, p := range firstWilling(ctx, servers, Replicas, try) {
			wanted[listening{inbox, p}] = true
		}
	}
	if ctx.Err() == nil {
		s.endOthers(wanted)
	}
}

func (s *subscriber) listeningAt(inbox Inbox) (servers []peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.live {
		if l.inbox == inbox {
			servers = append(servers, l.server)
		}
	}
	return servers
}

func (s *subscriber) endOthers(wanted map[listening]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l, f := range s.live {
		if !wanted[l] {
			f.cancel()
			delete(s.live, l)
		}
	}
}

// listen subscribes at one server, if it has not yet, and tells whether it is
// subscribed.
func (s *subscriber) listen(ctx context.Context, l listening) bool {
	s.mu.Lock()
	_, already := s.live[l]
	s.mu.Unlock()
	if already {
		return true
	}
	if l.server == s.host.ID() {
		return s.listenHere(l)
	}
	st, err := openStream(ctx, s.host, l.server, InboxProtocol)
	if err != nil {
		s.log.Debug("subscribe", "server", l.server, "err", err)
		return false
	}
	reply, err := exchange(ctx, st, s.box.ask(l.server, l.inbox), frameTimeout)
	if _, isOK := reply.(ok); err != nil || !isOK {
		st.Reset()
		s.log.Debug("subscribe", "server", l.server, "err", err)
		return false
	}
	return s.follow(l, func(ctx context.Context) error { return s.read(ctx, st) })
}

// listenHere subscribes at this node's own server.
func (s *subscriber) listenHere(l listening) bool {
	sub, err := s.server.store.subscribe(l.inbox, "")
	if err != nil {
		return false
	}
	return s.follow(l, func(ctx context.Context) error { return s.readHere(ctx, sub) })
}

// follow runs read in a goroutine until it returns, and then looks for a
// replacement unless the subscription was ended from here. When the lifetime is over
// already, read ends the subscription at once.
func (s *subscriber) follow(l listening, read func(context.Context) error) bool {
	f := &following{}
	f.ctx, f.cancel = context.WithCancel(s.life.ctx)
	s.mu.Lock()
	s.live[l] = f
	s.mu.Unlock()
	s.host.ConnManager().Protect(l.server, l.tag())
	reading := func() {
		err := read(f.ctx)
		s.host.ConnManager().Unprotect(l.server, l.tag())
		if s.lost(l, f) {
			s.log.Debug("a subscription ended", "server", l.server, "err", err)
			s.nudge()
		}
		f.cancel()
	}
	started := s.life.run(reading)
	if !started {
		f.cancel()
		reading()
	}
	return started
}

// lost takes f out if it ended by itself, and tells whether it did.
func (s *subscriber) lost(l listening, f *following) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.ctx.Err() != nil || s.live[l] != f {
		return false
	}
	delete(s.live, l)
	return true
}

// read takes messages off a stream, no faster than pushRate, until it ends.
func (s *subscriber) read(ctx context.Context, st network.Stream) error {
	defer st.Reset()
	defer context.AfterFunc(ctx, func() { st.Reset() })()
	speed := newBuckets[struct{}](pushRate, pushBurst, 1)
	for {
		f, err := readFrame(st)
		if err != nil {
			return err
		}
		m, isMessage := f.(message)
		if !isMessage {
			return errors.New("the server sent something else than a message")
		}
		for !speed.take(struct{}{}, time.Now()) {
			if !pause(ctx, time.Second/pushRate) {
				return ctx.Err()
			}
		}
		s.take(m.body)
	}
}

func (s *subscriber) readHere(ctx context.Context, sub *subscription) error {
	defer s.server.store.unsubscribe(sub)
	for {
		if body := s.server.store.next(time.Now(), sub); body != nil {
			s.take(body)
			continue
		}
		select {
		case <-sub.wake:
		case <-sub.gone:
			return errors.New("replaced")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watchPeers looks for better servers when one turns up.
func (s *subscriber) watchPeers() {
	for {
		select {
		case e := <-s.events.Out():
			if p, spoken := serverIn(e); slices.Contains(spoken, InboxProtocol) && s.better(p) {
				s.nudge()
			}
		case <-s.life.ctx.Done():
			return
		}
	}
}

func serverIn(e any) (peer.ID, []protocol.ID) {
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		return e.Peer, e.Protocols
	case event.EvtPeerProtocolsUpdated:
		return e.Peer, e.Added
	}
	return "", nil
}

// better tells whether p should be among the servers of the current inbox and is not.
func (s *subscriber) better(p peer.ID) bool {
	inbox := s.current()
	servers := s.listeningAt(inbox)
	if slices.Contains(servers, p) {
		return false
	}
	if len(servers) < Replicas {
		return true
	}
	sortByDistance(inbox.Key(), servers)
	return distanceTo(inbox.Key(), p).less(distanceTo(inbox.Key(), servers[len(servers)-1]))
}
