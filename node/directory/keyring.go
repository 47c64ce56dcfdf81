package directory

import (
	"crypto/hpke"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// How long keys live. What is sealed to a key can be read by whoever gets hold
// of the device until the key is gone, at most keyLife + keyGrace after it was
// drawn: that is the bound on forward secrecy.
const (
	// keyTurn is when the next key is drawn.
	keyTurn = 7 * 24 * time.Hour
	// keyLife is when senders stop using a key: one turn, and a day in which
	// the next record spreads.
	keyLife = keyTurn + 24*time.Hour
	// keyGrace is for offers on their way (two minutes) and clocks that differ.
	keyGrace = time.Hour
	// maxRingKeys bounds the ring when the clock jumps to and fro.
	maxRingKeys = 8
)

const (
	ringMagic = "PSK1"
	seedLen   = 32
)

// KeyRing holds the X-Wing keys that others seal offers to: the current one and
// those that senders may still be using. A Directory draws a new one each week.
// The zero KeyRing is empty and ready; its first key is drawn when needed.
type KeyRing struct {
	// Save stores what MarshalBinary gives, which is secret, and returns when it
	// is safe. It is called before a new key is used, and must not call the ring.
	// Nil keeps the keys in memory: after a restart, offers under way are lost.
	Save func(raw []byte) error

	mu   sync.Mutex
	keys []ringKey // newest first
}

type ringKey struct {
	drawn, notAfter time.Time
	private         hpke.PrivateKey
}

// MarshalBinary gives the ring's secret bytes: "PSK1", then for each key the
// time it was drawn and its not-after (8 bytes each, ms since 1970) and its
// 32-byte seed.
func (r *KeyRing) MarshalBinary() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return marshalKeys(r.keys)
}

// UnmarshalBinary replaces the ring's keys by those that MarshalBinary wrote.
func (r *KeyRing) UnmarshalBinary(raw []byte) error {
	keys, err := unmarshalKeys(raw)
	if err != nil {
		return fmt.Errorf("key ring: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = keys
	return nil
}

// turn draws a new key if one is due, and forgets those nobody uses any more.
// The result is saved before it takes effect; if that fails, nothing changes.
func (r *KeyRing) turn(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = now.Truncate(time.Millisecond)
	keys := slices.DeleteFunc(slices.Clone(r.keys), func(k ringKey) bool { return k.gone(now) })
	due := dueLocked(r.keys, now)
	if due {
		fresh, err := drawKey(now)
		if err != nil {
			return err
		}
		keys = append([]ringKey{fresh}, retire(keys, now)...)
	}
	if !due && len(keys) == len(r.keys) {
		return nil
	}
	if err := r.saveLocked(keys); err != nil {
		return fmt.Errorf("save the key ring: %w", err)
	}
	r.keys = keys
	return nil
}

func (r *KeyRing) saveLocked(keys []ringKey) error {
	if r.Save == nil {
		return nil
	}
	raw, err := marshalKeys(keys)
	if err != nil {
		return err
	}
	return r.Save(raw)
}

// dueLocked also replaces a key that was drawn while the clock was ahead: it
// would live too long.
func dueLocked(keys []ringKey, now time.Time) bool {
	return len(keys) == 0 || !now.Before(keys[0].drawn.Add(keyTurn)) || keys[0].drawn.After(now.Add(keyGrace))
}

func drawKey(now time.Time) (ringKey, error) {
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return ringKey{}, fmt.Errorf("draw an X-Wing key: %w", err)
	}
	return ringKey{drawn: now, notAfter: now.Add(keyLife), private: private}, nil
}

// retire lets no replaced key live longer than the overlap of a day.
func retire(keys []ringKey, now time.Time) []ringKey {
	last := now.Add(keyLife - keyTurn)
	for i := range keys {
		if keys[i].notAfter.After(last) {
			keys[i].notAfter = last
		}
	}
	return keys[:min(len(keys), maxRingKeys-1)]
}

func (k ringKey) gone(now time.Time) bool { return now.After(k.notAfter.Add(keyGrace)) }

// nextTurn gives the time when turn has something to do.
func (r *KeyRing) nextTurn() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) == 0 {
		return time.Time{}
	}
	next := r.keys[0].drawn.Add(keyTurn)
	for _, k := range r.keys[1:] {
		if end := k.notAfter.Add(keyGrace + time.Millisecond); end.Before(next) {
			next = end
		}
	}
	return next
}

// current gives the key to publish; only the newest is.
func (r *KeyRing) current() (SealKey, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) == 0 {
		return SealKey{}, false
	}
	k := r.keys[0]
	return SealKey{KEM: XWing, Public: k.private.PublicKey().Bytes(), NotAfter: k.notAfter}, true
}

// open gives the private keys that offers may still be sealed to, newest first.
func (r *KeyRing) open(now time.Time) (list []hpke.PrivateKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		if !k.gone(now) {
			list = append(list, k.private)
		}
	}
	return list
}

func marshalKeys(keys []ringKey) ([]byte, error) {
	b := cryptobyte.NewBuilder([]byte(ringMagic))
	for _, k := range keys {
		seed, err := k.private.Bytes()
		if err != nil {
			return nil, err
		}
		addTime(b, k.drawn)
		addTime(b, k.notAfter)
		b.AddBytes(seed)
	}
	return b.Bytes()
}

func unmarshalKeys(raw []byte) (keys []ringKey, err error) {
	s := cryptobyte.String(raw)
	var magic []byte
	if !s.ReadBytes(&magic, len(ringMagic)) || string(magic) != ringMagic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, ringMagic)
	}
	for !s.Empty() {
		var k ringKey
		var seed []byte
		if !readTime(&s, &k.drawn) || !readTime(&s, &k.notAfter) || !s.ReadBytes(&seed, seedLen) || len(keys) == maxRingKeys {
			return nil, fmt.Errorf("%w: a key is cut short, or there are more than %d", ErrMalformed, maxRingKeys)
		}
		if k.private, err = hpke.MLKEM768X25519().NewPrivateKey(seed); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
