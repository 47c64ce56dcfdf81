package conversation

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/sha3"
)

// The header of an entry, big endian:
//
//	magic         4      "PSE1"
//	conversation  32     ID of the first entry; zero in the first entry itself
//	account       32     Ed25519 public key
//	device        32     Ed25519 public key, the one inside the peer ID
//	time          8      ms since 1970, < 2^53
//	parents       1+32n  n = 1..16 (0 in the first entry only), strictly ascending
//	type          1+n    n = 1..96 of 0x21..0x7e without A..Z
//	certificate   1+n    n = 0 or 64
//	body          4+32   length of the stored body, and its SHA3-256
//
// Every field has one encoding and no byte is left over, so a header that
// parses is the only encoding of what it says.
const (
	entryMagic = "PSE1"
	// entryLabel precedes the header where it is hashed and where it is signed.
	entryLabel = "passeur/entry/1\x00"

	maxMilli = 1<<53 - 1
)

// Limits that every reader enforces.
const (
	// Salt is the number of random bytes that a stored body begins with, so that
	// nobody can guess a short content from the hash that stays when it is deleted.
	Salt = 16
	// MaxBody is the most bytes of a stored body, the salt included.
	MaxBody = 65536
	// MaxControlBody is MaxBody for entries of the types initial, member and device.
	MaxControlBody = 1024
	// MaxParents is the most entries that one follows.
	MaxParents = 16
	// MaxType is the most bytes of a media type.
	MaxType = 96
	// MaxHeader is the most bytes of a header.
	MaxHeader = 4 + 3*32 + 8 + (1 + 32*MaxParents) + (1 + MaxType) + (1 + ed25519.SignatureSize) + (4 + 32)
)

// header is what the bytes of a header say.
type header struct {
	conversation ID
	account      [ed25519.PublicKeySize]byte
	device       [ed25519.PublicKeySize]byte
	milli        uint64
	parents      []ID
	mediaType    string
	certificate  *Certificate
	bodySize     uint32
	bodySum      [32]byte
}

// headerID names the entry that has these bytes as its header.
func headerID(raw []byte) ID { return sha3.Sum256(signedBytes(raw)) }

// signedBytes is what the device signs.
func signedBytes(raw []byte) []byte { return append([]byte(entryLabel), raw...) }

func (h *header) encode() ([]byte, error) {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, MaxHeader))
	b.AddBytes([]byte(entryMagic))
	b.AddBytes(h.conversation[:])
	b.AddBytes(h.account[:])
	b.AddBytes(h.device[:])
	b.AddUint64(h.milli)
	b.AddUint8(uint8(min(len(h.parents), 255)))
	for _, p := range h.parents {
		b.AddBytes(p[:])
	}
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(h.mediaType)) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
		if h.certificate != nil {
			b.AddBytes(h.certificate[:])
		}
	})
	b.AddUint32(h.bodySize)
	b.AddBytes(h.bodySum[:])
	return b.Bytes()
}

// parseHeader reads raw to its last byte. Nothing in the result points into raw.
func parseHeader(raw []byte) (*header, error) {
	h, s := new(header), cryptobyte.String(raw)
	for _, part := range [...]struct {
		name, rule string
		read       func(*header, *cryptobyte.String) bool
	}{
		{"magic", `want "PSE1"`, readMagic},
		{"conversation, account and device", "want 32 bytes each", (*header).readNames},
		{"time", "want milliseconds since 1970, less than 2^53", (*header).readTime},
		{"parents", "want at most 16, each once, in ascending order", (*header).readParents},
		{"type", "want 1 to 96 printable ASCII characters without capitals and spaces", (*header).readType},
		{"certificate", "want 0 or 64 bytes", (*header).readCertificate},
		{"body", "want its length and its sum", (*header).readBody},
	} {
		if !part.read(h, &s) {
			return nil, fmt.Errorf("%w: %s: %s", ErrEntry, part.name, part.rule)
		}
	}
	if !s.Empty() {
		return nil, fmt.Errorf("%w: %d bytes are left over after the header", ErrEntry, len(s))
	}
	return h, nil
}

func readMagic(_ *header, s *cryptobyte.String) bool {
	var magic []byte
	return s.ReadBytes(&magic, len(entryMagic)) && string(magic) == entryMagic
}

func (h *header) readNames(s *cryptobyte.String) bool {
	return s.CopyBytes(h.conversation[:]) && s.CopyBytes(h.account[:]) && s.CopyBytes(h.device[:])
}

func (h *header) readTime(s *cryptobyte.String) bool {
	return s.ReadUint64(&h.milli) && h.milli <= maxMilli
}

func (h *header) readParents(s *cryptobyte.String) bool {
	var n uint8
	if !s.ReadUint8(&n) || n > MaxParents {
		return false
	}
	h.parents = make([]ID, n)
	for i := range h.parents {
		if !s.CopyBytes(h.parents[i][:]) || i > 0 && h.parents[i-1].Compare(h.parents[i]) >= 0 {
			return false
		}
	}
	return true
}

func (h *header) readType(s *cryptobyte.String) bool {
	var text cryptobyte.String
	if !s.ReadUint8LengthPrefixed(&text) || len(text) == 0 || len(text) > MaxType {
		return false
	}
	for _, c := range text {
		if c <= ' ' || c > '~' || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	h.mediaType = string(text)
	return true
}

func (h *header) readCertificate(s *cryptobyte.String) bool {
	var cert cryptobyte.String
	if !s.ReadUint8LengthPrefixed(&cert) {
		return false
	}
	if len(cert) == ed25519.SignatureSize {
		h.certificate = new(Certificate(cert))
	}
	return len(cert) == 0 || h.certificate != nil
}

func (h *header) readBody(s *cryptobyte.String) bool {
	return s.ReadUint32(&h.bodySize) && s.CopyBytes(h.bodySum[:])
}

func (h *header) time() time.Time { return time.UnixMilli(int64(h.milli)).UTC() }
