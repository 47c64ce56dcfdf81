package signalling

import (
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"golang.org/x/crypto/cryptobyte"
)

const answerLabel = "passeur/signal-answer/1\x00"

// maxReason bounds the words of a refusal, in bytes.
const maxReason = 256

type status byte

const (
	answered status = 0 // the payload is the handler's
	refused  status = 1 // the payload is the reason, UTF-8, at most 256 bytes, perhaps none
)

// The content of an answer, before padding; sealed to the request's reply key:
//
//	sender     32 bytes, the answering device's key (Ed25519)
//	session    16 bytes, the request's
//	request    32 bytes, SHA3-256 of the sealed request that is answered
//	expires     8 bytes, milliseconds since 1970
//	status      1 byte, 0 answered, 1 refused
//	payload     2 bytes length, up to 12288
//	signature  64 bytes
//	padding     zero bytes
//
// The signature is the answering device's over
//
//	"passeur/signal-answer/1\0" ‖ requester's device key ‖ all before the signature
//
// A requester takes the first answer that is signed by the device it asked and
// names the session and one of the sealed copies that it sent. An unknown status
// counts as a refusal without a reason.
type answer struct {
	sender  ed25519.PublicKey
	session Session
	request [32]byte
	expires time.Time
	status  status
	payload []byte
}

func (a *answer) marshal() []byte {
	b := slices.Concat(a.sender, a.session[:], a.request[:])
	b = binary.BigEndian.AppendUint64(b, uint64(a.expires.UnixMilli()))
	b = append(b, byte(a.status))
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.payload)))
	return append(b, a.payload...)
}

// sealAnswer signs a with the answering device's key and seals it for the
// requester's reply key.
func sealAnswer(a *answer, key crypto.PrivKey, requester ed25519.PublicKey, reply hpke.PublicKey) ([]byte, error) {
	content, err := sign(key, answerLabel, requester, a.marshal())
	if err != nil {
		return nil, err
	}
	return seal(reply, requester, isAnswer, content)
}

// parseAnswer reads the content and checks its signature.
func parseAnswer(content []byte, requester ed25519.PublicKey) (*answer, error) {
	var (
		a             answer
		s             = cryptobyte.String(content)
		session, hash []byte
		expires       uint64
		payload       cryptobyte.String
	)
	if !s.ReadBytes((*[]byte)(&a.sender), ed25519.PublicKeySize) || !s.ReadBytes(&session, len(a.session)) ||
		!s.ReadBytes(&hash, len(a.request)) || !s.ReadUint64(&expires) || !s.ReadUint8((*uint8)(&a.status)) ||
		!s.ReadUint16LengthPrefixed(&payload) {
		return nil, fmt.Errorf("%w: an answer that ends early", errContent)
	}
	if err := verify(a.sender, answerLabel, requester, content, s); err != nil {
		return nil, err
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("%w: an answer of %d bytes", errContent, len(payload))
	}
	a.session, a.request, a.payload = Session(session), [32]byte(hash), payload
	var err error
	a.expires, err = unixMilli(expires)
	return &a, err
}
