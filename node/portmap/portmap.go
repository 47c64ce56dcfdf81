// Package portmap has routers forward TCP ports to this device, so that peers can
// connect to it from outside: by UPnP-IGD (versions 1 and 2), NAT-PMP (RFC 6886)
// and PCP (RFC 6887, opcode MAP).
//
// All protocols are tried at once, in the background. A router that speaks several
// is asked by the one that answered first, and by the next if that one refuses. A
// mapping is asked for again long before it would expire, so that it also comes back
// when the router has restarted or has got another address, and is taken away when
// the [Mapper] closes.
//
// It is for IPv4 only: IPv6 has no address translation, and a firewall there is
// passed by both sides dialling at once. It opens no listener, and it says nothing
// about who may come in through a mapped port.
//
// Routers, and who pretends to be one, are not trusted: answers are bounded in size,
// number and time, a description is fetched only from the address that answered and
// only if that is on the same network, nothing is fetched from elsewhere, and an
// address that cannot be reached from the internet is not given out. What a router
// on the path can always do is to lie about the external address.
package portmap

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Protocol is one of those by which a router is asked.
type Protocol string

// The protocols.
const (
	UPnP   Protocol = "UPnP-IGD"
	NATPMP Protocol = "NAT-PMP"
	PCP    Protocol = "PCP"
)

// The defaults of Config, and what cannot be configured.
const (
	defaultLease   = 10 * time.Minute
	defaultRefresh = time.Minute
	defaultRetry   = 5 * time.Second

	// MaxPorts bounds the ports of a Mapper.
	MaxPorts = 16

	// maxStrangers bounds routers that are not default gateways of this device.
	maxStrangers = 4
	// maxGateways bounds those that are.
	maxGateways = 8
	// searchTime is how long answers to a search are waited for.
	searchTime = 2 * time.Second
	// requestTime bounds a request to a router that was found.
	requestTime = 4 * time.Second
	// searchPause is the longest time between searches.
	searchPause = 30 * time.Minute
	// grace is what the others get when one router has mapped a port.
	grace = 100 * time.Millisecond
	// closeTime is what routers get in Close: for a request under way and to remove
	// the mappings.
	closeTime = 2 * time.Second
)

// Config says what to do. All of it may be zero.
type Config struct {
	// Ports are mapped from the start; more come by Mapped. At most MaxPorts.
	Ports []uint16
	// Protocols are those to use; nil: all.
	Protocols []Protocol
	// Lease is for how long mappings are asked, which is also how long they stay when
	// this device vanishes; whole seconds; 0 = 10 minutes.
	Lease time.Duration
	// Refresh is how often mappings are asked for again, and so how long they may be
	// missing after a router restarted; they are at half of their lease if that is
	// sooner. 0 = 1 minute.
	Refresh time.Duration
	// Retry is how long after a search without result the next one begins. It doubles
	// each time, up to half an hour. 0 = 5 s.
	Retry time.Duration
	// Logger gets what happens; nil: nobody.
	Logger *slog.Logger
}

