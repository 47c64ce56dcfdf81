package filexfer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/crypto/sha3"
)

// ID is the protocol's name on the wire.
const ID protocol.ID = "/passeur/filexfer/1.0.0"

// serviceName is what the resource manager counts our streams under.
const serviceName = "passeur.filexfer"

// Host is the little that sending needs of a libp2p host.
type Host interface {
	NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error)
}

// Config of a Service. The zero value sends and refuses every offer.
type Config struct {
	// Admit tells whether a device is listened to at all. It is asked before
	// anything is read, and before the transfer counts among MaxIncoming, so that
	// those who may offer nothing cannot take the places of those who may. Its error
	// refuses as one of Accept does. It must not block. Nil: everybody is.
	Admit func(network.Conn) error
	// Accept decides on an offer and may wait for a person. It returns where the
	// bytes go; or ErrRefused, or a *Refusal with a reason. Another error refuses
	// as well, and is shown as InvalidPath when it is ErrNoSpace, ErrNotWritable
	// or ErrExists. It must return when ctx ends, which it does when the sender
	// goes away, when the time is over, on Cancel and on Close. It is called from
	// many goroutines. Nil refuses everything.
	Accept func(ctx context.Context, o Offer) (Sink, error)
	// AcceptTimeout is how long a decision may take, on either side. 0: 10 min.
	AcceptTimeout time.Duration
	// HeaderTimeout is how long a header may take, on either side. 0: 30 s.
	HeaderTimeout time.Duration
	// StallTimeout is how long bytes may not move while they should. 0: 2 min.
	StallTimeout time.Duration
	// VerdictTimeout is how long the receiver may verify and flush after the last
	// byte. 0: 10 min.
	VerdictTimeout time.Duration
	// Ranges lets offers through that begin inside a file (Offer.Offset > 0). A
	// Sink that is no [PartSink] is then trusted to have wanted just these bytes.
	// False refuses them.
	Ranges bool
	// MaxIncoming and MaxIncomingPerPeer bound the incoming transfers at one
	// time, the waiting ones included; each running one holds up to 4 MiB. More
	// are refused with "NGO busy". 0: 64 and 16.
	MaxIncoming, MaxIncomingPerPeer int
	// Observe is told each state of each transfer, and progress at most every
	// 100 ms. The calls of one transfer come one after the other. It must not
	// block. Nil: nobody is told.
	Observe func(View)
	// Wrap is given each stream of a transfer before its first byte, with the id of
	// the transfer (View.ID), and gives the one that is used instead: to limit its
	// rate, for instance. What it gives must pass on what it does not change. Nil:
	// streams are used as they are.
	Wrap func(s network.Stream, id string) network.Stream
	// Logger takes what is of no interest to the user. Nil: nothing is logged.
	Logger *slog.Logger
}

// Service sends and receives files. It is safe for use by many goroutines.
type Service struct {
	host   Host
	cfg    Config
	log    *slog.Logger
	newSum func() hash.Hash // SHA3-512, but in a test that moves more than it can hash

	running sync.WaitGroup // one for each of live

	mu       sync.Mutex
	live     map[*transfer]struct{} // guarded by mu
	admitted map[peer.ID]int        // guarded by mu: incoming, by sender
	incoming int                    // guarded by mu: the sum of admitted
	closed   bool                   // guarded by mu
}

