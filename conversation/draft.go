package conversation

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"golang.org/x/crypto/sha3"
)

// Draft is an entry before a device has signed it.
type Draft struct {
	// Conversation is zero for a first entry.
	Conversation ID
	Account      Account
	// Parents in any order; none for a first entry.
	Parents []ID
	// Time is cut to milliseconds. See [NextTime].
	Time    time.Time
	Type    string
	Content []byte
	// Certificate goes with the device's first entry, and with no other.
	Certificate *Certificate
}

// Sign salts the content, encodes and signs, and gives the entry only if it
// decodes and verifies as everybody else will have it. device must be an
// Ed25519 key. Errors wrap ErrEntry or ErrSignature where the draft is at fault.
func (d Draft) Sign(device crypto.PrivKey) (*Entry, error) {
	salt := make([]byte, Salt)
	rand.Read(salt) // never fails
	return d.sign(device, salt)
}

func (d Draft) sign(device crypto.PrivKey, salt []byte) (*Entry, error) {
	if len(d.Content) > MaxBody-Salt {
		return nil, fmt.Errorf("%w: a content of %d bytes, more than %d", ErrEntry, len(d.Content), MaxBody-Salt)
	}
	body := append(bytes.Clone(salt), d.Content...)
	header, err := d.header(device, body)
	if err != nil {
		return nil, err
	}
	signature, err := device.Sign(signedBytes(header))
	if err != nil {
		return nil, fmt.Errorf("sign an entry: %w", err)
	}
	e, err := Decode(Raw{header, signature, body})
	if err != nil {
		return nil, err
	}
	if err := e.Verify(); err != nil {
		return nil, err
	}
	return e, nil
}

func (d Draft) header(device crypto.PrivKey, body []byte) ([]byte, error) {
	key, err := device.GetPublic().Raw()
	if err != nil || device.Type() != crypto.Ed25519 {
		return nil, fmt.Errorf("%w: the key that is to sign an entry is no Ed25519 key", ErrDevice)
	}
	if ms := d.Time.UnixMilli(); ms < 0 || ms > maxMilli {
		return nil, fmt.Errorf("%w: the time %s cannot be written", ErrEntry, d.Time)
	}
	h := header{
		conversation: d.Conversation, account: d.Account, device: [32]byte(key), milli: uint64(d.Time.UnixMilli()),
		parents: slices.SortedFunc(slices.Values(d.Parents), ID.Compare), mediaType: d.Type, certificate: d.Certificate,
		bodySize: uint32(len(body)), bodySum: sha3.Sum256(body),
	}
	raw, err := h.encode()
	if err != nil {
		return nil, fmt.Errorf("%w: it does not fit into %d bytes of header: %w", ErrEntry, MaxHeader, err)
	}
	return raw, nil
}
