package signalling

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"time"

	"filippo.io/edwards25519"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/conversation"
)

// A sealed message, as servers see it:
//
//	version   1 byte, 1
//	suite     1 byte: 1 X-Wing, 2 X25519
//	key id    8 bytes: which of its keys the recipient must open it with
//	sealed    HPKE's encapsulated key (1120 bytes for X-Wing, 32 for X25519)
//	          and ciphertext (the padded content and a tag of 16 bytes)
//
// HPKE (RFC 9180) runs in base mode with HKDF-SHA256 and AES-256-GCM; KEM of
// suite 1 is MLKEM768X25519 (draft-ietf-hpke-pq, 0x647a), of suite 2
// DHKEM(X25519, HKDF-SHA256) with the X25519 form of the recipient's Ed25519 key.
// Its info is
//
//	"passeur/signal/1\0" ‖ recipient's device key, 32 bytes ‖ what, 1 byte
//
// with 1 for a request and 2 for an answer. A reader refuses other versions and
// suites, and drops without opening what is for none of its keys.
const (
	sealedVersion = 1
	sealedHead    = 1 + 1 + keyIDSize
	keyIDSize     = 8
	xwingKeySize  = 1216

	infoLabel  = "passeur/signal/1\x00"
	keyIDLabel = "passeur/signal-key/1\x00"
)

type suite byte

const (
	suiteXWing  suite = 1
	suiteX25519 suite = 2
)

type what byte

const (
	isRequest what = 1
	isAnswer  what = 2
)

// keyID is the first 8 bytes of
// SHA3-256("passeur/signal-key/1\0" ‖ suite ‖ public key).
type keyID [keyIDSize]byte

var (
	errSealed   = errors.New("bad sealed message")
	errContent  = errors.New("bad content")
	errWrongKey = errors.New("sealed for a key that is not here")
)

func suiteOf(k hpke.KEM) (suite, error) {
	switch k.ID() {
	case hpke.MLKEM768X25519().ID():
		return suiteXWing, nil
	case hpke.DHKEM(ecdh.X25519()).ID():
		return suiteX25519, nil
	}
	return 0, fmt.Errorf("KEM %#x is neither X-Wing nor X25519", k.ID())
}

func keyIDOf(s suite, public hpke.PublicKey) (id keyID) {
	sum := sha3.Sum256(append(append([]byte(keyIDLabel), byte(s)), public.Bytes()...))
	copy(id[:], sum[:])
	return id
}

// envelope is a sealed message taken apart, unopened.
type envelope struct {
	suite  suite
	key    keyID
	sealed []byte
}

func parseEnvelope(b []byte) (envelope, error) {
	if len(b) <= sealedHead || len(b) > MaxMessage {
		return envelope{}, fmt.Errorf("%w: %d bytes", errSealed, len(b))
	}
	e := envelope{suite: suite(b[1]), key: keyID(b[2:sealedHead]), sealed: b[sealedHead:]}
	if b[0] != sealedVersion {
		return envelope{}, fmt.Errorf("%w: version %d", errSealed, b[0])
	}
	if e.suite != suiteXWing && e.suite != suiteX25519 {
		return envelope{}, fmt.Errorf("%w: suite %d", errSealed, e.suite)
	}
	return e, nil
}

func sealInfo(recipient ed25519.PublicKey, w what) []byte {
	return append(append([]byte(infoLabel), recipient...), byte(w))
}

// seal pads content to its size class and seals it for recipient's key.
func seal(key hpke.PublicKey, recipient ed25519.PublicKey, w what, content []byte) ([]byte, error) {
	s, err := suiteOf(key.KEM())
	if err != nil {
		return nil, err
	}
	padded, err := pad(content)
	if err != nil {
		return nil, err
	}
	ct, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), sealInfo(recipient, w), padded)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	id := keyIDOf(s, key)
	return slices.Concat([]byte{sealedVersion, byte(s)}, id[:], ct), nil
}

// open undoes seal, but for the padding, which content parsers check.
func (e envelope) open(key hpke.PrivateKey, recipient ed25519.PublicKey, w what) ([]byte, error) {
	s, err := suiteOf(key.KEM())
	if err != nil {
		return nil, err
	}
	if s != e.suite || keyIDOf(s, key.PublicKey()) != e.key {
		return nil, errWrongKey
	}
	content, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), sealInfo(recipient, w), e.sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSealed, err)
	}
	return content, nil
}

// sizeClasses are the lengths to which content is padded with zero bytes, so that
// a request and an answer, an offer of two candidates and one of twenty, look
// alike. The largest leaves room in MaxMessage for head, X-Wing and tag.
var sizeClasses = [...]int{4 << 10, 8 << 10, 14 << 10}

func pad(content []byte) ([]byte, error) {
	for _, size := range sizeClasses {
		if len(content) <= size {
			return append(slices.Clip(content), make([]byte, size-len(content))...), nil
		}
	}
	return nil, fmt.Errorf("%w: content of %d bytes exceeds %d", ErrTooLarge, len(content), sizeClasses[len(sizeClasses)-1])
}

// isPadding tells whether b is zero bytes only. Readers refuse other padding and
// do not care about its length.
func isPadding(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// fallbackKey is the X25519 form of the Ed25519 key in a peer ID (RFC 7748 §4.1,
// the birational map), for a device whose record is not known.
func fallbackKey(device ed25519.PublicKey) (hpke.PublicKey, error) {
	point, err := new(edwards25519.Point).SetBytes(device)
	if err != nil {
		return nil, fmt.Errorf("device key is not on the curve: %w", err)
	}
	public, err := ecdh.X25519().NewPublicKey(point.BytesMontgomery())
	if err != nil {
		return nil, err
	}
	return hpke.NewDHKEMPublicKey(public)
}

// fallbackPrivateKey opens what was sealed to fallbackKey: the first half of
// SHA-512 of the seed (RFC 8032 §5.1.5) is the scalar of both keys.
func fallbackPrivateKey(key crypto.PrivKey) (hpke.PrivateKey, error) {
	raw, err := key.Raw()
	if err != nil || len(raw) != ed25519.PrivateKeySize {
		return nil, errors.New("the device key is not Ed25519")
	}
	sum := sha512.Sum512(ed25519.PrivateKey(raw).Seed())
	private, err := ecdh.X25519().NewPrivateKey(sum[:32])
	if err != nil {
		return nil, err
	}
	return hpke.NewDHKEMPrivateKey(private)
}

// deviceID is the peer ID of an Ed25519 device key.
func deviceID(key ed25519.PublicKey) (peer.ID, error) {
	public, err := crypto.UnmarshalEd25519PublicKey(key)
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(public)
}

func deviceKey(p peer.ID) (ed25519.PublicKey, error) { return conversation.DeviceKey(p) }

// unixMilli reads a time off the wire.
func unixMilli(ms uint64) (time.Time, error) {
	const year9999 = 253402300799999
	if ms > year9999 {
		return time.Time{}, fmt.Errorf("%w: a time beyond the year 9999", errContent)
	}
	return time.UnixMilli(int64(ms)), nil
}
