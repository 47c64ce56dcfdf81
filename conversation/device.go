package conversation

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

const certLabel = "passeur/device-cert/1\x00"

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

// ErrDevice is wrapped by every error of [DeviceKey] and [DeviceFromKey].
var ErrDevice = errors.New("not a device")

// DeviceKey gives the Ed25519 public key that a device's peer ID carries. Peer
// IDs of other key types, hashed peer IDs and weak keys are errors that wrap
// ErrDevice.
func DeviceKey(device peer.ID) (ed25519.PublicKey, error) {
	public, err := device.ExtractPublicKey()
	if err != nil {
		return nil, fmt.Errorf("%w: the peer ID %s carries no key: %w", ErrDevice, device, err)
	}
	if public.Type() != pb.KeyType_Ed25519 {
		return nil, fmt.Errorf("%w: the key of %s is %s, not Ed25519", ErrDevice, device, public.Type())
	}
	raw, err := public.Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: the key of %s: %w", ErrDevice, device, err)
	}
	if canonical, err := DeviceFromKey(raw); err != nil || canonical != device {
		return nil, fmt.Errorf("%w: %s is not the peer ID of a sound key", ErrDevice, device)
	}
	return raw, nil
}

// DeviceFromKey gives the peer ID of a device's 32-byte Ed25519 public key.
// Weak keys are refused as in [AccountFromKey].
func DeviceFromKey(key []byte) (peer.ID, error) {
	if weakKey(key) {
		return "", fmt.Errorf("%w: its key is weak (no point of Ed25519, not canonical, or of small order)", ErrDevice)
	}
	public, err := crypto.UnmarshalEd25519PublicKey(key)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrDevice, err)
	}
	return peer.IDFromPublicKey(public)
}
