package rerequest

import (
	"context"
	"errors"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// ID is the protocol's name on the wire.
const ID protocol.ID = "/passeur/rerequest/1.0.0"

// serviceName is what the resource manager counts our streams under.
const serviceName = "passeur.rerequest"

// Service asks for wanted files and serves those held. It is safe for use by
// many goroutines. What it knows of wants lives in memory: who mounts it keeps
// them and calls Want again when it starts.
type Service struct {
	host  Host
	cfg   Config
	desk  *desk
	said  once
	wake  chan struct{} // holds one: there is something new for the asking loop
	dials chan struct{} // one for each dial under way

	checks chan struct{} // one for each want that is looked at; taken and given back with mu

	ctx     context.Context // ends with Close
	stop    context.CancelCauseFunc
	running sync.WaitGroup // the asking loop, its workers, streams being served

	mu       sync.Mutex
	closed   bool                 // guarded by mu
	wants    map[key]*want        // guarded by mu
	number   uint64               // guarded by mu: of the last want
	active   map[*want]struct{}   // guarded by mu: those with asks or a claim
	claims   int                  // guarded by mu
	devices  map[peer.ID]*device  // guarded by mu: those there is something to know of
	unlisted map[string]struct{}  // guarded by mu: conversations whose devices are to be looked up
	appeared map[peer.ID]struct{} // guarded by mu: devices that did, and were not looked up yet
}

// New makes a Service that opens its streams with h. Incoming streams are given
// to HandleStream, and offers to Accept, by whoever mounts it.
func New(h Host, cfg Config) (*Service, error) {
	if h == nil {
		return nil, errors.New("rerequest: no host")
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s := &Service{
		host:     h,
		cfg:      cfg,
		desk:     newDesk(cfg.MaxServing, cfg.MaxServingPerPeer),
		wake:     make(chan struct{}, 1),
		dials:    make(chan struct{}, maxDials),
		checks:   make(chan struct{}, cfg.MaxFetching),
		wants:    make(map[key]*want),
		active:   make(map[*want]struct{}),
		devices:  make(map[peer.ID]*device),
		unlisted: make(map[string]struct{}),
		appeared: make(map[peer.ID]struct{}),
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.running.Go(s.run)
	return s, nil
}

// ID gives the protocol ID, for SetStreamHandler.
func (s *Service) ID() protocol.ID { return ID }

// Close ends the asking and the serving and returns when no goroutine is left.
// What is being taken runs on until its filexfer.Service is closed; its part
// stays. It may be called more than once.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop(filexfer.ErrClosed) // so that those who are being served hear of a shutdown
	s.running.Wait()
	return nil
}

// begin counts a goroutine that Close waits for; every true needs a
// running.Done.
func (s *Service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// poke wakes the asking loop.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// bounded runs f on a stream, whose reads and writes fail when ctx ends.
func bounded(ctx context.Context, stream network.Stream, f func() error) error {
	stop := context.AfterFunc(ctx, func() { stream.Reset() })
	defer stop()
	err := f()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
