package directory

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/cryptobyte"

	"github.com/passeur-p2p/passeur/conversation"
)

const (
	deviceMagic = "PSD1"
	deviceLabel = "passeur/device-record/1\x00"

	maxSealKeys      = 4
	maxSealKey       = 2048
	maxCapabilities  = 32
	maxCapability    = 64
	capabilityLetter = "abcdefghijklmnopqrstuvwxyz0123456789-./"
)

// XWing is the KEM identifier of MLKEM768X25519 in the HPKE registry.
const XWing uint16 = 0x647a

// SealKey is a public key that offers to a device may be sealed to.
type SealKey struct {
	// KEM is the HPKE identifier; 0 stands for XWing when signing.
	KEM uint16
	// Public is the serialised key; XWing's has 1216 bytes.
	Public []byte
	// NotAfter is when senders stop using it, to the millisecond.
	NotAfter time.Time
}

// DeviceRecord says how to seal an offer to a device, and what the device can
// do. Records are not changed once they are signed or parsed; they are shared.
type DeviceRecord struct {
	Device peer.ID
	// Seq counts up with each new record, see NextSeq.
	Seq uint64
	// Issued is when it was signed, to the millisecond.
	Issued time.Time
	// Keys has the one that lives longest first.
	Keys []SealKey
	// Capabilities are lower-case words in ascending order. Unknown ones are
	// to be ignored.
	Capabilities []string
	// Raw is the signed encoding.
	Raw []byte
}

// SealKey gives the first X-Wing key that may be used now, or ErrNoKey.
func (r *DeviceRecord) SealKey(now time.Time) (hpke.PublicKey, error) {
	for _, k := range r.Keys {
		if k.KEM == XWing && now.Before(k.NotAfter) {
			return hpke.MLKEM768X25519().NewPublicKey(k.Public)
		}
	}
	return nil, fmt.Errorf("%w: those of %s have expired", ErrNoKey, r.Device)
}

// SignDeviceRecord encodes and signs r with the device's own key, which must be
// Ed25519. It fills in what r leaves empty: the device and the time of issue
// (now); it sorts. Anything beyond the limits is an error.
func SignDeviceRecord(k crypto.PrivKey, r DeviceRecord) ([]byte, error) {
	raw, err := signDeviceRecord(k, r)
	if err != nil {
		return nil, fmt.Errorf("sign a device record: %w", err)
	}
	return raw, nil
}

func signDeviceRecord(k crypto.PrivKey, r DeviceRecord) ([]byte, error) {
	own, err := deviceOf(k)
	if err != nil {
		return nil, err
	}
	if r.Device == "" {
		r.Device = own
	}
	if r.Device != own {
		return nil, fmt.Errorf("it is %s's, the key %s's", r.Device, own)
	}
	if r.Issued.IsZero() {
		r.Issued = time.Now()
	}
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	signature, err := k.Sign(append([]byte(deviceLabel), body...))
	if err != nil {
		return nil, err
	}
	raw := append(body, signature...)
	_, err = ParseDeviceRecord(raw)
	return raw, err
}

func deviceOf(k crypto.PrivKey) (peer.ID, error) {
	if k == nil || k.Type() != pb.KeyType_Ed25519 {
		return "", fmt.Errorf("%w: its private key is missing or not Ed25519", conversation.ErrDevice)
	}
	return peer.IDFromPrivateKey(k)
}

func (r DeviceRecord) encode() ([]byte, error) {
	key, err := conversation.DeviceKey(r.Device)
	if err != nil {
		return nil, err
	}
	keys, capabilities := slices.Clone(r.Keys), slices.Sorted(slices.Values(r.Capabilities))
	slices.SortStableFunc(keys, func(x, y SealKey) int { return y.NotAfter.Compare(x.NotAfter) })
	b := cryptobyte.NewBuilder(nil)
	b.AddBytes([]byte(deviceMagic))
	b.AddBytes(key)
	b.AddUint64(r.Seq)
	addTime(b, r.Issued)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, k := range keys {
			addSealKey(b, k)
		}
	})
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, c := range capabilities {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(c)) })
		}
	})
	return b.Bytes()
}