// New makes a Service that opens its streams with h. Incoming streams are
// given to HandleStream by whoever mounts it. It fails if there is no h, or a
// duration or number in cfg is negative.
func New(h Host, cfg Config) (*Service, error) {
	if h == nil {
		return nil, errors.New("filexfer: no host")
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	return &Service{
		host:     h,
		cfg:      cfg,
		log:      cfg.Logger,
		newSum:   func() hash.Hash { return sha3.New512() },
		live:     make(map[*transfer]struct{}),
		admitted: make(map[peer.ID]int),
	}, nil
}

// fill puts the defaults where nothing is said.
func (c *Config) fill() error {
	for _, d := range []struct {
		field     string
		value     *time.Duration
		byDefault time.Duration
	}{
		{"AcceptTimeout", &c.AcceptTimeout, 10 * time.Minute},
		{"HeaderTimeout", &c.HeaderTimeout, 30 * time.Second},
		{"StallTimeout", &c.StallTimeout, 2 * time.Minute},
		{"VerdictTimeout", &c.VerdictTimeout, 10 * time.Minute},
	} {
		if *d.value < 0 {
			return fmt.Errorf("filexfer: Config.%s is negative", d.field)
		}
		if *d.value == 0 {
			*d.value = d.byDefault
		}
	}
	if c.MaxIncoming < 0 || c.MaxIncomingPerPeer < 0 {
		return errors.New("filexfer: Config.MaxIncoming or MaxIncomingPerPeer is negative")
	}
	if c.MaxIncoming == 0 {
		c.MaxIncoming = 64
	}
	if c.MaxIncomingPerPeer == 0 {
		c.MaxIncomingPerPeer = 16
	}
	if c.Accept == nil {
		c.Accept = func(context.Context, Offer) (Sink, error) { return nil, ErrRefused }
	}
	if c.Admit == nil {
		c.Admit = func(network.Conn) error { return nil }
	}
	if c.Wrap == nil {
		c.Wrap = func(s network.Stream, _ string) network.Stream { return s }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// ID gives the protocol ID, for SetStreamHandler.
func (s *Service) ID() protocol.ID { return ID }

// Cancel stops the running transfers of that id, incoming or outgoing, in
// whatever state they are; the other side is told. It does not wait for their
// end. An incoming transfer that waits in Accept is cancelled, not refused. It
// fails with ErrUnknownTransfer when none is running.
func (s *Service) Cancel(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for t := range s.live {
		if t.view.ID == id {
			t.cancel(ErrCancelled)
			found = true
		}
	}
	if !found {
		return fmt.Errorf("%w: %s", ErrUnknownTransfer, Visible(id))
	}
	return nil
}

// Close lets no new transfer begin, stops the running ones and returns when
// the last of them is gone. It may be called more than once.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	for t := range s.live {
		t.cancel(ErrClosed)
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// begin registers a transfer, whose ctx ends with ctx or by cancel. Every
// begin needs an end.
func (s *Service) begin(ctx context.Context, v View) (*transfer, context.Context, error) {
	if err := giveID(&v); err != nil {
		return nil, nil, &Error{State: ClosedByHost, Op: "begin", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, &Error{State: ClosedByHost, Op: "begin", Err: ErrClosed}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	t := &transfer{service: s, view: v, cancel: cancel}
	s.live[t] = struct{}{}
	s.running.Add(1)
	return t, ctx, nil
}

// end forgets a transfer.
func (s *Service) end(t *transfer) {
	t.cancel(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, t)
	s.dismissLocked(t)
	s.running.Done()
}

// admit counts an incoming transfer; ErrBusy when there are too many.
func (s *Service) admit(t *transfer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := t.view.Peer
	if s.incoming >= s.cfg.MaxIncoming || s.admitted[from] >= s.cfg.MaxIncomingPerPeer {
		return ErrBusy
	}
	s.incoming++
	s.admitted[from]++
	t.admitted = true
	return nil
}

func (s *Service) dismissLocked(t *transfer) {
	if !t.admitted {
		return
	}
	s.incoming--
	if s.admitted[t.view.Peer]--; s.admitted[t.view.Peer] == 0 {
		delete(s.admitted, t.view.Peer)
	}
}

// idDigits is the length of a transfer's id in hex digits.
const idDigits = 16

// giveID draws an id where there is none and checks the one there is.
func giveID(v *View) error {
	if v.ID == "" {
		v.ID = newID()
	}
	if err := checkID(v.ID); err != nil {
		return fmt.Errorf("File.ID: %w", err)
	}
	return nil
}

// checkID fails unless id is a transfer's.
func checkID(id string) error {
	notHex := func(r rune) bool { return r > 'f' || !isHex(byte(r)) }
	if len(id) != idDigits || strings.ContainsFunc(id, notHex) {
		return fmt.Errorf("%q is not %d hex digits", id, idDigits)
	}
	return nil
}

func newID() string {
	raw := make([]byte, idDigits/2)
	rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
