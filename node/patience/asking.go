package patience

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

func (h *Host) isQuestion(id protocol.ID) bool { return slices.Contains(h.asks, id) }

func (h *Host) isMute(p peer.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.mute[p])
}

// asking is a stream that is reset when a question is not answered in time.
type asking struct {
	network.Stream
	host *Host

	mu      sync.Mutex
	waiting *time.Timer // nil: for nothing, or without end
	asked   time.Time   // zero: there is no question open
}

func (s *asking) Write(b []byte) (int, error) {
	s.settle()
	s.mu.Lock()
	s.asked = time.Now()
	if hurried, _ := s.host.known(s.Conn().RemotePeer()); hurried {
		s.waiting = time.AfterFunc(Short, s.giveUp)
	}
	s.mu.Unlock()
	return s.Stream.Write(b)
}

func (s *asking) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	if asked := s.settle(); n > 0 && !asked.IsZero() && time.Since(asked) < quick/2 {
		s.host.mu.Lock()
		s.host.sawLocked(s.Conn().RemotePeer())
		s.host.mu.Unlock()
	}
	return n, err
}

func (s *asking) Close() error {
	s.settle()
	return s.Stream.Close()
}

func (s *asking) Reset() error {
	s.settle()
	return s.Stream.Reset()
}

// settle ends the question that is open, and tells when it was asked.
func (s *asking) settle() (asked time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting != nil {
		s.waiting.Stop()
	}
	asked, s.asked, s.waiting = s.asked, time.Time{}, nil
	return asked
}

func (s *asking) giveUp() {
	h, p := s.host, s.Conn().RemotePeer()
	h.mu.Lock()
	h.mute.add(p, time.Now())
	h.mu.Unlock()
	s.Stream.Reset()
}
