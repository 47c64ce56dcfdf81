package api

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	// memoTime is how long an Idempotency-Key is remembered.
	memoTime = 24 * time.Hour
	// maxMemos bounds how many are; the oldest goes first.
	maxMemos = 1000
)

// memory knows what was answered to requests that had an Idempotency-Key, so that one
// that comes again gets the same answer and does nothing. It ends with the process.
type memory struct {
	mu    sync.Mutex
	memos []*memo // oldest first
}

// memo is one request that had a key. Answer and err count when done is closed.
type memo struct {
	key    string
	body   [sha256.Size]byte
	since  time.Time
	done   chan struct{}
	answer Sent
	err    error
}

// once gives what f answers, or has answered to the same key and body. A request that
// failed is forgotten; others that wait for it meanwhile fail with it.
func (m *memory) once(key string, body NewTransfer, f func() (Sent, error)) (Sent, error) {
	now, first := m.begin(key, bodySum(body))
	if now.body != bodySum(body) {
		return Sent{}, problem(CodeIdempotency, "the Idempotency-Key was used before, to send something else; use a new one for each thing to send")
	}
	if !first {
		<-now.done
		return now.answer, now.err
	}
	defer close(now.done)
	now.err = problem(CodeInternal, "the first request with this key did not end") // if f panics
	defer func() {
		if now.err != nil {
			m.forget(now)
		}
	}()
	now.answer, now.err = f()
	return now.answer, now.err
}

func bodySum(body NewTransfer) [sha256.Size]byte {
	text, _ := json.Marshal(body) // it is texts and lists of them
	return sha256.Sum256(text)
}

// begin finds the memo of a key, or makes it.
func (m *memory) begin(key string, body [sha256.Size]byte) (found *memo, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.memos = slices.DeleteFunc(m.memos, func(o *memo) bool { return now.Sub(o.since) > memoTime })
	if i := slices.IndexFunc(m.memos, func(o *memo) bool { return o.key == key }); i >= 0 {
		return m.memos[i], false
	}
	if len(m.memos) >= maxMemos {
		m.memos = slices.Delete(m.memos, 0, 1)
	}
	o := &memo{key: key, body: body, since: now, done: make(chan struct{})}
	m.memos = append(m.memos, o)
	return o, true
}

func (m *memory) forget(o *memo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memos = slices.DeleteFunc(m.memos, func(other *memo) bool { return other == o })
}
