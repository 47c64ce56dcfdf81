package signalling

import (
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/cryptobyte"

	"github.com/passeur-p2p/passeur/conversation"
)

const (
	// MaxPayload bounds what a request or an answer carries, in bytes.
	MaxPayload = 12 << 10
	// MaxKind bounds the name of a request's kind, in bytes.
	MaxKind = 32

	requestLabel = "passeur/signal-request/1\x00"
)

// Session names one request and everything that belongs to it: its copies, its
// resendings, its answer. 128 random bits.
type Session [16]byte

func (s Session) String() string { return hex.EncodeToString(s[:]) }

// The content of a request, before padding; numbers big endian:
//
//	sender     32 bytes, its device key (Ed25519)
//	account    32 bytes, the account that the sender says it belongs to; its device
//	           key: it does not say
//	session    16 bytes
//	expires     8 bytes, milliseconds since 1970
//	reply key  1216 bytes, an X-Wing key made for the answer
//	kind        1 byte length, 1 to 32 of a-z 0-9 . -
//	payload     2 bytes length, up to 12288
//	signature  64 bytes
//	padding     zero bytes
//
// The signature is the sender device's over
//
//	"passeur/signal-request/1\0" ‖ recipient's device key ‖ all before the signature
//
// so that a recipient cannot pass a request on as if it were meant for another.
// The account is a claim: whether the device is one of its devices is for the
// recipient to look up.
type request struct {
	sender  ed25519.PublicKey
	account conversation.Account
	session Session
	expires time.Time
	reply   hpke.PublicKey
	kind    string
	payload []byte
}

// from is the sender's peer ID.
func (q *request) from() (peer.ID, error) { return deviceID(q.sender) }

func (q *request) marshal() []byte {
	b := slices.Concat(q.sender, q.account[:], q.session[:])
	b = binary.BigEndian.AppendUint64(b, uint64(q.expires.UnixMilli()))
	b = append(b, q.reply.Bytes()...)
	b = append(append(b, byte(len(q.kind))), q.kind...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(q.payload)))
	return append(b, q.payload...)
}

// sealRequest signs q with the sender's key and seals it for recipient's.
func sealRequest(q *request, key crypto.PrivKey, recipient ed25519.PublicKey, to hpke.PublicKey) ([]byte, error) {
	content, err := sign(key, requestLabel, recipient, q.marshal())
	if err != nil {
		return nil, err
	}
	return seal(to, recipient, isRequest, content)
}

// parseRequest reads the content and checks its signature.
func parseRequest(content []byte, recipient ed25519.PublicKey) (*request, error) {
	var (
		q                       request
		s                       = cryptobyte.String(content)
		account, session, reply []byte
		expires                 uint64
		kind, payload           cryptobyte.String
	)
	if !s.ReadBytes((*[]byte)(&q.sender), ed25519.PublicKeySize) || !s.ReadBytes(&account, len(q.account)) ||
		!s.ReadBytes(&session, len(q.session)) || !s.ReadUint64(&expires) || !s.ReadBytes(&reply, xwingKeySize) ||
		!s.ReadUint8LengthPrefixed(&kind) || !s.ReadUint16LengthPrefixed(&payload) {
		return nil, fmt.Errorf("%w: a request that ends early", errContent)
	}
	if err := verify(q.sender, requestLabel, recipient, content, s); err != nil {
		return nil, err
	}
	q.account, q.session, q.kind, q.payload = conversation.Account(account), Session(session), string(kind), payload
	if !validKind(q.kind) || len(payload) > MaxPayload {
		return nil, fmt.Errorf("%w: kind %q with %d bytes", errContent, q.kind, len(payload))
	}
	var err error
	if q.expires, err = unixMilli(expires); err != nil {
		return nil, err
	}
	if q.reply, err = hpke.MLKEM768X25519().NewPublicKey(reply); err != nil {
		return nil, fmt.Errorf("%w: reply key: %w", errContent, err)
	}
	return &q, nil
}

func validKind(kind string) bool {
	for _, c := range []byte(kind) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return 1 <= len(kind) && len(kind) <= MaxKind
}

// sign appends the signature over label ‖ recipient ‖ content to content.
func sign(key crypto.PrivKey, label string, recipient ed25519.PublicKey, content []byte) ([]byte, error) {
	signature, err := key.Sign(slices.Concat([]byte(label), recipient, content))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return append(content, signature...), nil
}

// verify checks what follows the signed part of content: rest begins with the
// signature, and is zeros after it.
func verify(sender ed25519.PublicKey, label string, recipient ed25519.PublicKey, content, rest []byte) error {
	if len(rest) < ed25519.SignatureSize || !isPadding(rest[ed25519.SignatureSize:]) {
		return fmt.Errorf("%w: no signature and zeros at its end", errContent)
	}
	signed := content[:len(content)-len(rest)]
	if !ed25519.Verify(sender, slices.Concat([]byte(label), recipient, signed), rest[:ed25519.SignatureSize]) {
		return fmt.Errorf("%w: the signature is not the sender's for this recipient", errContent)
	}
	return nil
}
