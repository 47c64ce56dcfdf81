package icetcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
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
	// reflectTimeout is how long offers wait for the answers of a round, from its
	// beginning; reflectGrace how long for the others once each family has one.
	reflectTimeout = 3 * time.Second
	reflectGrace   = 150 * time.Millisecond
	// reflectKeep is how long an answer is offered on after its server has gone: with
	// most NATs the next connection from the same port gets the same address.
	reflectKeep = 5 * time.Minute
)

// errNoFamily: the server has no address of the family that is asked about.
var errNoFamily = errors.New("the server has no address of this family")

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
// connections open, since a NAT forgets what is closed. They are none of the mux's
// sockets: a dial along the same 4-tuple finds it taken and leaves from a free port.
type reflector struct {
	mux *mux
	at  *door

	mu      sync.Mutex
	asked   map[question]*answers
	round   context.Context // ends when all is to be asked anew
	end     context.CancelFunc
	began   time.Time     // the round
	changed chan struct{} // closed and replaced at each answer and failure
}

// question is one server and family.
type question struct {
	server string
	v6     bool
}

// answers to a question.
type answers struct {
	Reflection            // the last
	good       Reflection // the last without an error
	at         time.Time  // of good
	settled    bool       // there was an answer or a failure in this round
}

// newReflector asks each server, over each family that is listened on at the door,
// until the mux closes. The caller is within the mux's lifetime.
func newReflector(m *mux, at *door, servers []string) *reflector {
	r := &reflector{mux: m, at: at, asked: make(map[question]*answers), changed: make(chan struct{})}
	r.beginLocked()
	for _, server := range servers {
		for _, v6 := range []bool{false, true} {
			q := question{server, v6}
			if at.port(v6) == 0 || q.hopeless() || r.asked[q] != nil {
				continue
			}
			r.asked[q] = &answers{Reflection: Reflection{Server: server, V6: v6}}
		}
	}
	for _, q := range slices.Collect(maps.Keys(r.asked)) {
		m.wg.Go(func() { r.keep(q) })
	}
	return r
}

// hopeless: the server is an address of the other family.
func (q question) hopeless() bool {
	host, _, err := net.SplitHostPort(q.server)
	ip, err2 := netip.ParseAddr(host)
	return err == nil && err2 == nil && ip.Unmap().Is6() != q.v6
}

// beginLocked begins a round.
func (r *reflector) beginLocked() {
	r.round, r.end = context.WithCancel(r.mux.ctx)
	r.began = time.Now()
	for _, a := range r.asked {
		a.settled = false
		a.good = Reflection{}
	}
}

// renew asks all questions anew: the network has changed.
func (r *reflector) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
	r.beginLocked()
}

func (r *reflector) thisRound() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.round
}

// keep asks one question for ever.
func (r *reflector) keep(q question) {
	pause := reflectFirst
	for r.mux.ctx.Err() == nil {
		round := r.thisRound()
		answered, err := r.ask(round, q)
		r.note(round, q, Reflection{Err: err})
		if answered {
			pause = reflectFirst
		}
		if sleep(round, pause) {
			pause = min(2*pause, reflectMost)
		} else {
			pause = reflectFirst
		}
	}
}

// ask opens a connection and repeats the question on it until that fails or the
// round ends. answered: at least once there was an answer.
func (r *reflector) ask(round context.Context, q question) (answered bool, err error) {
	c, err := r.connect(round, q)
	if err != nil {
		return false, err
	}
	defer c.Close()
	defer context.AfterFunc(round, func() { c.Close() })()
	for {
		asked := time.Now()
		seen, err := binding(c)
		if err != nil {
			return answered, err
		}
		answered = true
		r.note(round, q, Reflection{Local: addrPort(c.LocalAddr()), Seen: seen, RTT: time.Since(asked)})
		if err := quiet(c, reflectEvery); err != nil {
			return answered, err
		}
	}
}

// connect leaves from the listening port.
func (r *reflector) connect(round context.Context, q question) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(round, stunTimeout)
	defer cancel()
	server, err := resolve(ctx, q)
	if err != nil {
		return nil, err
	}
	c, err := dialFrom(ctx, r.at.outside(q.v6), server)
	if err != nil {
		return nil, err
	}
	if t, ok := c.(*net.TCPConn); ok {
		// Closing resets: TIME_WAIT would keep the next connection from the 4-tuple.
		err = t.SetLinger(0)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func resolve(ctx context.Context, q question) (netip.AddrPort, error) {
	addrs, err := resolveTCP(ctx, q.server)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range addrs {
		if a.Addr().Is6() == q.v6 {
			return a, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%s: %w", q.server, errNoFamily)
}

// quiet waits for d, on a connection on which the server has nothing to say; it
// notices at once when the server goes away.
func quiet(c net.Conn, d time.Duration) error {
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	var b [1]byte
	n, err := c.Read(b[:])
	switch {
	case n > 0:
		return errors.New("the server spoke unasked")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

// note takes in an answer, or a failure, of that round.
func (r *reflector) note(round context.Context, q question, what Reflection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if round.Err() != nil {
		return
	}
	what.Server, what.V6 = q.server, q.v6
	a := r.asked[q]
	a.Reflection, a.settled = what, true
	if what.Err == nil {
		a.good, a.at = what, time.Now()
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// wait returns when the servers have been asked once in this round: all of them, or
// one a family and the others had a little longer, or they take too long.
func (r *reflector) wait(ctx context.Context) {
	for {
		left, changed := r.pending()
		if left <= 0 {
			return
		}
		t := time.NewTimer(left)
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// pending tells how long it is worth to wait now.
func (r *reflector) pending() (left time.Duration, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting, known := make(map[bool]bool), make(map[bool]time.Time) // by family
	for q, a := range r.asked {
		if !a.settled {
			waiting[q.v6] = true
		} else if a.Err == nil && (known[q.v6].IsZero() || a.at.Before(known[q.v6])) {
			known[q.v6] = a.at
		}
	}
	var until time.Time
	for v6 := range waiting {
		end := r.began.Add(reflectTimeout)
		if !known[v6].IsZero() {
			end = known[v6].Add(reflectGrace)
		}
		if end.After(until) {
			until = end
		}
	}
	return time.Until(until), r.changed
}

// seen gives the answers to offer, the newest of each server and family, one that
// is gone included.
func (r *reflector) seen() (list []Reflection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.asked {
		if a.good.Seen.IsValid() && (a.Err == nil || time.Since(a.at) < reflectKeep) {
			list = append(list, a.good)
		}
	}
	sortReflections(list)
	return list
}

// reflections gives what is known, in a stable order.
func (r *reflector) reflections() (list []Reflection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.asked {
		if !errors.Is(a.Err, errNoFamily) {
			list = append(list, a.Reflection)
		}
	}
	sortReflections(list)
	return list
}

func sortReflections(list []Reflection) {
	family := func(v6 bool) int {
		if v6 {
			return 6
		}
		return 4
	}
	slices.SortFunc(list, func(a, b Reflection) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(family(a.V6), family(b.V6)))
	})
}
