package pairing

import (
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"slices"

	"github.com/gtank/ristretto255"
)

// A message as it lies in an inbox:
//
//	version   1 byte, 1
//	kind      1 byte
//	session  16 bytes, random, chosen in hello
//	fields   by kind:
//
//	1 hello     inbox 32 ‖ key 1216 ‖ CPace 48
//	2 answer    inbox 32 ‖ CPace 32 ‖ encapsulation 1120 ‖ tag 32
//	3 proof     tag 32 ‖ sealed party 2064
//	4 welcome   sealed party 2064
//	5 over      nothing
//
// inbox is the Ed25519 key of the sender's inbox, where the rest is to go; key is a
// new X-Wing key; CPace's messages are those of draft-haase-cpace-01 (a salt of 16
// bytes and a point; a point), ristretto255 in its canonical encoding, not the
// identity. Every kind has one size. A reader drops what is anything else, and goes
// on waiting.
const (
	version = 1

	headSize     = 1 + 1 + sessionSize
	sessionSize  = 16
	sealKeySize  = 1216 // X-Wing
	wrappedSize  = 1120 // X-Wing
	saltSize     = 16
	pointSize    = 32
	tagSize      = 32
	sealOverhead = 16
	sealedSize   = partySize + sealOverhead
)

type kind byte

const (
	kindHello   kind = 1
	kindAnswer  kind = 2
	kindProof   kind = 3
	kindWelcome kind = 4
	kindOver    kind = 5
)

// session names one exchange.
type session [sessionSize]byte

type (
	inboxKey  [ed25519.PublicKeySize]byte
	tag       [tagSize]byte
	partyBox  [sealedSize]byte
	cpaceOne  [saltSize + pointSize]byte
	cpaceTwo  [pointSize]byte
	wrapped   [wrappedSize]byte
	publicKey [sealKeySize]byte
)

// message is one of the kinds below.
type message interface {
	append(b []byte) []byte
	of() session
}

type hello struct {
	session session
	inbox   inboxKey
	key     publicKey
	cpace   cpaceOne
}

type answer struct {
	session session
	inbox   inboxKey
	cpace   cpaceTwo
	wrapped wrapped
	tag     tag
}

type proof struct {
	session session
	tag     tag
	party   partyBox
}

type welcome struct {
	session session
	party   partyBox
}

type over struct{ session session }

func (m hello) of() session   { return m.session }
func (m answer) of() session  { return m.session }
func (m proof) of() session   { return m.session }
func (m welcome) of() session { return m.session }
func (m over) of() session    { return m.session }

func head(b []byte, k kind, s session) []byte { return append(append(b, version, byte(k)), s[:]...) }

func (m hello) append(b []byte) []byte {
	return slices.Concat(head(b, kindHello, m.session), m.inbox[:], m.key[:], m.cpace[:])
}

// untagged is all of the answer but its tag, which covers it.
func (m answer) untagged() []byte {
	return slices.Concat(head(nil, kindAnswer, m.session), m.inbox[:], m.cpace[:], m.wrapped[:])
}

func (m answer) append(b []byte) []byte { return slices.Concat(b, m.untagged(), m.tag[:]) }

func (m proof) append(b []byte) []byte {
	return slices.Concat(head(b, kindProof, m.session), m.tag[:], m.party[:])
}

func (m welcome) append(b []byte) []byte {
	return slices.Concat(head(b, kindWelcome, m.session), m.party[:])
}

func (m over) append(b []byte) []byte { return head(b, kindOver, m.session) }

var errMessage = errors.New("bad message")

// parseMessage reads one message. It copies what it keeps.
func parseMessage(b []byte) (message, error) {
	if len(b) < headSize || b[0] != version {
		return nil, fmt.Errorf("%w: neither head nor version", errMessage)
	}
	k, s, rest := kind(b[1]), session(b[2:headSize]), b[headSize:]
	switch {
	case k == kindHello && len(rest) == len(inboxKey{})+sealKeySize+len(cpaceOne{}):
		return parseHello(s, rest)
	case k == kindAnswer && len(rest) == len(inboxKey{})+len(cpaceTwo{})+wrappedSize+tagSize:
		return parseAnswer(s, rest)
	case k == kindProof && len(rest) == tagSize+sealedSize:
		return proof{s, tag(rest), partyBox(rest[tagSize:])}, nil
	case k == kindWelcome && len(rest) == sealedSize:
		return welcome{s, partyBox(rest)}, nil
	case k == kindOver && len(rest) == 0:
		return over{s}, nil
	}
	return nil, fmt.Errorf("%w: kind %d with %d bytes", errMessage, k, len(b))
}

func parseHello(s session, b []byte) (m hello, err error) {
	m.session = s
	b = b[copy(m.inbox[:], b):]
	b = b[copy(m.key[:], b):]
	copy(m.cpace[:], b)
	if _, err := hpke.MLKEM768X25519().NewPublicKey(m.key[:]); err != nil {
		return m, fmt.Errorf("%w: X-Wing key: %w", errMessage, err)
	}
	return m, checkPoint(m.cpace[saltSize:])
}

func parseAnswer(s session, b []byte) (m answer, err error) {
	m.session = s
	b = b[copy(m.inbox[:], b):]
	b = b[copy(m.cpace[:], b):]
	b = b[copy(m.wrapped[:], b):]
	copy(m.tag[:], b)
	return m, checkPoint(m.cpace[:])
}

// checkPoint refuses what CPace could not use, before a code is burnt for it.
func checkPoint(b []byte) error {
	p := ristretto255.NewIdentityElement()
	if _, err := p.SetCanonicalBytes(b); err != nil {
		return fmt.Errorf("%w: CPace: %w", errMessage, err)
	}
	if p.Equal(ristretto255.NewIdentityElement()) == 1 {
		return fmt.Errorf("%w: CPace: the identity", errMessage)
	}
	return nil
}
