package directory

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Memory is what survives a restart: the newest record seen under each key.
// Without it, whoever answers a lookup first after a start could bring back a
// record from before a revocation. It may be called concurrently.
type Memory interface {
	// LoadRecord gives nil, nil when there is none.
	LoadRecord(key string) ([]byte, error)
	// SaveRecord replaces what is there, and returns when it is safe.
	SaveRecord(key string, raw []byte) error
	// DeleteRecord forgets; no record there is no error.
	DeleteRecord(key string) error
}

// errNotSaved: a newer record is there, but using it would not outlast a restart.
var errNotSaved = errors.New("a newer record cannot be remembered")

// maxVerified bounds the records kept ready in memory; others are loaded and
// verified again.
const maxVerified = 512

// ledger lets no record be followed by an older one.
type ledger struct {
	memory Memory
	log    *slog.Logger

	mu       sync.Mutex
	verified map[string]*entry
}

func newLedger(m Memory, log *slog.Logger) *ledger {
	return &ledger{memory: m, log: log, verified: map[string]*entry{}}
}

// newest gives the remembered record, nil if there is none.
func (l *ledger) newest(key string) (*entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newestLocked(key)
}

func (l *ledger) newestLocked(key string) (*entry, error) {
	if e, found := l.verified[key]; found {
		return e, nil
	}
	raw, err := l.memory.LoadRecord(key)
	if err != nil {
		return nil, fmt.Errorf("load the remembered record %s: %w", key, err)
	}
	if raw == nil {
		return nil, nil
	}
	e, err := parseEntry(key, raw)
	if err != nil {
		l.log.Error("the remembered record is damaged and counts as none", "key", key, "error", err)
		return nil, nil
	}
	l.keepLocked(key, e)
	return e, nil
}

// offer takes raw if it is sound and newer than what is remembered; it is saved
// before anybody sees it. It gives the newest either way.
func (l *ledger) offer(key string, raw []byte) (*entry, error) {
	e, err := parseEntry(key, raw)
	if err != nil {
		return nil, err
	}
	return l.take(key, e)
}

// take is offer for a record that has been parsed.
func (l *ledger) take(key string, e *entry) (*entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest, err := l.newestLocked(key)
	if err != nil {
		return nil, err
	}
	if !e.newerThan(newest) {
		l.reportOlder(key, e, newest)
		return newest, nil
	}
	if err := e.checkTime(time.Now()); err != nil {
		return nil, err
	}
	if err := l.memory.SaveRecord(key, e.raw); err != nil {
		return nil, fmt.Errorf("%w (%s): %w", errNotSaved, key, err)
	}
	l.keepLocked(key, e)
	return e, nil
}

func (l *ledger) reportOlder(key string, e, newest *entry) {
	if e.seq < newest.seq {
		l.log.Info("an older record was offered", "key", key, "seq", e.seq, "remembered", newest.seq)
	}
}

func (l *ledger) keepLocked(key string, e *entry) {
	makeRoom(l.verified, maxVerified)
	l.verified[key] = e
}

// makeRoom drops any entries until one more fits.
func makeRoom[V any](m map[string]V, most int) {
	for key := range m {
		if len(m) < most {
			return
		}
		delete(m, key)
	}
}

func (l *ledger) forget(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.verified, key)
	return l.memory.DeleteRecord(key)
}

// maxVolatile bounds what a Directory without a Memory remembers.
const maxVolatile = 4096

// volatile is the Memory of a Directory that has none.
type volatile struct {
	mu      sync.Mutex
	records map[string][]byte
}

func (v *volatile) LoadRecord(key string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.records[key], nil
}

func (v *volatile) SaveRecord(key string, raw []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	makeRoom(v.records, maxVolatile)
	v.records[key] = raw
	return nil
}

func (v *volatile) DeleteRecord(key string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.records, key)
	return nil
}
