package signalling

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Routing finds the DHT servers closest to a key; *dht.IpfsDHT does.
type Routing interface {
	GetClosestPeers(ctx context.Context, key string) ([]peer.ID, error)
}

// Keys knows the X-Wing keys of others and of this device. Both methods may be
// called concurrently.
type Keys interface {
	// SealKey gives the X-Wing key in device's record. ErrNoKey means that the
	// record is not known; the request is then sealed to the device's peer ID. Any
	// other error delays the request.
	SealKey(ctx context.Context, device peer.ID) (hpke.PublicKey, error)
	// OpenKeys gives this device's own X-Wing keys, current and previous.
	OpenKeys() []hpke.PrivateKey
}

// Config is what a Service is made from. Host and Routing are required.
type Config struct {
	// Host opens and takes the streams.
	Host host.Host
	// Routing finds the inbox servers.
	Routing Routing
	// Keys knows what to seal to and to open with. Nil: everything is sealed to the keys
	// in peer IDs, which is X25519 only, and without forward secrecy.
	Keys Keys
	// Key is the device's Ed25519 key, the host's own. Nil: that in Host's peerstore.
	Key crypto.PrivKey
	// Account is the account that this device belongs to, told to recipients. Zero: the
	// device's own key stands in its place, for apps that have no accounts.
	Account conversation.Account
	// Conceals tells whether a recipient of a request of that kind is not to be told
	// the account: then the device's own key stands in its place. Nil conceals it from
	// nobody.
	Conceals func(recipient peer.ID, kind string) bool
	// ServeInboxes keeps inboxes for others. Set it if and only if the node is a
	// server of the DHT, for only then will others find it.
	ServeInboxes bool
	// Admit decides whether a request whose signature holds may reach its handler.
	// account is the sender's claim, to be checked here. An error refuses: with its
	// words if it is a *Refusal, silently if it wraps ErrSilent. nil admits everyone.
	// It may be called concurrently, and ctx ends after Limits.HandlerTimeout.
	Admit func(ctx context.Context, from peer.ID, account conversation.Account, kind string) error
	// Observe is told the steps of this node's own requests; nil: nobody. It must not
	// block.
	Observe func(Event)
	// OnStore is told each message that this node keeps for others, just as it is
	// stored, for audits and tests; nil: nobody. It must neither block nor change it.
	OnStore func(inbox Inbox, sealed []byte)
	// Limits bound what others can cost; the zero value is good.
	Limits Limits
	// Logger may be nil.
	Logger *slog.Logger
}

// Phase is a step of a request.
type Phase string

const (
	Found    Phase = "found"    // a connection stands, or the closest servers are known
	Sealed   Phase = "sealed"   // the sealed request was taken, by Servers of them or by the recipient
	Answered Phase = "answered" // the answer is here, be it a refusal
)

// Event is a step of one of this node's requests. Each phase is reported at most
// once a request, in order.
type Event struct {
	Peer    peer.ID // the recipient
	Session Session
	Kind    string
	Phase   Phase
	// Servers is how many servers are known (Found) or have taken the request (Sealed).
	Servers int
	// Live is at how many of them the recipient listens.
	Live int
	// Direct tells that a connection to the recipient carried it.
	Direct bool
}

// Request is what a Handler answers.
type Request struct {
	// From is the sender, proved by its signature.
	From peer.ID
	// Account is what the sender says it belongs to; Admit has checked it, or nobody.
	Account conversation.Account
	Kind    string
	Payload []byte
	Session Session
	// Expires is when the sender stops waiting, by its clock.
	Expires time.Time
}

// Handler answers a request, or refuses it by returning an error (see Refusal and
// ErrSilent). It is called once a session, possibly concurrently; ctx ends after
// Limits.HandlerTimeout and when the service closes. The answer is at most MaxPayload
// bytes and must not be changed afterwards.
type Handler func(ctx context.Context, r Request) (answer []byte, err error)

// Status is how a service is doing.
type Status struct {
	// Subscribed is at how many servers this device listens to its current inbox, itself
	// included where it is one of them. Others can reach it once it is not 0.
	Subscribed int
	// Self tells that this node is one of them.
	Self bool
	// Queued is how many messages this node keeps for others at the moment.
	Queued int
	// Subscribers is how many inboxes it pushes to their owners.
	Subscribers int
	// Requests is how many of its own requests wait for an answer.
	Requests int
}

// Service is one device's signalling. Its methods may be called concurrently.
type Service struct {
	cfg      Config
	self     peer.ID
	selfKey  ed25519.PublicKey
	fallback hpke.PrivateKey
	log      *slog.Logger
	life     *lifetime
	started  time.Time

	closest    *closest
	server     *server // nil unless ServeInboxes
	subscriber *subscriber
	memory     *memory
	slots      *slots
	senders    *buckets[peer.ID] // requests that were signed
	streams    *buckets[peer.ID] // direct streams, whatever they bring
	warnings   *buckets[string]  // so that nobody fills the log

	mu       sync.Mutex
	handlers map[string]Handler
	changed  chan struct{}    // closed when a handler is set
	queries  map[keyID]*query // by their reply keys
	direct   map[peer.ID]int  // direct streams being served
	drops    int              // listened to
}

