package signalling

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// lookAhead begins to look for the servers of a device's inbox if it will be needed, for
// no connection to it stands.
func (s *Service) lookAhead(device peer.ID) {
	switch s.cfg.Host.Network().Connectedness(device) {
	case network.Connected, network.Limited:
		return
	}
	s.closest.ahead(InboxOf(device, EpochAt(time.Now())))
}

// leave puts a sealed message into device's inbox and returns how many servers
// took it.
func (s *Service) leave(ctx context.Context, device peer.ID, sealed []byte, ttl time.Duration) (taken int, err error) {
	inbox := InboxOf(device, EpochAt(time.Now()))
	servers, err := s.closest.servers(ctx, inbox)
	if err != nil {
		return 0, err
	}
	return s.putAll(ctx, servers, put{inbox, ttl, sealed}, func(int) {})
}

// putAll leaves a message at the closest of servers that take it. It calls each,
// possibly concurrently, with every one's count of live subscribers. The error says
// what went wrong where nobody took it. The set of servers is looked up anew next
// time unless all was well: the first ones took it, and the recipient listens.
func (s *Service) putAll(ctx context.Context, servers []peer.ID, p put, each func(live int)) (taken int, err error) {
	var (
		mu       sync.Mutex
		listened bool
		failures []error
	)
	try := func(server peer.ID) bool {
		live, err := s.put(ctx, server, p)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failures = append(failures, fmt.Errorf("server %s: %w", server, err))
			return false
		}
		listened = listened || live > 0
		each(live)
		return true
	}
	taken = len(firstWilling(ctx, servers, Replicas, try))
	if ctx.Err() == nil && (len(failures) > 0 || !listened) {
		s.closest.forget(p.inbox)
	}
	if taken == 0 {
		return 0, errors.Join(failures...)
	}
	return taken, nil
}

// errAlone is why a message that this node keeps itself counts as taken by nobody.
var errAlone = errors.New("it is this node itself, which is connected to nobody")

// put leaves a message at one server, which may be this node, and returns how many
// live subscribers it has.
func (s *Service) put(ctx context.Context, server peer.ID, p put) (live int, err error) {
	p.ttl = min(max(p.ttl.Round(time.Second), time.Second), MaxTTL)
	if server == s.self {
		live, err = s.server.keep(letter{inbox: p.inbox, body: p.body, ttl: p.ttl, sender: s.self})
		if err == nil && live == 0 && len(s.cfg.Host.Network().Peers()) == 0 {
			err = errAlone // it lies there nevertheless: somebody may come
		}
		return live, err
	}
	st, err := openStream(ctx, s.cfg.Host, server, InboxProtocol)
	if err != nil {
		return 0, err
	}
	reply, err := exchange(ctx, st, p, frameTimeout)
	accepted, isOK := reply.(ok)
	if err == nil && !isOK {
		err = fmt.Errorf("%w: not the ok that was due", errFrame)
	}
	finish(st, err)
	return accepted.live, err
}
