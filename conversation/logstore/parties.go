package logstore

import (
	"database/sql"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
)

// maxParties bounds what is remembered of the table; it is read again after.
const maxParties = 1 << 16

// parties remembers the table party: keys of accounts and devices, by number.
type parties struct {
	mu      sync.Mutex
	numbers map[[32]byte]int64
	keys    map[int64]party
}

type party struct {
	bytes [32]byte
	// device is the peer ID, once it was asked for.
	device peer.ID
}

func newParties() *parties {
	return &parties{numbers: map[[32]byte]int64{}, keys: map[int64]party{}}
}

func (p *parties) number(key [32]byte) (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, ok := p.numbers[key]
	return n, ok
}

func (p *parties) put(n int64, key [32]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) >= maxParties {
		clear(p.keys)
		clear(p.numbers)
	}
	p.numbers[key], p.keys[n] = n, party{bytes: key}
}

func (p *parties) key(n int64) (party, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.keys[n]
	return k, ok
}

func (p *parties) setDevice(n int64, device peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.keys[n]; ok {
		k.device = device
		p.keys[n] = k
	}
}

// party finds the key of a number.
func (s *Store) party(q queryer, n int64) (party, error) {
	if k, ok := s.parties.key(n); ok {
		return k, nil
	}
	var raw []byte
	if err := q.QueryRow("SELECT bytes FROM party WHERE key = ?", n).Scan(&raw); err != nil || len(raw) != 32 {
		return party{}, fmt.Errorf("%w: no key has the number %d (%w)", database.ErrCorrupt, n, err)
	}
	s.parties.put(n, [32]byte(raw))
	return party{bytes: [32]byte(raw)}, nil
}

func (s *Store) account(q queryer, n int64) (conversation.Account, error) {
	k, err := s.party(q, n)
	return k.bytes, err
}

func (s *Store) device(q queryer, n int64) (peer.ID, error) {
	k, err := s.party(q, n)
	if err != nil || k.device != "" {
		return k.device, err
	}
	device, err := conversation.DeviceFromKey(k.bytes[:])
	if err != nil {
		return "", fmt.Errorf("%w: %w", database.ErrCorrupt, err)
	}
	s.parties.setDevice(n, device)
	return device, nil
}

// numberOf finds the number of a key; 0 if it has none.
func (s *Store) numberOf(q queryer, key [32]byte) (n int64, err error) {
	if n, ok := s.parties.number(key); ok {
		return n, nil
	}
	err = q.QueryRow("SELECT key FROM party WHERE bytes = ?", key[:]).Scan(&n)
	if err == sql.ErrNoRows {
		return 0, nil
	}
	if err == nil {
		s.parties.put(n, key)
	}
	return n, err
}

// deviceKey gives the 32 bytes of a device that is known to be sound.
func deviceKey(device peer.ID) (key [32]byte, err error) {
	raw, err := conversation.DeviceKey(device)
	if err != nil {
		return key, err
	}
	return [32]byte(raw), nil
}
