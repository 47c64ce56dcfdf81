package signalling

import (
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// maxCopies is how many differently sealed copies of one request are told apart.
	maxCopies = 8
	// maxSilenced is how many requests that got no answer on purpose are remembered.
	// The oldest is forgotten for the newest: nothing but the question to Admit could
	// be had by replaying it.
	maxSilenced = 4096
)

var (
	errMemory = errors.New("too many requests to remember")
	errCopies = errors.New("too many copies of one request")
)

// memory remembers the requests that were seen until they could not be taken any
// more, with their answers, so that a copy gets the same answer and a handler
// sees each once.
type memory struct {
	max, maxOfOne int

	mu       sync.Mutex
	copies   map[[32]byte]*session // by SHA3-256 of the sealed request
	sessions map[sessionKey]*session
	ofOne    map[peer.ID]int
	heeded   int        // sessions that are not silenced
	silenced []*session // oldest first
}

type sessionKey struct {
	from peer.ID
	id   Session
}

// session is a request that was taken.
type session struct {
	sessionKey
	kind string
	hash [32]byte // of the first copy

	// Guarded by memory.mu.
	copies   [][32]byte
	until    time.Time
	silent   bool
	gone     bool
	sentLast time.Time

	// done is closed when answer is set: sealed, or nil if there will be none.
	done   chan struct{}
	answer []byte
}

func newMemory(max, maxOfOne int) *memory {
	return &memory{
		max: max, maxOfOne: maxOfOne,
		copies: make(map[[32]byte]*session), sessions: make(map[sessionKey]*session), ofOne: make(map[peer.ID]int),
	}
}

// seen gives the session of a sealed request that was taken before, or nil.
func (m *memory) seen(hash [32]byte) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copies[hash]
}

// begin gives the session of a request, and whether it is a new one, to be remembered
// until then.
func (m *memory) begin(from peer.ID, id Session, kind string, hash [32]byte, until time.Time) (x *session, fresh bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := sessionKey{from, id}
	if x = m.sessions[key]; x != nil {
		return x, false, m.copyLocked(x, hash, until)
	}
	if m.ofOne[from] >= m.maxOfOne || m.heeded >= m.max && !m.forgetOldestLocked() {
		return nil, false, errMemory
	}
	x = &session{sessionKey: key, kind: kind, hash: hash, done: make(chan struct{})}
	m.sessions[key] = x
	m.heeded++
	m.ofOne[from]++
	return x, true, m.copyLocked(x, hash, until)
}

func (m *memory) copyLocked(x *session, hash [32]byte, until time.Time) error {
	if m.copies[hash] == x {
		return nil
	}
	if len(x.copies) >= maxCopies {
		return errCopies
	}
	x.copies = append(x.copies, hash)
	m.copies[hash] = x
	if until.After(x.until) {
		x.until = until
	}
	return nil
}

// finish sets the answer and lets those who wait for it have it.
func (m *memory) finish(x *session, answer []byte) {
	x.answer = answer
	close(x.done)
}

// silence remembers that x gets no answer.
func (m *memory) silence(x *session) {
	m.mu.Lock()
	if !x.gone && !x.silent {
		x.silent = true
		m.uncountLocked(x)
		m.silenced = append(m.silenced, x)
		if len(m.silenced) > maxSilenced {
			m.forgetLocked(m.silenced[0])
		}
	}
	m.mu.Unlock()
	m.finish(x, nil)
}

// forget makes the next copy of x a new request. Whoever waits for x's answer gets
// none.
func (m *memory) forget(x *session) {
	m.mu.Lock()
	m.forgetLocked(x)
	m.mu.Unlock()
	m.finish(x, nil)
}

func (m *memory) forgetLocked(x *session) {
	if x.gone {
		return
	}
	x.gone = true
	delete(m.sessions, x.sessionKey)
	for _, hash := range x.copies {
		delete(m.copies, hash)
	}
	if !x.silent {
		m.uncountLocked(x)
		return
	}
	for i, other := range m.silenced {
		if other == x {
			m.silenced = append(m.silenced[:i], m.silenced[i+1:]...)
			return
		}
	}
}

// forgetOldestLocked makes room by forgetting the finished session that would
// expire first. Under a flood of senders a request may thus be handled twice
// if a server replays it, which beats not being handled.
func (m *memory) forgetOldestLocked() bool {
	var oldest *session
	for _, x := range m.sessions {
		if !x.silent && x.finished() && (oldest == nil || x.until.Before(oldest.until)) {
			oldest = x
		}
	}
	if oldest == nil {
		return false
	}
	m.forgetLocked(oldest)
	return true
}

func (x *session) finished() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

func (m *memory) uncountLocked(x *session) {
	m.heeded--
	if m.ofOne[x.from]--; m.ofOne[x.from] == 0 {
		delete(m.ofOne, x.from)
	}
}

// mayResend tells whether x's answer is due to be sent again at now, and notes
// that it is sent.
func (m *memory) mayResend(x *session, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(x.sentLast) < answerAgain {
		return false
	}
	x.sentLast = now
	return true
}

// sweep forgets what has expired.
func (m *memory) sweep(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.sessions {
		if now.After(x.until) {
			m.forgetLocked(x)
		}
	}
}
