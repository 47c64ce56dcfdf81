package signalling

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// maxAdmitted is how many devices, by kind, are remembered as admitted once.
const maxAdmitted = 1024

// slots bound how many requests are admitted and handled at a time. Devices that
// were never admitted with a request of the same kind share half of them, so that
// strangers, whose admission may take a lookup, cannot keep friends out.
type slots struct {
	max, maxStrangers, maxOfOne int

	mu        sync.Mutex
	used      int
	strangers int
	ofOne     map[peer.ID]int
	admitted  map[asking]struct{}
}

// asking is a device with a kind of request.
type asking struct {
	from peer.ID
	kind string
}

func newSlots(l Limits) *slots {
	return &slots{
		max: l.Handlers, maxStrangers: l.handlersOfStrangers(), maxOfOne: l.handlersOfOne(),
		ofOne: make(map[peer.ID]int), admitted: make(map[asking]struct{}),
	}
}

// acquire takes a slot for p, to be given back by calling release, or returns nil.
func (s *slots) acquire(p peer.ID, kind string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.admitted[asking{p, kind}]
	if s.used >= s.max || s.ofOne[p] >= s.maxOfOne || !known && s.strangers >= s.maxStrangers {
		return nil
	}
	s.used++
	s.ofOne[p]++
	if !known {
		s.strangers++
	}
	return func() { s.release(p, known) }
}

func (s *slots) release(p peer.ID, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	if s.ofOne[p]--; s.ofOne[p] == 0 {
		delete(s.ofOne, p)
	}
	if !known {
		s.strangers--
	}
}

// admit remembers that p was admitted, at the cost of forgetting another.
func (s *slots) admit(p peer.ID, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.admitted {
		if len(s.admitted) < maxAdmitted {
			break
		}
		delete(s.admitted, other)
	}
	s.admitted[asking{p, kind}] = struct{}{}
}
