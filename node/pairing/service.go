package pairing

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// Lifetime is how long a code is shown.
	Lifetime = 10 * time.Minute
	// ExchangeTime is how long the two sides may take once the code is entered.
	ExchangeTime = 30 * time.Second
	// MaxLifetime is how long a code may be shown at most.
	MaxLifetime = 24 * time.Hour
	// PerHour is how many codes may be shown within an hour; of codes for files it is
	// how many may be guessed at.
	PerHour = 6
	// MaxFiles is how many codes for files may be shown at a time, and be entered.
	MaxFiles = 8

	// burntFor is how long a burnt code is remembered: far longer than any is shown.
	burntFor = 24 * time.Hour
)

// Inboxes is where messages are left, for anyone to see: by the public half of the
// key that owns an inbox. *signalling.Service does.
type Inboxes interface {
	// Listen gives what lies in owner's inbox and what comes. The channel is closed
	// when ctx ends, or the inboxes close.
	Listen(ctx context.Context, owner ed25519.PrivateKey) (<-chan []byte, error)
	// Leave leaves a message, to lie there for as long as ctx has left. An error means
	// that it lies nowhere that anybody could have it from. It does not keep the message.
	Leave(ctx context.Context, owner ed25519.PublicKey, message []byte) error
}

// Memory remembers burnt codes, by a sum of their public part, over restarts. Its
// methods may be called concurrently.
type Memory interface {
	// Burn is done when sum is on the disk; it may be forgotten after until.
	Burn(sum [32]byte, until time.Time) error
	Burnt(sum [32]byte) (bool, error)
}

// Config is what a Service is made from. Inboxes and Memory are required.
type Config struct {
	Inboxes Inboxes
	// Memory remembers burnt codes; see Ledger.
	Memory Memory
	// Observe is told the steps of pairings; nil: nobody. It must not block.
	Observe func(Event)
	// Lifetime is how long a code is shown (Lifetime).
	Lifetime time.Duration
	// ExchangeTime is how long an entered code may take (ExchangeTime).
	ExchangeTime time.Duration
	// Logger may be nil. Nothing secret is logged.
	Logger *slog.Logger
}

// Role is the part of this device in a pairing.
type Role string

const (
	Shows  Role = "show"  // it shows the code
	Enters Role = "enter" // the code is entered on it
)

// Phase is a step of a pairing.
type Phase string

const (
	Waiting  Phase = "waiting"  // for the other side's first message
	Exchange Phase = "exchange" // it is here, the code is burnt, and the two prove that they know it
	Proven   Phase = "proven"   // each knows who the other is
)

// Event is a step of the pairing that has Role on this device; each phase is
// reported once, in order.
type Event struct {
	Role    Role
	Purpose Purpose
	Phase   Phase
	// Code is the one that Show or Enter was given.
	Code Code
}

// Result is what a pairing gives to each side.
type Result struct {
	// Other knew the code. Whether it can be reached as that device is for TLS to prove.
	Other Party
	// Verifier are four words, the same on both sides: whoever compares them knows that
	// nobody guessed the code and sits in the middle.
	Verifier [4]string
	// Transfer names what a code for a file is for: 32 bytes that only the two sides
	// know, drawn anew by each exchange.
	Transfer [32]byte
}

// Service pairs: one code shown and one entered at a time, and beside them MaxFiles
// codes for files. Its methods may be called concurrently.
type Service struct {
	cfg  Config
	log  *slog.Logger
	life context.Context // ends at Close
	end  context.CancelCauseFunc

	mu      sync.Mutex
	closed  bool
	live    map[slot][]Code
	shown   []time.Time // within the last hour, but for files
	guessed []time.Time // when codes for files were, within the last hour
	wg      sync.WaitGroup
}

// slot is what codes compete for.
type slot struct {
	role  Role
	files bool
}

func slotOf(r Role, c Code) slot { return slot{r, c.purpose == File} }

// size is how many codes there may be at a time.
func (x slot) size() int {
	if x.files {
		return MaxFiles
	}
	return 1
}

// New checks cfg. Close ends what the service began.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Inboxes == nil:
		return nil, errors.New("pairing: Config.Inboxes is nil")
	case cfg.Memory == nil:
		return nil, errors.New("pairing: Config.Memory is nil")
	case cfg.Lifetime < 0:
		return nil, errors.New("pairing: Config.Lifetime is negative")
	case cfg.ExchangeTime < 0:
		return nil, errors.New("pairing: Config.ExchangeTime is negative")
	}
	cfg.Lifetime = cmp.Or(cfg.Lifetime, Lifetime)
	cfg.ExchangeTime = cmp.Or(cfg.ExchangeTime, ExchangeTime)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{cfg: cfg, log: cfg.Logger, live: make(map[slot][]Code)}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s, nil
}

