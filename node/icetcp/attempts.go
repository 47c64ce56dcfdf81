package icetcp

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// errNewer is why an attempt ends whose place a newer one of the same peer needs.
var errNewer = errors.New("icetcp: the peer has made newer offers")

// attempts are the negotiations for others' offers that have no connection yet.
type attempts struct {
	mu sync.Mutex
	of map[peer.ID][]*attempt // oldest first
}

// attempt is one of them.
type attempt struct {
	ctx   context.Context
	end   context.CancelCauseFunc
	ended chan struct{} // closed when its place is free
}

// begin notes a new one, whose context ends with ctx.
func (s *attempts) begin(ctx context.Context, p peer.ID) *attempt {
	a := &attempt{ended: make(chan struct{})}
	a.ctx, a.end = context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[p] = append(s.of[p], a)
	return a
}

// close says that its place is free.
func (a *attempt) close() {
	a.end(nil)
	close(a.ended)
}

// forget notes that one has ended, or has a connection.
func (s *attempts) forget(p peer.ID, a *attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[p] = slices.DeleteFunc(s.of[p], func(other *attempt) bool { return other == a })
	if len(s.of[p]) == 0 {
		delete(s.of, p)
	}
}

// endOldest ends the peer's oldest attempt, and waits until its place is free; false if
// there is none. Nobody has more dials under way than places here: who offers once more
// has given up the oldest, or has started anew and knows of none. What waited in the
// inbox of a device that was away are such offers.
func (s *attempts) endOldest(ctx context.Context, p peer.ID) bool {
	a := s.takeOldest(p)
	if a == nil {
		return false
	}
	a.end(errNewer)
	select {
	case <-a.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *attempts) takeOldest(p peer.ID) *attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of[p]) == 0 {
		return nil
	}
	a := s.of[p][0]
	s.of[p] = slices.Delete(s.of[p], 0, 1)
	return a
}
