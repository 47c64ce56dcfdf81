package pairing

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/crypto/cryptobyte"

	"github.com/passeur-p2p/passeur/conversation"
)

const (
	// MaxName bounds Party.Name, in bytes.
	MaxName = 64
	// MaxAddrs bounds Party.Addrs.
	MaxAddrs = 16

	maxAddr   = 255
	partySize = 2048 // padded, so that its size tells nothing
)

// Party is who takes part in a pairing, as it is told to the other side.
type Party struct {
	// Device is required.
	Device peer.ID
	// Account may be zero where a device enters a code of [Link], which has none yet, and
	// with a code of [File], which does not tell it; otherwise it is required.
	Account conversation.Account
	// Name is what it calls itself, at most MaxName bytes of UTF-8. In a Result it is
	// the other side's text: hostile until made visible. A code for a file does not tell
	// it.
	Name string
	// Addrs are where the device can be dialled, the likeliest first. Only the first
	// MaxAddrs are told, and none of more than 255 bytes.
	Addrs []ma.Multiaddr
}

// told is what the other side of a code hears of p: of a file's code where the device
// can be reached, and neither whose it is nor what it is called.
func (p Party) told(purpose Purpose) Party {
	if purpose == File {
		p.Account, p.Name = conversation.Account{}, ""
	}
	return p
}

// A party before it is sealed; numbers are big endian:
//
//	device    32 bytes, Ed25519 public key
//	account   32 bytes, Ed25519 public key, or zeros
//	name      1 byte length, up to 64, UTF-8
//	count     1 byte, up to 16
//	address   count times: 1 byte length, 1 to 255, a multiaddr in binary
//	padding   zeros, to 2048 bytes
//
// A reader refuses other padding, other sizes and keys that are none; it leaves out
// addresses of protocols that it does not know.
func (p Party) marshal() ([]byte, error) {
	device, err := conversation.DeviceKey(p.Device)
	if err != nil {
		return nil, fmt.Errorf("Party.Device: %w", err)
	}
	if len(p.Name) > MaxName || !utf8.ValidString(p.Name) {
		return nil, fmt.Errorf("Party.Name: not UTF-8 of at most %d bytes", MaxName)
	}
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, partySize))
	b.AddBytes(device)
	b.AddBytes(p.Account[:])
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(p.Name)) })
	addrs, room := [][]byte{}, partySize-2*ed25519.PublicKeySize-2-len(p.Name)
	for _, a := range p.Addrs {
		raw := a.Bytes()
		if len(addrs) < MaxAddrs && 0 < len(raw) && len(raw) <= min(maxAddr, room-1) {
			addrs, room = append(addrs, raw), room-1-len(raw)
		}
	}
	b.AddUint8(uint8(len(addrs)))
	for _, raw := range addrs {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(raw) })
	}
	b.AddBytes(make([]byte, room))
	return b.Bytes()
}

var errParty = errors.New("bad party")

func parseParty(raw []byte) (p Party, err error) {
	var (
		s               = cryptobyte.String(raw)
		device, account []byte
		name            cryptobyte.String
		count           uint8
	)
	if len(raw) != partySize || !s.ReadBytes(&device, ed25519.PublicKeySize) || !s.ReadBytes(&account, ed25519.PublicKeySize) ||
		!s.ReadUint8LengthPrefixed(&name) || !s.ReadUint8(&count) {
		return p, fmt.Errorf("%w: %d bytes", errParty, len(raw))
	}
	if p.Device, err = conversation.DeviceFromKey(device); err != nil {
		return p, fmt.Errorf("%w: %w", errParty, err)
	}
	if p.Account = conversation.Account(account); !p.Account.IsZero() {
		if _, err := conversation.AccountFromKey(account); err != nil {
			return p, fmt.Errorf("%w: %w", errParty, err)
		}
	}
	if p.Name = string(name); len(name) > MaxName || !utf8.Valid(name) {
		return p, fmt.Errorf("%w: a name of %d bytes", errParty, len(name))
	}
	if p.Addrs, err = parseAddrs(&s, int(count)); err != nil {
		return p, err
	}
	for _, x := range s {
		if x != 0 {
			return p, fmt.Errorf("%w: padding that is not zeros", errParty)
		}
	}
	return p, nil
}

func parseAddrs(s *cryptobyte.String, count int) (addrs []ma.Multiaddr, err error) {
	if count > MaxAddrs {
		return nil, fmt.Errorf("%w: %d addresses", errParty, count)
	}
	for range count {
		var raw cryptobyte.String
		if !s.ReadUint8LengthPrefixed(&raw) || len(raw) == 0 {
			return nil, fmt.Errorf("%w: it ends early", errParty)
		}
		if a, err := ma.NewMultiaddrBytes(raw); err == nil {
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}
