package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/passeur-p2p/passeur/conversation"
)

// ID is the protocol's name on the wire.
const ID protocol.ID = "/passeur/history/1.0.0"

// serviceName is what the resource manager counts our streams under.
const serviceName = "passeur.history"

// maxGreeting bounds the streams of one device that have not said HELLO yet.
const maxGreeting = 4

// Host is the little that opening a stream needs of a libp2p host.
type Host interface {
	NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error)
}

// Service keeps a stream with each connected device and what both know of each
// other's conversations. It is safe for use by many goroutines.
//
// Who mounts it calls
//
//   - Sync when a device comes: it opens the stream;
//   - Changed whenever the log has grown, by own entries or by those of another
//     device: so members learn through each other (the observer of the log is
//     the place);
//   - Changed with no entries when somebody's right to a conversation began or
//     ended without an entry, for instance because a person accepted it;
//   - Retry when a person allowed what was paused;
//   - Drop when nothing at all is to be shared with a device any more.
type Service struct {
	host      Host
	cfg       Config
	log       *slog.Logger
	penalties penalties

	ctx     context.Context // ends with Close
	stop    context.CancelCauseFunc
	running sync.WaitGroup // one for each stream, greeting or current

	mu       sync.Mutex
	closed   bool                      // guarded by mu
	current  map[peer.ID]*session      // guarded by mu
	opening  map[peer.ID]chan struct{} // guarded by mu; closed when the attempt is over
	greeting map[peer.ID]int           // guarded by mu: incoming streams without HELLO
	waiting  int                       // guarded by mu: the sum of greeting
	number   uint64                    // guarded by mu: of the last stream
	arrived  chan struct{}             // guarded by mu; closed when current gains one
}

// New makes a Service that opens its streams with h. Incoming streams are given
// to HandleStream by whoever mounts it.
func New(h Host, cfg Config) (*Service, error) {
	if h == nil {
		return nil, errors.New("history: no host")
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(context.Background())
	return &Service{
		host:     h,
		cfg:      cfg,
		log:      cfg.Logger,
		ctx:      ctx,
		stop:     stop,
		current:  make(map[peer.ID]*session),
		opening:  make(map[peer.ID]chan struct{}),
		greeting: make(map[peer.ID]int),
		arrived:  make(chan struct{}),
	}, nil
}

// ID gives the protocol ID, for SetStreamHandler.
func (s *Service) ID() protocol.ID { return ID }

// Close ends all streams and returns when no goroutine is left. It may be
// called more than once.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop(ErrClosed)
	s.running.Wait()
	return nil
}

// Connected lists the devices with which a stream stands.
func (s *Service) Connected() []peer.ID {
	var devices []peer.ID
	for _, c := range s.sessions() {
		if c.isGreeted() {
			devices = append(devices, c.device)
		}
	}
	return devices
}

// Changed tells the connected devices of a conversation's change: of a single
// new entry by pushing it, of more by HEADS a little later. A device that may
// read it no longer hears NO. It does not wait.
func (s *Service) Changed(conv conversation.ID, added []conversation.ID) {
	for _, c := range s.sessions() {
		c.changed(conv, added)
	}
}

// Retry has what was put off of a conversation asked for now, of every connected device:
// there is room for it since. It does not wait.
func (s *Service) Retry(conv conversation.ID) {
	for _, c := range s.sessions() {
		c.retry(conv)
	}
}

// Announce sends an account record to all connected devices, which see it
// before anything else. Of those that do not read, each keeps the newest 16. It
// does not wait. It fails if raw is empty, or longer than MaxRecord.
func (s *Service) Announce(raw []byte) error {
	if len(raw) == 0 || len(raw) > MaxRecord {
		return fmt.Errorf("history: a record of %d bytes, not 1 to %d", len(raw), MaxRecord)
	}
	for _, c := range s.sessions() {
		c.announce(raw)
	}
	return nil
}

// Drop ends the stream with a device, after a NO for each conversation that it
// was told of and may not read any more. It does not wait. Whether the device
// may come again is up to Config.SourceOf.
func (s *Service) Drop(device peer.ID) {
	s.mu.Lock()
	c := s.current[device]
	s.mu.Unlock()
	if c != nil {
		c.drop()
	}
}

func (s *Service) sessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.current))
	for _, c := range s.current {
		all = append(all, c)
	}
	return all
}

// admit tells whose device it is, and why it is not to be spoken with.
func (s *Service) admit(device peer.ID) (Source, error) {
	if err := s.penalties.check(device, time.Now()); err != nil {
		return Source{}, err
	}
	from, ok := s.cfg.SourceOf(device)
	if !ok {
		return Source{}, fmt.Errorf("%w: %s", ErrRefused, device)
	}
	return from, nil
}
