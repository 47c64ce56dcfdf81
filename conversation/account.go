package conversation

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/sha3"
)

// AccountScheme begins the text form of every account.
const AccountScheme = "passeur:"

const (
	checksumLen   = 4
	checksumLabel = "passeur/account/1\x00"
)

// ErrAccount is wrapped by every error of [ParseAccount].
var ErrAccount = errors.New("not an account")

// accountLetters is the length of the text form without its scheme.
const accountLetters = 58

var accountEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Account names a person: the Ed25519 public key that certifies the person's
// devices. It is a type of its own so that it is never mistaken for a peer.ID.
// Its text form is "passeur:" and the base32 (RFC 4648, lower case, unpadded)
// of the key and the first four bytes of
// SHA3-256("passeur/account/1\0" ‖ key), 58 letters in all, so that a typing
// error is found before anybody is asked.
type Account [ed25519.PublicKeySize]byte

func (a Account) checksum() []byte {
	sum := sha3.Sum256(append([]byte(checksumLabel), a[:]...))
	return sum[:checksumLen]
}

// String gives the text form; the zero Account gives "".
func (a Account) String() string {
	if a.IsZero() {
		return ""
	}
	return a.text()
}

func (a Account) text() string {
	return AccountScheme + accountEncoding.EncodeToString(append(a[:], a.checksum()...))
}

// IsZero tells whether a names nobody.
func (a Account) IsZero() bool { return a == Account{} }

// MarshalText gives the text form of String.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is ParseAccount; empty text gives the zero Account.
func (a *Account) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*a = Account{}
		return nil
	}
	*a, err = ParseAccount(string(text))
	return err
}

// ParseAccount reads the text form. The case of ASCII letters and surrounding
// white space do not matter; every other deviation is an error that wraps
// ErrAccount. A weak key is refused, see [AccountFromKey].
func ParseAccount(text string) (Account, error) {
	body, found := strings.CutPrefix(lowerASCII(strings.TrimSpace(text)), AccountScheme)
	if !found {
		return Account{}, fmt.Errorf("%w: it does not begin with %q", ErrAccount, AccountScheme)
	}
	if len(body) != accountLetters {
		return Account{}, fmt.Errorf("%w: it has %d letters after %q instead of %d", ErrAccount, len(body), AccountScheme, accountLetters)
	}
	raw, err := accountEncoding.DecodeString(body)
	if err != nil || len(raw) != ed25519.PublicKeySize+checksumLen {
		return Account{}, fmt.Errorf("%w: after %q come only letters and the digits 2 to 7", ErrAccount, AccountScheme)
	}
	a := Account(raw[:ed25519.PublicKeySize])
	if !bytes.Equal(raw[ed25519.PublicKeySize:], a.checksum()) || a.text() != AccountScheme+body {
		return Account{}, fmt.Errorf("%w: its checksum does not match, so a letter is wrong", ErrAccount)
	}
	return AccountFromKey(a[:])
}

// AccountFromKey takes the 32 bytes of an Ed25519 public key as others sent
// them. It refuses, wrapping ErrAccount, what is no point of the curve, points
// in an encoding other than the canonical one of RFC 8032 §5.1.2, and points of
// small order: libraries differ on what such keys verify, and some "sign" any
// message. No key pair made as RFC 8032 §5.1.5 says is one of them.
func AccountFromKey(key []byte) (Account, error) {
	if weakKey(key) {
		return Account{}, fmt.Errorf("%w: its key is weak (no point of Ed25519, not canonical, or of small order)", ErrAccount)
	}
	return Account(key), nil
}

// lowerASCII leaves other letters alone: strings.ToLower makes a k of the
// Kelvin sign, which would be a second spelling.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// Verify tells whether sig is the account's signature over label ‖ message, as
// RFC 8032 §5.1.7 without cofactors. A weak account has signed nothing.
func (a Account) Verify(label string, message, sig []byte) bool {
	return len(sig) == ed25519.SignatureSize && !weakKey(a[:]) &&
		ed25519.Verify(a[:], append([]byte(label), message...), sig)
}

// AccountKey is the private half of an Account. Only keeper devices hold one.
// The zero AccountKey is nobody's: it must not sign. Printing a key shows its
// account, never the secret.
type AccountKey struct{ private ed25519.PrivateKey }

// IsZero tells whether k holds no key.
func (k AccountKey) IsZero() bool { return len(k.private) == 0 }

// String names the account.
func (k AccountKey) String() string {
	if k.IsZero() {
		return "no account key"
	}
	return "key of " + k.Account().String()
}

// Format keeps every verb of fmt away from the secret.
func (k AccountKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// NewAccountKey draws a key from random.
func NewAccountKey(random io.Reader) (AccountKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return AccountKey{}, fmt.Errorf("draw an account key: %w", err)
	}
	return AccountKeyFromSeed(seed)
}

// AccountKeyFromSeed restores a key from the 32 bytes that Seed gave.
func AccountKeyFromSeed(seed []byte) (AccountKey, error) {
	if len(seed) != ed25519.SeedSize {
		return AccountKey{}, fmt.Errorf("an account key's seed has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	return AccountKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed gives the 32 secret bytes to store.
func (k AccountKey) Seed() []byte { return k.private.Seed() }

// Account gives the public half.
func (k AccountKey) Account() Account { return Account(k.private.Public().(ed25519.PublicKey)) }

// Sign signs label ‖ message. A label ends in a zero byte and names one use, so
// that a signature made for one use is worth nothing in another.
func (k AccountKey) Sign(label string, message []byte) []byte {
	return ed25519.Sign(k.private, append([]byte(label), message...))
}

// weakKey tells whether key is no Ed25519 public key that everybody judges
// alike: 32 bytes, the canonical encoding of a point that the cofactor does not
// send to the identity. SetBytes takes two encodings that are not canonical: y
// beyond the field, and x = 0 with its sign bit set; the latter is of small order.
func weakKey(key []byte) bool {
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil || !belowPrime(key) {
		return true
	}
	return point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1
}

// belowPrime tells whether the little-endian y of a key is less than 2^255 - 19.
func belowPrime(key []byte) bool {
	const last = ed25519.PublicKeySize - 1
	for _, digit := range key[1:last] {
		if digit != 0xff {
			return true
		}
	}
	return key[last]|0x80 != 0xff || key[0] < 0xed
}
