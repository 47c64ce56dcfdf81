// Package turnrelay lends TCP addresses of TURN servers: addresses at which peers
// can connect to this device although nobody can connect to it directly. A peer
// needs no TURN: it dials a relayed address as it dials any other.
//
//	this device                    TURN server                   peer
//	  control connection ────────▶  relayed address  ◀──── TCP ─── dials
//	  data connection    ────────▶  joined to the peer's
//
// The words are those of RFC 6062 (TCP allocations) and RFC 6156 (IPv6). For each
// server and family of addresses there is at most one control connection with one
// allocation, opened when it is first asked for, shared by all who borrow, kept
// fresh while somebody uses it, and given back a little later. docs/protocol.md
// lists the messages and attributes.
//
// It is not ICE: who may connect is said with [Relay.Permit], what comes in goes to
// the function of [Relay.HandleConns], and whether that is the right peer is the
// business of those above. It relays nothing for others, and it connects to no peer
// itself. Servers are reached over TCP and TLS, never over UDP.
//
// The server and what it sends are not trusted: it can refuse, lie and go away, and
// it learns the addresses and the times of both sides, no more than a router does.
package turnrelay

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The defaults of Config, and what cannot be configured.
const (
	defaultTimeout            = 10 * time.Second
	defaultLinger             = time.Minute
	defaultPermissionInterval = 5 * time.Second
	defaultMaxPeers           = 64
	defaultMaxConns           = 256

	// maxServers bounds Config.Servers: each Borrow asks all of them.
	maxServers = 8
	// minGrace is how long a Borrow waits at least for servers slower than the first.
	minGrace = 100 * time.Millisecond
)

// Config says which servers there are. Without servers Borrow returns ErrNoServers;
// all the rest may be zero.
type Config struct {
	// Servers are asked all at once. At most 8.
	Servers []Server
	// Timeout bounds each attempt to get an address, from the look-up of the server's
	// name to the allocation, and to take a connection of a peer; 0 = 10 s.
	Timeout time.Duration
	// Linger is how long an allocation stays that nobody uses; 0 = 1 minute.
	Linger time.Duration
	// PermissionInterval is how often permissions are repeated. A server forgets them
	// after 5 minutes (RFC 8656 §9), many sooner. Idle allocations are looked for at
	// the same rate. 0 = 5 s.
	PermissionInterval time.Duration
	// MaxPeers bounds the addresses permitted at a time; 0 = 64.
	MaxPeers int
	// MaxConns bounds the relayed connections of one allocation; 0 = 256.
	MaxConns int
	// Logger gets what is not returned as an error; nil: nobody.
	Logger *slog.Logger
}

// Server is a TURN server and the long-term credentials for it (RFC 8489 §9.2).
type Server struct {
	// URL is as ParseURL wants it: turn:turn.example.org, turns:192.0.2.1:443.
	URL string
	// Username and Password are sent as they are; passwords cross the network only
	// as a key for signatures.
	Username, Password string
	// RootCAs signed the certificate of a turns: server; nil: the system's.
	RootCAs *x509.CertPool
	// ServerName is whose certificate a turns: server has to show; "" = URL's host.
	ServerName string
}

// Relay lends addresses. Its methods may be called concurrently.
type Relay struct {
	cfg    Config
	slots  []*slot // two for each server
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // attempts and keepers of allocations, permissions under way

	mu      sync.Mutex
	closed  bool
	handler func(c net.Conn, server string)
	loans   int
	permits map[netip.Addr]int // how many calls of Permit hold a peer's address
	conns   map[*conn]struct{}
	changed chan struct{} // closed and replaced when an attempt ends
}

// slot is where an allocation of one family at one server can stand.
type slot struct {
	*server
	family family

	// guarded by Relay.mu
	alloc   *allocation   // nil: none stands
	opening bool          // an attempt is under way
	err     error         // why the last attempt failed, or the last allocation ended
	again   time.Time     // no attempt before
	checked time.Time     // when the last attempt ended
	latency time.Duration // 0: the server did not answer then
}

// failureLocked tells why s has no address, also before keep has noticed that it died.
func (s *slot) failureLocked() error {
	if s.alloc != nil && !s.alloc.lives() {
		return s.alloc.lost()
	}
	return s.err
}

