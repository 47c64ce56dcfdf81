package directory

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/cryptobyte"

	"github.com/passeur-p2p/passeur/conversation"
)

// maxMilli bounds times as MaxSeq bounds numbers; it is the year 287396.
const maxMilli = 1<<53 - 1

// head is what both kinds of record begin with, after magic and key.
type head struct {
	seq    uint64
	issued time.Time
}

// openRecord checks size, magic and head. It gives the key that must have
// signed, and what lies between head and signature. All slices point into raw.
func openRecord(raw []byte, magic string) (signer []byte, h head, rest cryptobyte.String, err error) {
	if len(raw) > MaxRecordSize {
		return nil, h, nil, fmt.Errorf("%w: %d bytes, more than %d", ErrMalformed, len(raw), MaxRecordSize)
	}
	if len(raw) < signatureLen {
		return nil, h, nil, fmt.Errorf("%w: %d bytes do not hold a signature", ErrMalformed, len(raw))
	}
	body, _ := splitSignature(raw)
	rest = cryptobyte.String(body)
	var found []byte
	if !rest.ReadBytes(&found, len(magic)) || string(found) != magic {
		return nil, h, nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, magic)
	}
	if !rest.ReadBytes(&signer, keyLen) || !rest.ReadUint64(&h.seq) || !readTime(&rest, &h.issued) {
		return nil, h, nil, fmt.Errorf("%w: its head is cut short, or its time is out of range", ErrMalformed)
	}
	if h.seq == 0 || h.seq > MaxSeq {
		return nil, h, nil, fmt.Errorf("%w: sequence number %d is not in 1 .. 2^53-1", ErrMalformed, h.seq)
	}
	return signer, h, rest, nil
}

func splitSignature(raw []byte) (body, signature []byte) {
	n := len(raw) - signatureLen
	return raw[:n:n], raw[n:]
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	var ms uint64
	if !s.ReadUint64(&ms) || ms > maxMilli {
		return false
	}
	*t = time.UnixMilli(int64(ms)).UTC()
	return true
}

// addTime writes milliseconds since 1970; a zero time becomes 1970.
func addTime(b *cryptobyte.Builder, t time.Time) {
	ms := t.UnixMilli()
	if t.IsZero() {
		ms = 0
	}
	if ms < 0 || ms > maxMilli {
		b.SetError(fmt.Errorf("the time %s cannot be written", t))
		return
	}
	b.AddUint64(uint64(ms))
}

// keyed is a value with its device's public key, for sorting and writing.
type keyed[T any] struct {
	key   []byte
	value T
}

// sortedByKey sorts a copy by device key. Doubles are left for the parser to
// refuse.
func sortedByKey[T any](values []T, id func(T) peer.ID) ([]keyed[T], error) {
	sorted := make([]keyed[T], 0, len(values))
	for _, v := range values {
		key, err := conversation.DeviceKey(id(v))
		if err != nil {
			return nil, err
		}
		sorted = append(sorted, keyed[T]{key, v})
	}
	slices.SortFunc(sorted, func(x, y keyed[T]) int { return bytes.Compare(x.key, y.key) })
	return sorted, nil
}

// readSorted reads entries that begin with a device key, strictly ascending, to
// the end of s. read gets what follows the key.
func readSorted[T any](s *cryptobyte.String, most int, read func(*cryptobyte.String, peer.ID) (T, error)) (list []T, err error) {
	var last []byte
	for !s.Empty() {
		var key []byte
		if len(list) == most {
			return nil, fmt.Errorf("%w: more than %d", ErrMalformed, most)
		}
		if !s.ReadBytes(&key, keyLen) || bytes.Compare(last, key) >= 0 {
			return nil, fmt.Errorf("%w: an entry is cut short or out of order", ErrMalformed)
		}
		id, err := conversation.DeviceFromKey(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		entry, err := read(s, id)
		if err != nil {
			return nil, err
		}
		list, last = append(list, entry), key
	}
	return list, nil
}
