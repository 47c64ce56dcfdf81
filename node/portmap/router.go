package portmap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// driver asks one router by one protocol. Its methods are not called concurrently.
type driver interface {
	protocol() Protocol
	// add maps a local TCP port or renews its mapping; external is the port that is
	// wanted outside.
	add(ctx context.Context, port, external uint16, lease time.Duration) (grant, error)
	// remove takes the mapping away.
	remove(ctx context.Context, port, external uint16) error
}

// grant is what a router gave.
type grant struct {
	external netip.AddrPort
	lease    time.Duration // 0: for ever
}

const (
	// maxLease and minLease bound what is believed of a router's leases.
	maxLease = 24 * time.Hour
	minLease = 2 * time.Second
	// maxSilent is after how many requests in a row without an answer a router is
	// given up.
	maxSilent = 2
	// silentPause is between them.
	silentPause = time.Second
	// refusedPause is the first pause after a refusal. It doubles up to searchPause.
	refusedPause = time.Minute
)

// ErrNoAddress is why a router maps nothing that has no connection to the internet.
var ErrNoAddress = errors.New("the router has no IPv4 address from its provider; is it connected to the internet?")

// RefusedError is a router's answer that it does not map a port.
type RefusedError struct {
	Protocol Protocol
	Code     int    // as the protocol defines it
	Meaning  string // of the code
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the router refuses by %s: %s (code %d)", e.Protocol, e.Meaning, e.Code)
}

// router is a gateway with the mappings it was asked for.
type router struct {
	m        *Mapper
	gateway  netip.Addr
	stranger bool          // not a default gateway
	wake     chan struct{} // there may be work for keep; holds one
	silent   int           // keep's: requests in a row without an answer
	worked   bool          // keep's: it has mapped a port

	// guarded by Mapper.mu
	drivers  []driver            // the first is used; the others if it fails
	mappings map[uint16]*mapping // by local port, once the router has been asked
	err      error               // why the last request failed
	news     int                 // counts what makes a request under way out of date
}

// mapping is what came of asking a router to map a port. Guarded by Mapper.mu.
type mapping struct {
	external netip.AddrPort // zero: none
	expires  time.Time      // zero: never
	due      time.Time      // when to ask again
	refusals int            // in a row
	pending  bool           // the router is about to be asked because the network changed,
	doubtful bool           // and has not confirmed the mapping since
}

// stands says whether the router still forwards.
func (mp *mapping) stands(now time.Time) bool {
	return mp.external.IsValid() && (mp.expires.IsZero() || now.Before(mp.expires))
}

// usable says whether peers on the internet can be told of the mapping.
func (mp *mapping) usable(now time.Time) bool {
	return mp.stands(now) && !mp.doubtful && public(mp.external.Addr())
}

func newRouter(m *Mapper, gateway netip.Addr, stranger bool) *router {
	return &router{m: m, gateway: gateway, stranger: stranger,
		wake: make(chan struct{}, 1), mappings: make(map[uint16]*mapping)}
}

// hurryLocked has all mappings asked for now.
func (r *router) hurryLocked() {
	for _, mp := range r.mappings {
		mp.due = time.Time{}
	}
	r.news++
	signal(r.wake)
}

// speaksLocked takes a driver. It replaces one for the same protocol, whose details
// may have changed.
func (r *router) speaksLocked(d driver) {
	same := func(o driver) bool { return o.protocol() == d.protocol() }
	if i := slices.IndexFunc(r.drivers, same); i >= 0 {
		r.drivers[i] = d
	} else {
		r.drivers = append(r.drivers, d)
	}
	r.news++
	if r.err != nil { // perhaps this one can
		r.hurryLocked()
	}
	signal(r.wake)
}

// keep keeps the mappings until the router is lost or the Mapper closes, when it
// removes them.
func (r *router) keep() {
	for r.refresh() {
		timer := time.NewTimer(r.rest())
		select {
		case <-r.wake:
		case <-timer.C:
		case <-r.m.ctx.Done():
		}
		timer.Stop()
	}
	if r.m.ctx.Err() != nil {
		r.removeAll()
		return
	}
	r.m.cfg.Logger.Warn("lost a router", "gateway", r.gateway, "err", r.err)
	r.m.lost(r, r.worked)
}

// refresh asks for what is due, and says whether the router is still there.
func (r *router) refresh() bool {
	for _, port := range r.due() {
		r.note(port, r.ask(port))
		if r.m.ctx.Err() != nil || r.silent >= maxSilent {
			return false
		}
	}
	return r.m.ctx.Err() == nil
}

