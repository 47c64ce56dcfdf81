package icetcp

import (
	"cmp"
	"errors"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// maxReports is of how many peers the last negotiation is remembered.
const maxReports = 256

// Negotiation is what became of one session with a peer, for people who want to
// know why a path was taken, or none.
type Negotiation struct {
	Peer           peer.ID
	Controlling    bool // this side offered
	Started, Ended time.Time
	// Local and Remote are the addresses that the two sides announced, as
	// "<type> <ip:port>"; Remote is empty when no answer came.
	Local, Remote []string
	// Attempts are the pairs that were tried from here, or opened by the other side.
	Attempts []Attempt
	// Path is the pair that was nominated; nil if none was.
	Path *Path
	// Err is why no connection came of it; nil if one did.
	Err error
}

// Attempt is one candidate pair.
type Attempt struct {
	Local, Remote netip.AddrPort
	RemoteType    string // candidate type, "prflx" if it was not announced
	// Dials is how often it was dialled in vain, without the dial that went on at the end.
	Dials int
	// Open: a TCP connection came about; Accepted: the other side opened it.
	Open, Accepted bool
	// Nominated: it became the connection. Local is the candidate's address even if the
	// dial left from another port.
	Nominated bool
	// Relay names our TURN server that the other side came through, else "". Local is
	// then the relayed address.
	Relay string
	// Failure is the last dial's, in a few words; "" if none failed.
	Failure string
}

func (a *Attempt) failed(err error) {
	a.Dials++
	a.Failure = reason(err)
}

func (a *Attempt) opened(s *socket) {
	a.Open, a.Accepted, a.Relay = true, !s.dialled, s.relay
	if a.Dials == 0 {
		a.Failure = ""
	}
}

const (
	refused    = "refused"
	unanswered = "no answer before the end"
)

// reason puts the usual failures of a dial into words.
func reason(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{syscall.ECONNREFUSED, refused},
		{syscall.EHOSTUNREACH, "host unreachable"},
		{syscall.ENETUNREACH, "network unreachable"},
		{syscall.ECONNRESET, "reset"},
		{syscall.EADDRNOTAVAIL, "the address pair is in use"},
		{os.ErrDeadlineExceeded, "no answer"},
		{syscall.ETIMEDOUT, "no answer"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return unanswered
}

// pair names the pair of s in reports: by our candidate, since a dial may have left
// from a free port.
func (b *base) pair(s *socket) tuple {
	if s.relay != "" {
		return s.tuple
	}
	return tuple{b.addr, s.remote}
}

// attemptLocked finds or makes the record of a pair.
func (ses *session) attemptLocked(pair tuple) *Attempt {
	if ses.attempts == nil {
		ses.attempts = make(map[tuple]*Attempt)
	}
	if ses.attempts[pair] == nil {
		ses.attempts[pair] = &Attempt{Local: pair.local, Remote: pair.remote}
	}
	return ses.attempts[pair]
}

// nominated notes that the pair of s was.
func (ses *session) nominated(s *socket) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	pair := s.tuple
	if b := ses.bases[s.local.Addr()]; b != nil {
		pair = b.pair(s)
	}
	ses.attemptLocked(pair).Nominated = true
}

// attempted lists the pairs that were tried.
func (ses *session) attempted(theirs *sdp.Description) (list []Attempt) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	for _, a := range ses.attempts {
		a := *a
		if theirs != nil {
			a.RemoteType = string(typeOf(a.Remote, remotes(theirs)))
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Attempt) int {
		return cmp.Or(a.Remote.Compare(b.Remote), a.Local.Compare(b.Local))
	})
	return list
}

func describe(d sdp.Description) (list []string) {
	for _, c := range d.Candidates {
		if c.TCPType == sdp.Active {
			continue
		}
		word := string(c.Type)
		if c.Mapped {
			word = "mapped"
		}
		list = append(list, word+" "+c.Addr.String())
	}
	for _, r := range d.Relays {
		list = append(list, string(sdp.Relay)+" "+r.String())
	}
	return list
}

// keep remembers the last negotiation with each peer, of the most recent ones.
func (t *Transport) keep(n Negotiation) {
	if t.cfg.Ended != nil {
		t.cfg.Ended(n)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reports == nil {
		t.reports = make(map[peer.ID]Negotiation)
	}
	t.reports[n.Peer] = n
	for len(t.reports) > maxReports {
		oldest := n
		for _, r := range t.reports {
			if r.Ended.Before(oldest.Ended) {
				oldest = r
			}
		}
		delete(t.reports, oldest.Peer)
	}
}

// LastNegotiation gives the last negotiation with p that has ended.
func (t *Transport) LastNegotiation(p peer.ID) (Negotiation, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, found := t.reports[p]
	return n, found
}

// Reflections tells how STUN servers see our listening ports, for people.
func (t *Transport) Reflections() []Reflection { return t.front.reflector.reflections() }

// Ports are the listening ports, 0 where a family is missing.
func (t *Transport) Ports() (v4, v6 uint16) { return t.front.port(false), t.front.port(true) }

// Renew asks the STUN servers anew: the network has changed.
func (t *Transport) Renew() {
	t.mu.Lock()
	at := append([]*entrance{t.front}, t.spare...)
	t.mu.Unlock()
	for _, e := range at {
		e.reflector.renew()
	}
}