// Close ends pairings under way and waits until they have returned.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end(ErrClosed)
	s.wg.Wait()
	return nil
}

// begin counts a pairing in until end is called. Its context ends with ctx, with the
// service, or at end.
func (s *Service) begin(ctx context.Context, r Role, c Code) (_ context.Context, end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mayBeginLocked(r, c); err != nil {
		return nil, nil, err
	}
	x := slotOf(r, c)
	s.live[x] = append(s.live[x], c)
	s.wg.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.live[x] = slices.DeleteFunc(s.live[x], func(other Code) bool { return other == c })
		s.wg.Done()
	}, nil
}

// mayBeginLocked tells whether a code may be shown or entered now.
func (s *Service) mayBeginLocked(r Role, c Code) error {
	x := slotOf(r, c)
	switch {
	case s.closed:
		return ErrClosed
	case r == Enters && s.isLiveLocked(Shows, c):
		return ErrSelf
	case s.isLiveLocked(r, c), !x.files && len(s.live[x]) > 0:
		return ErrLive
	case len(s.live[x]) >= x.size():
		return ErrFull
	case r == Enters:
		return nil
	case x.files:
		if s.guessed = lastHour(s.guessed, time.Now()); len(s.guessed) >= PerHour {
			return ErrGuessed
		}
	default:
		if s.shown = lastHour(s.shown, time.Now()); len(s.shown) >= PerHour {
			return ErrTooMany
		}
		s.shown = append(s.shown, time.Now())
	}
	return nil
}

// isLiveLocked tells whether a code with a public part of c's is shown, or entered.
func (s *Service) isLiveLocked(r Role, c Code) bool {
	return slices.ContainsFunc(s.live[slotOf(r, c)], func(other Code) bool { return other.meets(c) })
}

// lastHour leaves out what was earlier.
func lastHour(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= time.Hour {
		times = times[1:]
	}
	return times
}

// noteGuess counts the end of a code that was shown, if somebody guessed at it.
func (s *Service) noteGuess(c Code, err error) {
	if c.purpose != File || !errors.Is(err, ErrWrongCode) && !errors.Is(err, ErrSilent) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guessed = append(lastHour(s.guessed, time.Now()), time.Now())
}

// run starts f in a goroutine that Close waits for.
func (s *Service) run(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wg.Go(f)
	}
}

// check tells whether c can be used by self in a role.
func (s *Service) check(c Code, r Role, self Party) error {
	if len(c.parts()) == 0 {
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	if _, err := self.marshal(); err != nil {
		return err
	}
	if needsAccount(c.purpose, r) && self.Account.IsZero() {
		return errors.New("Party.Account is zero")
	}
	for _, p := range c.parts() {
		if burnt, err := s.cfg.Memory.Burnt(burntSum(p)); err != nil || burnt {
			return cmp.Or(err, ErrBurnt)
		}
	}
	return nil
}

// needsAccount tells whether who has the role must have an account: everyone but a
// device that joins one, and those of a file's code.
func needsAccount(p Purpose, r Role) bool { return p == Contact || p == Link && r == Shows }

// burn makes the code unusable on this device, in all its forms, for ever.
func (s *Service) burn(c Code) error {
	for _, p := range c.parts() {
		if err := s.cfg.Memory.Burn(burntSum(p), time.Now().Add(burntFor)); err != nil {
			return fmt.Errorf("note that the code is used: %w", err)
		}
	}
	return nil
}

// accept gives the result of an exchange with other.
func accept(c Code, theirs Role, self, other Party, s secrets) (Result, error) {
	switch {
	case other.Device == self.Device:
		return Result{}, fmt.Errorf("%w: the other side says that it is this device", errParty)
	case needsAccount(c.purpose, theirs) && other.Account.IsZero():
		return Result{}, fmt.Errorf("%w: the other side has no account", errParty)
	}
	return Result{Other: other, Verifier: s.verifier, Transfer: s.transfer}, nil
}

func (s *Service) observe(r Role, c Code, phase Phase) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(Event{r, c.purpose, phase, c})
	}
}