func addSealKey(b *cryptobyte.Builder, k SealKey) {
	if k.KEM == 0 {
		k.KEM = XWing
	}
	b.AddUint16(k.KEM)
	addTime(b, k.NotAfter)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(k.Public) })
}

// ParseDeviceRecord reads a device record and verifies all that can be verified
// without a clock: encoding, limits, signature, X-Wing keys. raw is copied. Errors
// wrap ErrMalformed or ErrSignature.
func ParseDeviceRecord(raw []byte) (*DeviceRecord, error) {
	r, err := parseDeviceRecord(bytes.Clone(raw))
	if err != nil {
		return nil, fmt.Errorf("device record: %w", err)
	}
	return r, nil
}

func parseDeviceRecord(raw []byte) (*DeviceRecord, error) {
	signer, head, s, err := openRecord(raw, deviceMagic)
	if err != nil {
		return nil, err
	}
	device, err := conversation.DeviceFromKey(signer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r := &DeviceRecord{Device: device, Seq: head.seq, Issued: head.issued, Raw: raw}
	if err := r.readLists(&s); err != nil {
		return nil, err
	}
	body, signature := splitSignature(raw)
	if !ed25519.Verify(signer, append([]byte(deviceLabel), body...), signature) {
		return nil, ErrSignature
	}
	return r, r.checkKeys()
}

func (r *DeviceRecord) readLists(s *cryptobyte.String) error {
	var keys, capabilities cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&keys) || !s.ReadUint16LengthPrefixed(&capabilities) || !s.Empty() {
		return fmt.Errorf("%w: its lists are cut short or followed by something", ErrMalformed)
	}
	return errors.Join(r.readKeys(keys), r.readCapabilities(capabilities))
}

func (r *DeviceRecord) readKeys(s cryptobyte.String) error {
	for !s.Empty() {
		var k SealKey
		var public cryptobyte.String
		if !s.ReadUint16(&k.KEM) || !readTime(&s, &k.NotAfter) || !s.ReadUint16LengthPrefixed(&public) {
			return fmt.Errorf("%w: a key is cut short, or its time is out of range", ErrMalformed)
		}
		n := len(r.Keys)
		if n == maxSealKeys || k.KEM == 0 || len(public) > maxSealKey {
			return fmt.Errorf("%w: more than %d keys, a key over %d bytes, or KEM 0", ErrMalformed, maxSealKeys, maxSealKey)
		}
		if n > 0 && !k.NotAfter.Before(r.Keys[n-1].NotAfter) {
			return fmt.Errorf("%w: keys are out of order", ErrMalformed)
		}
		k.Public = public
		r.Keys = append(r.Keys, k)
	}
	return nil
}

func (r *DeviceRecord) readCapabilities(s cryptobyte.String) error {
	var last string
	for !s.Empty() {
		var word cryptobyte.String
		if !s.ReadUint8LengthPrefixed(&word) || len(r.Capabilities) == maxCapabilities {
			return fmt.Errorf("%w: a capability is cut short, or there are more than %d", ErrMalformed, maxCapabilities)
		}
		c := string(word)
		if len(c) > maxCapability || strings.Trim(c, capabilityLetter) != "" || c <= last {
			return fmt.Errorf("%w: capability %q is out of order or no word of a-z, 0-9 and %q", ErrMalformed, c, "-./")
		}
		r.Capabilities, last = append(r.Capabilities, c), c
	}
	return nil
}

// checkKeys comes last: it costs more than the signature.
func (r *DeviceRecord) checkKeys() error {
	for _, k := range r.Keys {
		if k.KEM != XWing {
			continue
		}
		if _, err := hpke.MLKEM768X25519().NewPublicKey(k.Public); err != nil {
			return fmt.Errorf("%w: X-Wing key: %w", ErrMalformed, err)
		}
	}
	return nil
}
