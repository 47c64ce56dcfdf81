package conversation

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

// AccountScheme begins the text form of every account.
const AccountScheme = "passeur:"

const (
	checksumLen   = 4
	checksumLabel = "passeur/account/1\x00"
	certLabel     = "passeur/device-cert/1\x00"
)

// ErrAccount is wrapped by every error of [ParseAccount].
var ErrAccount = errors.New("not an account")

var accountEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

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
	return AccountScheme + strings.ToLower(accountEncoding.EncodeToString(append(a[:], a.checksum()...)))
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

// ParseAccount reads the text form. Case and surrounding white space do not
// matter; every other deviation is an error that wraps ErrAccount.
func ParseAccount(text string) (Account, error) {
	body, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(text)), AccountScheme)
	if !found {
		return Account{}, fmt.Errorf("%w: it does not begin with %q", ErrAccount, AccountScheme)
	}
	raw, err := accountEncoding.DecodeString(strings.ToUpper(body))
	if err != nil || len(raw) != ed25519.PublicKeySize+checksumLen {
		return Account{}, fmt.Errorf("%w: it wants 58 letters or digits 2 to 7 after %q", ErrAccount, AccountScheme)
	}
	a := Account(raw[:ed25519.PublicKeySize])
	if !bytes.Equal(raw[ed25519.PublicKeySize:], a.checksum()) || a.String() != AccountScheme+body {
		return Account{}, fmt.Errorf("%w: its checksum does not match, so a letter is wrong or missing", ErrAccount)
	}
	if a.IsZero() {
		return Account{}, fmt.Errorf("%w: the zero key", ErrAccount)
	}
	return a, nil
}

// Verify tells whether sig is the account's signature over label ‖ message.
func (a Account) Verify(label string, message, sig []byte) bool {
	return len(sig) == ed25519.SignatureSize &&
		ed25519.Verify(a[:], append([]byte(label), message...), sig)
}

// AccountKey is the private half of an Account. Only keeper devices hold one.
type AccountKey struct{ private ed25519.PrivateKey }

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

// Certificate is the account's signature over
// "passeur/device-cert/1\0" ‖ account ‖ device key, which makes a device one of
// the account's. It never expires; a revocation ends it.
type Certificate [ed25519.SignatureSize]byte

// Certify makes device one of the account's. Device must be the peer ID of an
// Ed25519 key.
func (k AccountKey) Certify(device peer.ID) (Certificate, error) {
	message, err := certMessage(k.Account(), device)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate(k.Sign(certLabel, message)), nil
}

// ErrCertificate says that a certificate does not bind the device to the account.
var ErrCertificate = errors.New("the certificate does not bind the device to the account")

// CheckCertificate returns nil, or ErrCertificate.
func (a Account) CheckCertificate(device peer.ID, cert Certificate) error {
	message, err := certMessage(a, device)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if !a.Verify(certLabel, message, cert[:]) {
		return ErrCertificate
	}
	return nil
}

func certMessage(a Account, device peer.ID) ([]byte, error) {
	key, err := DeviceKey(device)
	if err != nil {
		return nil, err
	}
	return append(a[:], key...), nil
}

// DeviceKey gives the Ed25519 public key that a device's peer ID carries.
func DeviceKey(device peer.ID) (ed25519.PublicKey, error) {
	public, err := device.ExtractPublicKey()
	if err != nil {
		return nil, fmt.Errorf("device %s: its peer ID carries no key: %w", device, err)
	}
	raw, err := public.Raw()
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("device %s: its key is not Ed25519", device)
	}
	return raw, nil
}
