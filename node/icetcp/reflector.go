package icetcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// A NAT forgets a quiet connection after minutes; the question also finds out
	// when our public address has changed.
	reflectEvery = 25 * time.Second
	reflectFirst = time.Second // pause after the first failure
	reflectMost  = time.Minute // longest pause after failures
)

// Reflection is what one STUN server says of one of our listening ports, over one
// address family.
type Reflection struct {
	Server string // as it was configured
	V6     bool
	// Local is the address that we asked from, Seen the one that the server saw.
	// Both are zero while there is no answer.
	Local, Seen netip.AddrPort
	// RTT is the time of the question and its answer.
	RTT time.Duration
	// Err is why there is no answer; nil while the first is awaited.
	Err error
}

// reflector asks STUN servers how the listening ports look from outside: the
// server reflexive candidates (RFC 6544 §5.2). It asks from the listening port
// itself, since a NAT maps each port of ours to another of its own, and keeps the
// connections open, since a NAT forgets what is closed.
type reflector struct {
	mux *mux

	firsts map[question]chan struct{} // not changed; each closed after the first round

	mu    sync.Mutex
	asked map[question]*Reflection
	again chan struct{} // closed and replaced to ask anew at once
}

// question is one server and family.
type question struct {
	server string
	v6     bool
}

// newReflector asks each server, over each family that the mux listens on, until
// the mux closes.
func newReflector(m *mux, servers []string) *reflector {
	r := &reflector{mux: m, asked: map[question]*Reflection{}, firsts: map[question]chan struct{}{}, again: make(chan struct{})}
	for _, server := range servers {
		for _, v6 := range []bool{false, true} {
			if q := (question{server, v6}); m.port(v6) != 0 {
				r.asked[q] = &Reflection{Server: server, V6: v6}
				r.firsts[q] = make(chan struct{})
			}
		}
	}
	for q := range r.firsts {
		m.wg.Go(func() { r.keep(q) })
	}
	return r
}

// keep asks one question for ever.
func (r *reflector) keep(q question) {
	first := sync.OnceFunc(func() { close(r.firsts[q]) })
	pause := reflectFirst
	for r.mux.ctx.Err() == nil {
		again := r.renewal()
		answered, err := r.ask(q, again, first)
		if answered {
			pause = reflectFirst
		}
		r.note(q, func(e *Reflection) { *e = Reflection{Server: q.server, V6: q.v6, Err: err} })
		first()
		select {
		case <-again:
		case <-r.mux.ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, reflectMost)
		}
	}
}

// ask opens a connection and repeats the question on it until that fails, or the
// question is to be asked anew. answered: at least once there was an answer.
func (r *reflector) ask(q question, again <-chan struct{}, first func()) (answered bool, err error) {
	ctx, cancel := context.WithCancel(r.mux.ctx)
	defer cancel()
	server, err := r.resolve(ctx, q)
	if err != nil {
		return false, err
	}
	dialCtx, stop := context.WithTimeout(ctx, stunTimeout)
	c, err := dialFrom(dialCtx, r.mux.outside(q.v6), server)
	stop()
	if err != nil {
		return false, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	for {
		asked := time.Now()
		seen, err := binding(c)
		if err != nil {
			return answered, err
		}
		answered = true
		r.note(q, func(e *Reflection) {
			*e = Reflection{Server: q.server, V6: q.v6, Local: addrPort(c.LocalAddr()), Seen: seen, RTT: time.Since(asked)}
		})
		first()
		select {
		case <-again:
			return true, errors.New("asked anew")
		case <-ctx.Done():
			return true, ctx.Err()
		case <-time.After(reflectEvery):
		}
	}
}

func (r *reflector) resolve(ctx context.Context, q question) (netip.AddrPort, error) {
	addrs, err := resolveTCP(ctx, q.server)
	for _, a := range addrs {
		if a.Addr().Is6() == q.v6 {
			return a, nil
		}
	}
	return netip.AddrPort{}, errors.Join(err, fmt.Errorf("%s has no address of this family", q.server))
}

func (r *reflector) note(q question, f func(*Reflection)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.asked[q])
}

func (r *reflector) renewal() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.again
}

// renew asks all questions anew: the network has changed.
func (r *reflector) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.again)
	r.again = make(chan struct{})
}

// wait returns when every server has been asked once, or ctx ends.
func (r *reflector) wait(ctx context.Context) {
	for _, first := range r.firsts {
		select {
		case <-first:
		case <-ctx.Done():
			return
		}
	}
}

// reflections gives what is known, in a stable order.
func (r *reflector) reflections() (list []Reflection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.asked {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b Reflection) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(family(a.V6), family(b.V6)))
	})
	return list
}

func family(v6 bool) int {
	if v6 {
		return 6
	}
	return 4
}

// outside is where a connection to anywhere leaves from: the listening port of the
// family, on the address that is listened on or, where that is any, on the one
// that the kernel picks.
func (m *mux) outside(v6 bool) netip.AddrPort {
	for _, l := range m.listeners {
		if a := addrPort(l.Addr()); a.Addr().Is6() == v6 {
			return a
		}
	}
	return netip.AddrPort{}
}
