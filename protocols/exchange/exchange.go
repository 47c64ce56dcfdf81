// Package exchange is what stream protocols of a few bounded messages have in common:
// a stream is one question and its answer, both within a time, and what went well is
// closed, the rest reset. It knows no message.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// ErrBusy: as many streams are handled as may be, or the server is closed. The other
// side sees a reset with libp2p's code of a limit, 0x1002.
var ErrBusy = errors.New("too many streams at once, or the service is closed")

// Kind says how the streams of a protocol are handled.
type Kind struct {
	// ID is the protocol.
	ID protocol.ID
	// Service is what the resource manager counts its streams under.
	Service string
	// Timeout bounds a whole exchange, on either side.
	Timeout time.Duration
	// Served is how many streams are handled at once.
	Served int
}

// Host is the little that asking needs of a libp2p host.
type Host interface {
	NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error)
}

// Ask opens a stream to a device and runs f on it. When ctx ends, or the time is over,
// what f reads and writes fails. It fails as f does, or if no stream can be opened.
func (k Kind) Ask(ctx context.Context, h Host, to peer.ID, f func(network.Stream) error) error {
	ctx, cancel := context.WithTimeout(ctx, k.Timeout)
	defer cancel()
	stream, err := h.NewStream(ctx, to, k.ID)
	if err != nil {
		return fmt.Errorf("open a stream to %s: %w", to, err)
	}
	return k.run(ctx, stream, func() error { return f(stream) })
}

// run runs f, and has its reads and writes fail when ctx ends; then it ends the stream.
func (k Kind) run(ctx context.Context, stream network.Stream, f func() error) error {
	err := k.bounded(ctx, stream, f)
	if err != nil {
		stream.Reset()
		return err
	}
	stream.Close()
	return nil
}

func (k Kind) bounded(ctx context.Context, stream network.Stream, f func() error) error {
	if err := stream.Scope().SetService(k.Service); err != nil {
		return fmt.Errorf("account for the stream: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { stream.Reset() })
	defer stop()
	err := f()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// Server handles incoming streams of a kind. It is safe for use by many goroutines.
type Server struct {
	kind   Kind
	ctx    context.Context // the server's lifetime
	cancel context.CancelFunc

	mu      sync.Mutex // orders the start of a stream's handling and Close
	serving int
	running sync.WaitGroup
}

// NewServer makes a Server. Close ends it.
func NewServer(k Kind) *Server {
	s := &Server{kind: k}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Handle runs f on an incoming stream, and then ends the stream. It fails with ErrBusy,
// as f does, or because the time is over. ctx is the exchange's.
func (s *Server) Handle(stream network.Stream, f func(ctx context.Context) error) error {
	if !s.enter() {
		stream.ResetWithError(network.StreamResourceLimitExceeded)
		return ErrBusy
	}
	defer s.leave()
	ctx, cancel := context.WithTimeout(s.ctx, s.kind.Timeout)
	defer cancel()
	return s.kind.run(ctx, stream, func() error { return f(ctx) })
}

// Close takes no new streams and returns when those in flight are gone.
func (s *Server) Close() error {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.serving >= s.kind.Served {
		return false
	}
	s.serving++
	s.running.Add(1)
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving--
	s.running.Done()
}
