package pairing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	ledgerBlob  = "pairing-burnt"
	ledgerEntry = 32 + 8
	// maxBurnt is how many burnt codes are remembered, the latest.
	maxBurnt = 1024
)

// Blobs keeps bytes under a name, on disk before PutBlob returns.
type Blobs interface {
	// Blob gives nil if there are none.
	Blob(name string) ([]byte, error)
	PutBlob(name string, raw []byte) error
}

// Ledger is a Memory in a blob: burnt codes' sums, 32 bytes, each with its end in
// milliseconds since 1970, 8 bytes, big endian.
type Ledger struct {
	blobs Blobs
	mu    sync.Mutex
}

var _ Memory = (*Ledger)(nil)

// NewLedger keeps burnt codes in the blob "pairing-burnt".
func NewLedger(b Blobs) *Ledger { return &Ledger{blobs: b} }

// Burn notes sum, and forgets what has ended.
func (l *Ledger) Burn(sum [32]byte, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := l.entriesLocked()
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e []byte) bool { return [32]byte(e) == sum })
	entries = append(entries, binary.BigEndian.AppendUint64(sum[:], uint64(until.UnixMilli())))
	entries = entries[max(0, len(entries)-maxBurnt):]
	return l.blobs.PutBlob(ledgerBlob, slices.Concat(entries...))
}

// Burnt tells whether sum was noted and has not ended.
func (l *Ledger) Burnt(sum [32]byte) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := l.entriesLocked()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(entries, func(e []byte) bool { return [32]byte(e) == sum }), nil
}

// entriesLocked gives the entries that have not ended, oldest first.
func (l *Ledger) entriesLocked() (entries [][]byte, err error) {
	raw, err := l.blobs.Blob(ledgerBlob)
	if err != nil {
		return nil, err
	}
	if len(raw)%ledgerEntry != 0 {
		return nil, fmt.Errorf("blob %s: %w", ledgerBlob, errors.New("it is damaged"))
	}
	now := uint64(time.Now().UnixMilli())
	for e := range slices.Chunk(raw, ledgerEntry) {
		if binary.BigEndian.Uint64(e[32:]) > now {
			entries = append(entries, e)
		}
	}
	return entries, nil
}