// withDefaults checks c and fills in what it leaves open.
func (c Config) withDefaults() (Config, error) {
	switch {
	case len(c.Ports) > MaxPorts:
		return c, fmt.Errorf("portmap: Config.Ports has %d ports, at most %d", len(c.Ports), MaxPorts)
	case slices.Contains(c.Ports, 0):
		return c, fmt.Errorf("portmap: Config.Ports has port 0")
	case c.Lease < 0 || c.Lease%time.Second != 0 || c.Lease > maxLease:
		return c, fmt.Errorf("portmap: Config.Lease is %s; whole seconds, at most %s", c.Lease, maxLease)
	case c.Refresh < 0:
		return c, fmt.Errorf("portmap: Config.Refresh is %s", c.Refresh)
	case c.Retry < 0:
		return c, fmt.Errorf("portmap: Config.Retry is %s", c.Retry)
	}
	for _, p := range c.Protocols {
		if p != UPnP && p != NATPMP && p != PCP {
			return c, fmt.Errorf("portmap: Config.Protocols has %q; there are %q, %q and %q", p, UPnP, NATPMP, PCP)
		}
	}
	if c.Protocols == nil {
		c.Protocols = []Protocol{UPnP, NATPMP, PCP}
	}
	orElse(&c.Lease, defaultLease)
	orElse(&c.Refresh, defaultRefresh)
	orElse(&c.Retry, defaultRetry)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func orElse(v *time.Duration, def time.Duration) {
	if *v == 0 {
		*v = def
	}
}

// Mapper keeps mappings. Its methods may be called concurrently.
type Mapper struct {
	cfg    Config
	secret [32]byte       // of the nonces of PCP
	wg     sync.WaitGroup // the search and the keepers of routers
	renew  chan struct{}  // a search is wanted; holds one
	sick   chan struct{}  // a search is wanted, but not too soon; holds one

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	last   context.Context // ends when Close has to end; for requests that alter mappings
	abort  context.CancelFunc

	mu        sync.Mutex
	closed    bool
	searching bool // or about to
	ports     []uint16
	routers   map[netip.Addr]*router // by gateway
	changed   chan struct{}          // closed and replaced when one of the above or a mapping changes
}

// New makes a Mapper, which begins at once to look for routers. It fails if a field of
// cfg has what it cannot have.
func New(cfg Config) (*Mapper, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Mapper{
		cfg:       cfg,
		renew:     make(chan struct{}, 1),
		sick:      make(chan struct{}, 1),
		searching: true,
		ports:     slices.Compact(slices.Sorted(slices.Values(cfg.Ports))),
		routers:   make(map[netip.Addr]*router),
		changed:   make(chan struct{}),
	}
	rand.Read(m.secret[:])
	m.last, m.abort = context.WithCancel(context.Background())
	m.ctx, m.cancel = context.WithCancel(m.last)
	m.wg.Go(m.run)
	return m, nil
}

// Close removes the mappings, for which routers get 2 s, and returns when no
// goroutine and no socket is left. It returns nil.
func (m *Mapper) Close() error {
	m.mu.Lock()
	m.closed = true
	m.announceLocked()
	m.mu.Unlock()
	m.cancel()
	defer m.abort()
	defer time.AfterFunc(closeTime, m.abort).Stop()
	m.wg.Wait()
	return nil
}

// Mapped gives the external addresses at which the local TCP port is reachable now.
// The port is mapped from the first call on. While a search is under way or routers
// have not yet answered for the port, it waits for the first mapping, and a moment
// longer for others; not longer than ctx. The result is empty if no router maps the
// port, if only routers behind other routers do, for more than [MaxPorts] ports and
// after Close.
func (m *Mapper) Mapped(ctx context.Context, port uint16) []netip.AddrPort {
	m.want(port)
	var others <-chan time.Time
	for {
		addrs, settled, changed := m.look(port)
		if settled {
			return addrs
		}
		if len(addrs) > 0 && others == nil {
			t := time.NewTimer(grace)
			defer t.Stop()
			others = t.C
		}
		select {
		case <-changed:
		case <-others:
			return addrs
		case <-ctx.Done():
			return addrs
		}
	}
}

// want adds a port to those that are mapped.
func (m *Mapper) want(port uint16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if port == 0 || m.closed || slices.Contains(m.ports, port) {
		return
	}
	if len(m.ports) == MaxPorts {
		m.cfg.Logger.Warn("too many ports to map", "port", port, "max", MaxPorts)
		return
	}
	m.ports = append(m.ports, port)
	for _, r := range m.routers {
		signal(r.wake)
	}
}

// look gives what is known of a port, whether nothing more is to be expected soon,
// and what will be closed when that changes.
func (m *Mapper) look(port uint16) (addrs []netip.AddrPort, settled bool, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !slices.Contains(m.ports, port) {
		return nil, true, nil
	}
	settled = !m.searching
	for _, r := range m.routers {
		mp := r.mappings[port]
		if mp == nil || mp.pending {
			settled = false
			continue
		}
		if mp.usable(time.Now()) && !slices.Contains(addrs, mp.external) {
			addrs = append(addrs, mp.external)
		}
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	return addrs, settled, m.changed
}

// Renew looks for routers again and asks those known to map the ports again: for
// when the device's network has changed. Until a router has confirmed a mapping,
// Mapped does not give it. Renew does not wait.
func (m *Mapper) Renew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.searching = true
	for _, r := range m.routers {
		for _, mp := range r.mappings {
			mp.pending, mp.doubtful = true, true
		}
		r.hurryLocked()
	}
	signal(m.renew)
}

// signal leaves word in a channel that holds one.
func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// announceLocked wakes those who wait for a change.
func (m *Mapper) announceLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// nonce is what proves to a PCP server that the port's mapping is this Mapper's
// (RFC 6887 §11.1). It stays the same when a router is found again.
func (m *Mapper) nonce(port uint16) (n pcpNonce) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint16(m.secret[:], port))
	copy(n[:], sum[:])
	return n
}
