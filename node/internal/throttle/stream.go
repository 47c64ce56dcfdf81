package throttle

import (
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// Wrap gives a stream that writes no faster than each of up allows, and reads no
// faster than each of down. A deadline, a reset and a close of the stream end the
// wait for tokens at once, as they end any Read or Write. The caller must not use s
// itself any more.
//
// also, unless it is nil, gives one more bucket for both directions, or nil. It is asked
// each time: the stream's owner may learn late what the stream belongs to.
func Wrap(s network.Stream, up, down []*Bucket, also func() *Bucket) network.Stream {
	if also == nil {
		also = func() *Bucket { return nil }
	}
	return &stream{Stream: s, up: up, down: down, also: also, reading: newGate(), writing: newGate()}
}

// stream is one that draws on buckets.
type stream struct {
	network.Stream
	up, down         []*Bucket
	also             func() *Bucket
	reading, writing *gate
}

// Read moves no more than a piece, and returns once that has been paid for. What
// it has read it gives, even if nobody wants to wait any more: the stream itself
// says why with the next Read.
func (s *stream) Read(p []byte) (n int, err error) {
	down := s.with(s.down)
	n, err = s.Stream.Read(p[:pieceOf(down, len(p))])
	if n > 0 {
		s.reading.pay(n, down)
	}
	return n, err
}

// Write moves a piece at a time, each paid for before.
func (s *stream) Write(p []byte) (n int, err error) {
	for {
		part, up := p[n:], s.with(s.up)
		part = part[:pieceOf(up, len(part))]
		if s.writing.pay(len(part), up) == late {
			return n, os.ErrDeadlineExceeded
		}
		sent, err := s.Stream.Write(part) // one that was closed says so
		n += sent
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// with gives the buckets of a direction that count now.
func (s *stream) with(own []*Bucket) []*Bucket {
	if b := s.also(); b != nil {
		return append(slices.Clip(own), b)
	}
	return own
}

// pieceOf gives how many of n bytes are to be moved at a time.
func pieceOf(buckets []*Bucket, n int) int {
	for _, b := range buckets {
		if l := b.now.Load(); l != nil {
			n = min(n, l.piece())
		}
	}
	return n
}

func (s *stream) SetDeadline(t time.Time) error {
	s.reading.setDeadline(t)
	s.writing.setDeadline(t)
	return s.Stream.SetDeadline(t)
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.reading.setDeadline(t)
	return s.Stream.SetReadDeadline(t)
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writing.setDeadline(t)
	return s.Stream.SetWriteDeadline(t)
}

func (s *stream) Close() error {
	s.reading.close()
	s.writing.close()
	return s.Stream.Close()
}

func (s *stream) CloseRead() error {
	s.reading.close()
	return s.Stream.CloseRead()
}

func (s *stream) CloseWrite() error {
	s.writing.close()
	return s.Stream.CloseWrite()
}

func (s *stream) Reset() error {
	s.reading.close()
	s.writing.close()
	return s.Stream.Reset()
}

func (s *stream) ResetWithError(code network.StreamErrorCode) error {
	s.reading.close()
	s.writing.close()
	return s.Stream.ResetWithError(code)
}

// gate is where one direction of a stream pays, and what ends its waiting.
type gate struct {
	end chan struct{} // closed with the stream

	mu       sync.Mutex
	over     bool          // guarded by mu: end is closed
	deadline chan struct{} // guarded by mu; closed when the deadline has passed
	timer    *time.Timer   // guarded by mu: will close deadline; or nil
}

func newGate() *gate { return &gate{end: make(chan struct{}), deadline: make(chan struct{})} }

// pay takes n tokens out of each bucket.
func (g *gate) pay(n int, buckets []*Bucket) outcome {
	for _, b := range buckets {
		if b.now.Load() == nil {
			continue
		}
		if o := b.take(n, g.passing(), g.end); o != passed {
			return o
		}
	}
	return passed
}

func (g *gate) passing() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.deadline
}

// setDeadline moves the deadline; the zero time is none. Who waits already waits
// until the new one.
func (g *gate) setDeadline(t time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil && !g.timer.Stop() {
		<-g.deadline // it is passing just now
	}
	g.timer = nil
	select {
	case <-g.deadline:
		g.deadline = make(chan struct{})
	default:
	}
	if t.IsZero() || g.over {
		return
	}
	deadline := g.deadline
	if wait := time.Until(t); wait > 0 {
		g.timer = time.AfterFunc(wait, func() { close(deadline) })
	} else {
		close(deadline)
	}
}

// close ends the waiting for good.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	g.over = true
	close(g.end)
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil // or setDeadline would wait for what it does
	}
}
