package icetcp

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// slots bounds the negotiations of one direction, all together and for one peer.
type slots struct {
	max, maxPeer int

	mu   sync.Mutex
	used int
	peer map[peer.ID]int
}

func newSlots(max, maxPeer int) *slots {
	return &slots{max: max, maxPeer: maxPeer, peer: make(map[peer.ID]int)}
}

// acquire takes a slot for p. release gives it back; it is nil if there was none.
func (s *slots) acquire(p peer.ID) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == s.max || s.peer[p] == s.maxPeer {
		return nil
	}
	s.used++
	s.peer[p]++
	return func() { s.release(p) }
}

func (s *slots) release(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	if s.peer[p]--; s.peer[p] == 0 {
		delete(s.peer, p)
	}
}