// New checks cfg, begins to serve and to subscribe, and returns. Handlers may be
// set after it: requests of a kind that nobody handles yet wait for some seconds.
func New(cfg Config) (*Service, error) {
	s, err := newService(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.subscriber.start(); err != nil {
		s.life.close()
		return nil, fmt.Errorf("signalling: %w", err)
	}
	if s.server != nil {
		s.server.start()
	}
	s.life.run(s.sweepMemory)
	cfg.Host.SetStreamHandler(DirectProtocol, s.handleDirect)
	return s, nil
}

func newService(cfg Config) (*Service, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		cfg: cfg, log: cfg.Logger, life: newLifetime(), started: time.Now(),
		handlers: make(map[string]Handler), changed: make(chan struct{}), queries: make(map[keyID]*query), direct: make(map[peer.ID]int),
	}
	var err error
	if s.cfg.Limits, err = cfg.Limits.withDefaults(); err != nil {
		return nil, err
	}
	if err := s.identify(); err != nil {
		return nil, fmt.Errorf("signalling: %w", err)
	}
	l := s.cfg.Limits
	s.closest = newClosest(cfg.Host, cfg.Routing, cfg.ServeInboxes, s.life)
	if cfg.ServeInboxes {
		s.server = newServer(cfg.Host, l, s.life, cfg.OnStore, s.log)
	}
	s.subscriber = newSubscriber(cfg.Host, deviceMailbox{s.self}, s.closest, s.server, s.life, s.take, s.log)
	s.memory = newMemory(l.Sessions, l.sessionsOfOne())
	s.slots = newSlots(l)
	s.senders = newBuckets[peer.ID](l.SenderRate, l.SenderBurst, 4096)
	s.warnings = newBuckets[string](1.0/60, 1, 16)
	s.streams = newBuckets[peer.ID](4*l.SenderRate, 4*l.SenderBurst, 4096)
	return s, nil
}

// identify checks what is required and derives who this device is.
func (s *Service) identify() (err error) {
	switch c := s.cfg; {
	case c.Host == nil:
		return errors.New("Config.Host is nil")
	case c.Routing == nil:
		return errors.New("Config.Routing is nil")
	case c.Keys == nil:
		s.cfg.Keys = noKeys{}
	}
	if s.cfg.Key == nil {
		s.cfg.Key = s.cfg.Host.Peerstore().PrivKey(s.cfg.Host.ID())
	}
	if s.cfg.Key == nil {
		return errors.New("Config.Key is nil, and the host's peerstore has none")
	}
	if s.fallback, err = fallbackPrivateKey(s.cfg.Key); err != nil {
		return fmt.Errorf("Config.Key: %w", err)
	}
	if s.self, err = peer.IDFromPrivateKey(s.cfg.Key); err != nil {
		return fmt.Errorf("Config.Key: %w", err)
	}
	if s.self != s.cfg.Host.ID() {
		return errors.New("Config.Key is not Config.Host's")
	}
	if s.selfKey, err = deviceKey(s.self); err == nil && s.cfg.Account.IsZero() {
		s.cfg.Account = conversation.Account(s.selfKey)
	}
	return err
}

// noKeys knows nobody's X-Wing key.
type noKeys struct{}

func (noKeys) SealKey(context.Context, peer.ID) (hpke.PublicKey, error) { return nil, ErrNoKey }

func (noKeys) OpenKeys() []hpke.PrivateKey { return nil }

// Handle sets the function that answers requests of a kind (1 to MaxKind of a-z,
// 0-9, '.', '-'); nil removes it.
func (s *Service) Handle(kind string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h == nil {
		delete(s.handlers, kind)
		return
	}
	s.handlers[kind] = h
	close(s.changed)
	s.changed = make(chan struct{})
}

// Status tells how the service is doing.
func (s *Service) Status() Status {
	var status Status
	status.Subscribed, status.Self = s.subscriber.count()
	if s.server != nil {
		status.Queued, status.Subscribers = s.server.store.counts()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Requests = len(s.queries)
	return status
}

// Close ends subscriptions and requests under way, removes the stream handlers,
// and returns when nothing of the service runs any more. A Handler must not call it.
func (s *Service) Close() error {
	s.cfg.Host.RemoveStreamHandler(DirectProtocol)
	if s.server != nil {
		s.server.stop()
	}
	s.life.close()
	return s.subscriber.close()
}

// sweepMemory forgets what has expired until the service closes.
func (s *Service) sweepMemory() {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.memory.sweep(now)
		case <-s.life.ctx.Done():
			return
		}
	}
}

// observe reports e if anybody wants to know.
func (s *Service) observe(e Event) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(e)
	}
}