// due lists the ports to ask for.
func (r *router) due() (ports []uint16) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	now := time.Now()
	for _, port := range r.m.ports {
		if mp := r.mappings[port]; mp == nil || !now.Before(mp.due) {
			ports = append(ports, port)
		}
	}
	return ports
}

// rest is how long nothing will be due.
func (r *router) rest() time.Duration {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	pause := searchPause
	for _, mp := range r.mappings {
		pause = min(pause, time.Until(mp.due))
	}
	return max(pause, 0)
}

// outcome is what came of asking for a mapping.
type outcome struct {
	asked time.Time
	news  int
	d     driver // that worked
	grant
	err error
}

// ask asks for a mapping by each protocol until one works.
func (r *router) ask(port uint16) outcome {
	r.m.mu.Lock()
	o := outcome{asked: time.Now(), news: r.news}
	drivers := slices.Clone(r.drivers)
	external := port
	if mp := r.mappings[port]; mp != nil && mp.external.IsValid() {
		external = mp.external.Port()
	}
	r.m.mu.Unlock()

	var errs []error
	for _, d := range drivers {
		ctx, cancel := context.WithTimeout(r.m.last, requestTime)
		g, err := d.add(ctx, port, external, r.m.cfg.Lease)
		cancel()
		if err == nil {
			o.d, o.grant = d, g
			return o
		}
		errs = append(errs, fmt.Errorf("map port %d by %s: %w", port, d.protocol(), err))
	}
	o.err = errors.Join(errs...)
	return o
}

// note writes down what came of asking.
func (r *router) note(port uint16, o outcome) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	defer r.m.announceLocked()
	mp := r.mappings[port]
	if mp == nil {
		mp = new(mapping)
		r.mappings[port] = mp
	}
	refusal := (*RefusedError)(nil)
	switch r.err = o.err; {
	case o.err == nil:
		r.noteGrantLocked(port, mp, o)
	case errors.As(o.err, &refusal) || errors.Is(o.err, ErrNoAddress):
		r.noteRefusalLocked(port, mp)
	default:
		r.silent++
		mp.due = time.Now().Add(silentPause)
	}
	if o.news == r.news {
		mp.pending, mp.doubtful = false, mp.doubtful && o.err != nil
	} else if mp.pending || o.err != nil {
		mp.due = time.Time{}
	}
}

func (r *router) noteGrantLocked(port uint16, mp *mapping, o outcome) {
	r.silent, r.worked = 0, true
	if i := slices.Index(r.drivers, o.d); i > 0 {
		r.drivers[0], r.drivers[i] = o.d, r.drivers[0]
	}
	if mp.external != o.external {
		r.m.cfg.Logger.Info("a router maps a port", "port", port, "external", o.external,
			"gateway", r.gateway, "protocol", o.d.protocol(), "lease", o.lease, "public", public(o.external.Addr()))
	}
	mp.external, mp.refusals, mp.expires = o.external, 0, time.Time{}
	pause := r.m.cfg.Refresh
	if o.lease > 0 {
		lease := min(max(o.lease, minLease), maxLease)
		mp.expires = o.asked.Add(lease)
		pause = min(pause, lease/2)
	}
	mp.due = o.asked.Add(pause)
}

// noteRefusalLocked has the router left alone for a while, but not long if it just
// has no connection to the internet.
func (r *router) noteRefusalLocked(port uint16, mp *mapping) {
	r.silent = 0
	if mp.refusals == 0 {
		r.m.cfg.Logger.Warn("a router does not map a port", "port", port, "gateway", r.gateway, "err", r.err)
	}
	pause := min(refusedPause<<min(mp.refusals, 10), searchPause)
	if errors.Is(r.err, ErrNoAddress) {
		pause = r.m.cfg.Refresh
	}
	mp.external = netip.AddrPort{}
	mp.due = time.Now().Add(pause)
	mp.refusals++
}

// removeAll removes the mappings, if the router answers before Close has to end.
func (r *router) removeAll() {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	for port, mp := range r.mappings {
		if !mp.external.IsValid() {
			continue
		}
		external, d := mp.external, r.drivers[0]
		r.m.mu.Unlock()
		err := d.remove(r.m.last, port, external.Port())
		r.m.mu.Lock()
		if err != nil {
			r.m.cfg.Logger.Warn("a mapping stays in the router until it expires",
				"external", external, "expires", mp.expires, "gateway", r.gateway, "err", err)
		}
	}
}