// New makes a Relay; nothing is connected before the first Borrow. It fails if a URL is
// none that [ParseURL] takes, or a field of cfg is negative or beyond its bound.
func New(cfg Config) (*Relay, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Relay{
		cfg:     cfg,
		permits: make(map[netip.Addr]int),
		conns:   make(map[*conn]struct{}),
		changed: make(chan struct{}),
	}
	for i, s := range cfg.Servers {
		srv, err := newServer(s)
		if err != nil {
			return nil, fmt.Errorf("turnrelay: Config.Servers[%d]: %w", i, err)
		}
		r.slots = append(r.slots, &slot{server: srv, family: ipv4}, &slot{server: srv, family: ipv6})
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// withDefaults checks c and fills in what it leaves open.
func (c Config) withDefaults() (Config, error) {
	switch {
	case len(c.Servers) > maxServers:
		return c, fmt.Errorf("turnrelay: %d servers, at most %d", len(c.Servers), maxServers)
	case c.Timeout < 0:
		return c, fmt.Errorf("turnrelay: Config.Timeout is %s", c.Timeout)
	case c.Linger < 0:
		return c, fmt.Errorf("turnrelay: Config.Linger is %s", c.Linger)
	case c.PermissionInterval < 0:
		return c, fmt.Errorf("turnrelay: Config.PermissionInterval is %s", c.PermissionInterval)
	case c.MaxPeers < 0:
		return c, fmt.Errorf("turnrelay: Config.MaxPeers is %d", c.MaxPeers)
	case c.MaxConns < 0:
		return c, fmt.Errorf("turnrelay: Config.MaxConns is %d", c.MaxConns)
	}
	orElse(&c.Timeout, defaultTimeout)
	orElse(&c.Linger, defaultLinger)
	orElse(&c.PermissionInterval, defaultPermissionInterval)
	orElse(&c.MaxPeers, defaultMaxPeers)
	orElse(&c.MaxConns, defaultMaxConns)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func orElse[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// HandleConns sets the function that gets each TCP connection that a permitted peer
// makes to a relayed address; nil: they are refused. It owns c, whose addresses are
// the relayed one and the peer's as the server sees it; server is the TURN server's
// host and port. It is called on a goroutine of its own, which Close waits for.
//
// The server most used, coturn 4.6, has its ways, none of which can be helped here.
// It loses what the peer sends before the connections are joined: the peer should
// send no more than a little until it has heard from this side. It drops what is on
// its way when one side closes, so the end has to be acknowledged before. And when
// more than 192 KiB wait in it in both directions at once it can stop reading for
// ever: a connection should have a time-out for bytes that are not taken.
func (r *Relay) HandleConns(handle func(c net.Conn, server string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler = handle
}

// Borrow makes sure that allocations stand and gives their relayed addresses, one
// for each server and family that has one. All servers are asked at once; when the
// first has answered, the others get as long again. A server that fails is skipped:
// err, which then joins a *ServerError for each, is not nil only if none gave an
// address, or if ctx ended before one did.
//
// release ends the loan, once; it is never nil. An allocation stays while there is
// a loan or a connection through it lives, and Config.Linger more.
func (r *Relay) Borrow(ctx context.Context) (addrs []netip.AddrPort, release func(), err error) {
	if err := r.lend(); err != nil {
		return nil, func() {}, err
	}
	release = sync.OnceFunc(r.giveBack)
	err = r.await(ctx)
	if addrs = r.relayed(); len(addrs) > 0 {
		return addrs, release, nil
	}
	release()
	return nil, release, errors.Join(err, r.failure())
}

// lend counts a loan and starts the attempts that it takes.
func (r *Relay) lend() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case len(r.slots) == 0:
		return ErrNoServers
	}
	r.loans++
	for _, s := range r.slots {
		r.settleLocked(s.alloc)
		if !s.alloc.lives() && !s.opening && !time.Now().Before(s.again) {
			s.opening = true
			r.wg.Go(func() { r.attempt(s) }) // and then the keeper
		}
	}
	return nil
}

func (r *Relay) giveBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loans--
	for _, s := range r.slots {
		r.settleLocked(s.alloc)
	}
}

// attempt asks for an allocation for s.
func (r *Relay) attempt(s *slot) {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	a, latency, err := allocate(ctx, s, r.welcome)
	switch stands := r.attempted(s, a, latency, err); {
	case stands:
		r.keep(a)
	case err == nil: // too late
		a.release()
	case r.ctx.Err() == nil:
		r.cfg.Logger.Info("turnrelay: no relayed address", "family", s.family, "err", err)
	}
}

// attempted notes how an attempt for s ended, and tells whether a stands now.
func (r *Relay) attempted(s *slot, a *allocation, latency time.Duration, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.opening = false
	s.err = err
	s.latency = latency
	s.checked = time.Now()
	s.again = s.checked.Add(pause(err))
	close(r.changed)
	r.changed = make(chan struct{})
	if err != nil || r.closed {
		return false
	}
	s.alloc = a
	r.settleLocked(a)
	return true
}

// await returns when all attempts have ended, or when there is an address and the
// rest had as long again, or when ctx or the relay ends.
func (r *Relay) await(ctx context.Context) error {
	begin := time.Now()
	var grace <-chan time.Time
	for {
		standing, opening, changed := r.progress()
		switch {
		case opening == 0:
			return nil
		case standing > 0 && grace == nil:
			t := time.NewTimer(max(minGrace, time.Since(begin)))
			defer t.Stop()
			grace = t.C
		}
		select {
		case <-changed:
		case <-grace:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("turnrelay: borrow an address: %w", context.Cause(ctx))
		case <-r.ctx.Done():
			return ErrClosed
		}
	}
}

func (r *Relay) progress() (standing, opening int, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slots {
		if s.alloc.lives() {
			standing++
		}
		if s.opening {
			opening++
		}
	}
	return standing, opening, r.changed
}

// relayed gives the addresses that stand.
func (r *Relay) relayed() (addrs []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slots {
		if s.alloc.lives() {
			addrs = append(addrs, s.alloc.relayed)
		}
	}
	return addrs
}

// failure joins why there is no address. What holds for both families of a server
// is said once.
func (r *Relay) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, s := range r.slots {
		err := s.failureLocked()
		if err != nil && (len(errs) == 0 || !sameTrouble(errs[len(errs)-1], err)) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settleLocked notes since when nobody uses a.
func (r *Relay) settleLocked(a *allocation) {
	switch {
	case a == nil:
	case r.loans > 0 || a.conns > 0:
		a.idle = time.Time{}
	case a.idle.IsZero():
		a.idle = time.Now()
	}
}

// keep keeps a's permissions fresh until it dies, or gives it back when nobody has
// used it for long, and takes it out of its slot.
func (r *Relay) keep(a *allocation) {
	tick := time.NewTicker(r.cfg.PermissionInterval)
	defer tick.Stop()
	for !r.retire(a) {
		if err := a.permit(r.permitted(a.slot.family)); err != nil && a.lives() {
			r.cfg.Logger.Info("turnrelay: permissions not renewed", "err", err)
		}
		select {
		case <-tick.C:
		case <-a.ctx.Done():
		case <-r.ctx.Done():
		}
	}
	a.release()
}

// retire takes a out of its slot if it is dead or no longer wanted.
func (r *Relay) retire(a *allocation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	dead := !a.lives()
	unused := !a.idle.IsZero() && time.Since(a.idle) >= r.cfg.Linger
	if !dead && !unused && !r.closed {
		return false
	}
	if a.slot.alloc != a { // replaced already
		return true
	}
	a.slot.alloc = nil
	if dead && !r.closed {
		a.slot.err = a.lost()
		r.cfg.Logger.Info("turnrelay: relayed address lost", "address", a.relayed, "err", a.slot.err)
	}
	return true
}

// Close gives back all allocations, closes all relayed connections, and returns when
// no goroutine and no socket is left, after two seconds or so if a server hangs.
func (r *Relay) Close() error {
	r.shut()
	r.wg.Wait()
	return nil
}

// shut lets nothing new begin, and begins to end what there is.
func (r *Relay) shut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.cancel()
	for c := range r.conns {
		c.abort()
	}
	for _, s := range r.slots {
		if s.alloc != nil { // then its keeper runs, and is waited for
			r.wg.Go(s.alloc.release)
		}
	}
}
