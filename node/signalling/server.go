package signalling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// elsewhere is how many connected servers must be nearer to an inbox than this
// one before it is refused: as many as a DHT lookup returns, so that no client
// that looked properly is turned away. Only neighbours that this node is connected
// to are considered, because a DHT lookup for each put would cost more than the
// put; a DHT server is connected to most of its nearest.
const elsewhere = 20

// server keeps inboxes and pushes messages to their owners. The connection proves
// who owns a device's inbox, and a signature who owns a drop.
type server struct {
	host    host.Host
	store   *store
	kept    *kept
	sources *buckets[string]
	life    *lifetime
	onStore func(Inbox, []byte)
	log     *slog.Logger
}

func newServer(h host.Host, l Limits, life *lifetime, onStore func(Inbox, []byte), log *slog.Logger) *server {
	return &server{
		host: h, store: newStore(l), kept: &kept{host: h, most: l.Kept},
		sources: newBuckets[string](l.SourceRate, l.SourceBurst, 4096),
		life:    life, onStore: onStore, log: log,
	}
}

func (s *server) start() {
	s.life.run(s.sweep)
	s.host.SetStreamHandler(InboxProtocol, s.handle)
}

// stop takes no more streams; the lifetime's end ends those there are.
func (s *server) stop() { s.host.RemoveStreamHandler(InboxProtocol) }

func (s *server) sweep() {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.store.sweep(now)
			s.kept.level()
		case <-s.life.ctx.Done():
			return
		}
	}
}

func (s *server) handle(st network.Stream) {
	if !s.life.enter() {
		st.Reset()
		return
	}
	defer s.life.leave()
	err := s.serve(st)
	finish(st, err)
	if err != nil {
		s.log.Debug("inbox stream", "peer", st.Conn().RemotePeer(), "err", err)
	}
}

// serve reads the one frame that the opener may send and does what it says.
func (s *server) serve(st network.Stream) error {
	release, err := account(st)
	if err != nil {
		return err
	}
	f, err := readTimed(s.life.ctx, st, frameTimeout)
	if err != nil {
		release()
		return s.malformed(st, err)
	}
	if p, isPut := f.(put); isPut {
		defer release()
		return s.reply(st, s.take(st.Conn(), p))
	}
	release()
	switch q := f.(type) {
	case subscribe:
		return s.push(st, q.inbox, func(p peer.ID) bool { return owns(p, q.inbox, time.Now()) })
	case claim:
		return s.push(st, DropOf(q.owner[:]), func(p peer.ID) bool { return q.allows(p, s.host.ID()) })
	}
	return s.reply(st, codeMalformed)
}

// malformed answers bytes that are no frame; other errors are the stream's, which
// is reset.
func (s *server) malformed(st network.Stream, err error) error {
	if errors.Is(err, errFrame) {
		s.log.Debug("inbox stream", "peer", st.Conn().RemotePeer(), "err", err)
		return s.reply(st, codeMalformed)
	}
	return fmt.Errorf("read a request: %w", err)
}

func (s *server) reply(st network.Stream, f frame) error { return writeTimed(s.life.ctx, st, f) }

// take keeps a message and gives the reply.
func (s *server) take(c network.Conn, p put) frame {
	source := sourceOf(c)
	if !s.sources.take(source, time.Now()) {
		return codeSlowDown
	}
	if !s.responsible(p.inbox) {
		return codeElsewhere
	}
	live, err := s.keep(letter{inbox: p.inbox, body: p.body, ttl: p.ttl, sender: c.RemotePeer(), source: source})
	if err != nil {
		return asCode(err)
	}
	return ok{live}
}

// keep stores a message, this node's own too.
func (s *server) keep(l letter) (live int, err error) {
	if live, err = s.store.put(time.Now(), l); err == nil && s.onStore != nil {
		s.onStore(l.inbox, l.body)
	}
	return live, err
}

func asCode(err error) code {
	if c, is := errors.AsType[code](err); is {
		return c
	}
	return codeBusy
}

// push serves a subscription until either side ends it or its lease is over. mine
// tells whether the inbox is a peer's.
func (s *server) push(st network.Stream, inbox Inbox, mine func(peer.ID) bool) error {
	source := sourceOf(st.Conn())
	switch {
	case !s.sources.take(source, time.Now()):
		return s.reply(st, codeSlowDown)
	case !mine(st.Conn().RemotePeer()):
		return s.reply(st, codeNotYours)
	case !s.responsible(inbox):
		return s.reply(st, codeElsewhere)
	}
	sub, err := s.store.subscribe(inbox, source)
	if err != nil {
		return s.reply(st, asCode(err))
	}
	defer s.store.unsubscribe(sub)
	defer s.kept.add(st.Conn().RemotePeer(), source)()
	if err := s.reply(st, ok{}); err != nil {
		return err
	}
	return s.feed(st, sub)
}

// feed writes messages as they come. A reader that stalls costs one blocked write,
// which frameTimeout ends; its messages wait in the store meanwhile.
func (s *server) feed(st network.Stream, sub *subscription) error {
	gone := ended(s.life, st)
	over := time.NewTimer(lease)
	defer over.Stop()
	for {
		if body := s.store.next(time.Now(), sub); body != nil {
			if err := writeTimed(s.life.ctx, st, message{body}); err != nil {
				return fmt.Errorf("push: %w", err)
			}
			continue
		}
		select {
		case <-sub.wake:
		case <-gone:
			return nil
		case <-sub.gone:
			return errors.New("replaced by a newer subscription")
		case <-over.C:
			return errors.New("the lease is over")
		case <-s.life.ctx.Done():
			return context.Cause(s.life.ctx)
		}
	}
}

// responsible tells whether this node is plausibly among the closest servers of
// the inbox.
func (s *server) responsible(inbox Inbox) bool {
	peers := s.host.Network().Peers()
	if len(peers) < elsewhere {
		return true
	}
	key := inbox.Key()
	own, nearer := distanceTo(key, s.host.ID()), 0
	for _, p := range peers {
		if distanceTo(key, p).less(own) && s.isServer(p) {
			nearer++
		}
	}
	return nearer < elsewhere
}

func (s *server) isServer(p peer.ID) bool {
	spoken, err := s.host.Peerstore().SupportsProtocols(p, InboxProtocol)
	return err == nil && slices.Contains(spoken, InboxProtocol)
}
