package turnrelay

import (
	"errors"
	"net/netip"
	"time"
)

// Status is how a server is doing, for people.
type Status struct {
	URL string // in the form of URL.String
	// Checked is when the server was last asked for an address, zero if never.
	Checked time.Time
	// Reachable: it answered then, be it with a refusal.
	Reachable bool
	// Latency is one round trip to the server, measured by the first request over a
	// connection that stood already; 0 while not Reachable.
	Latency time.Duration
	// Relayed are the addresses that stand now, at most one IPv4 and one IPv6.
	Relayed []netip.AddrPort
	// Conns is the number of peers' connections that come in there now.
	Conns int
	// Err joins why there is no address of a family, nil if nothing went wrong. It
	// holds a *ServerError.
	Err error
}

// Servers gives the state of each server, in the order of Config.Servers. Nothing is
// asked for it: Borrow first to know how they are doing now.
func (r *Relay) Servers() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Status, 0, len(r.slots)/2)
	for i := 0; i < len(r.slots); i += 2 {
		all = append(all, statusLocked(r.slots[i], r.slots[i+1]))
	}
	return all
}

// statusLocked makes the status of the server that two slots are at.
func statusLocked(v4, v6 *slot) Status {
	st := Status{URL: v4.url.String()}
	for _, s := range []*slot{v4, v6} {
		if s.checked.After(st.Checked) {
			st.Checked, st.Latency = s.checked, s.latency
		}
		if s.alloc.lives() {
			st.Relayed = append(st.Relayed, s.alloc.relayed)
			st.Conns += s.alloc.conns
		}
		if err := s.failureLocked(); err != nil && !sameTrouble(st.Err, err) {
			st.Err = errors.Join(st.Err, err)
		}
	}
	st.Reachable = st.Latency > 0
	return st
}
