package conversation

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

// What entries are of. The first three are the control types: their bodies
// decide who belongs to the conversation, and are never dropped. Any other type
// is data, known here or not.
const (
	TypeInitial = "initial"
	TypeMember  = "member"
	TypeDevice  = "device"

	TypeText = "text/plain"
	TypeFile = "application/data-transfer+json"
	// TypeMerge has no content: it joins branches, and is not shown.
	TypeMerge = "application/x-passeur-merge"
	// TypeContact and TypeOwnDevice are what own devices tell each other in a
	// conversation of the mode Own.
	TypeContact   = "application/x-passeur-contact+json"
	TypeOwnDevice = "application/x-passeur-device+json"
)

var (
	// ErrEntry is wrapped by every error of [Decode]: no honest device made or
	// passed on such bytes.
	ErrEntry = errors.New("not an entry")
	// ErrBody is wrapped, besides ErrEntry, where only the body is wrong: it is not
	// the one that the header names. The header may be right; another peer may
	// have the body.
	ErrBody = errors.New("the body is not the one that was signed")
	// ErrSignature is wrapped by every error of [Entry.Verify].
	ErrSignature = errors.New("wrong signature")
)

// Raw is an entry as it travels and as it is stored: never encoded anew.
type Raw struct {
	Header []byte
	// Signature is the device's, 64 bytes.
	Signature []byte
	// Body is salt ‖ content; nil if it was deleted or is withheld.
	Body []byte
}

func (r Raw) clone() Raw {
	return Raw{bytes.Clone(r.Header), bytes.Clone(r.Signature), bytes.Clone(r.Body)}
}

// Entry is one decoded entry. It is not to be changed; any number of goroutines
// may read it.
type Entry struct {
	ID ID
	// Conversation is the ID of the first entry: in the first entry, its own.
	Conversation ID
	// Account and Device wrote it, if Verify and the conversation's rules say so.
	Account Account
	Device  peer.ID
	// Time is what the author's clock said, in whole milliseconds, UTC.
	Time time.Time
	// Parents are the entries it follows, ascending; none in the first entry.
	Parents []ID
	Type    string
	// Certificate makes Device one of Account's. The first entry of a device in
	// its own past carries one, others do not; see package membership.
	Certificate *Certificate
	// BodySize and BodySum are of the stored body, Salt included.
	BodySize int
	BodySum  [32]byte
	// Control is what the entry does if it is of a control type, nil otherwise.
	Control *Control
	Raw     Raw
}

// Decode checks everything that the bytes alone decide, but for signatures: the
// one encoding, the limits, that both keys are sound, that the body (unless
// withheld) is the one that the header names, that a first entry has neither
// conversation nor parents but a certificate, and what control entries say. It
// never reads the content of data: whether an entry is one must not depend on
// what may be withheld. Raw is copied. Errors wrap ErrEntry.
func Decode(raw Raw) (*Entry, error) {
	if len(raw.Header) > MaxHeader || len(raw.Signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: header of %d bytes (at most %d), signature of %d (want %d)",
			ErrEntry, len(raw.Header), MaxHeader, len(raw.Signature), ed25519.SignatureSize)
	}
	h, err := parseHeader(raw.Header)
	if err != nil {
		return nil, err
	}
	if err := h.checkPlace(); err != nil {
		return nil, err
	}
	if err := h.checkBody(raw.Body); err != nil {
		return nil, err
	}
	e, err := h.entry(headerID(raw.Header))
	if err != nil {
		return nil, err
	}
	e.Raw = raw.clone()
	if !isControl(e.Type) {
		return e, nil
	}
	if e.Control, err = parseControl(e); err != nil {
		return nil, err
	}
	return e, nil
}

// entry gives names their types, refusing weak keys.
func (h *header) entry(id ID) (*Entry, error) {
	account, err := AccountFromKey(h.account[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	device, err := DeviceFromKey(h.device[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	e := &Entry{
		ID: id, Conversation: h.conversation, Account: account, Device: device, Time: h.time(), Parents: h.parents,
		Type: h.mediaType, Certificate: h.certificate, BodySize: int(h.bodySize), BodySum: h.bodySum,
	}
	if h.conversation.IsZero() {
		e.Conversation = id
	}
	return e, nil
}

// checkPlace keeps first entries and all others apart.
func (h *header) checkPlace() error {
	first := h.mediaType == TypeInitial
	switch {
	case first != h.conversation.IsZero():
		return fmt.Errorf("%w: the first entry of a conversation, and no other, has type %q and no conversation", ErrEntry, TypeInitial)
	case first != (len(h.parents) == 0):
		return fmt.Errorf("%w: it has %d parents; the first entry of a conversation, and no other, has none", ErrEntry, len(h.parents))
	case first && h.certificate == nil:
		return fmt.Errorf("%w: the first entry of a conversation has no certificate", ErrEntry)
	}
	return nil
}

func (h *header) checkBody(body []byte) error {
	most, control := uint32(MaxBody), isControl(h.mediaType)
	if control {
		most = MaxControlBody
	}
	switch {
	case h.bodySize < Salt || h.bodySize > most:
		return fmt.Errorf("%w: a body of %d bytes; type %q has %d to %d", ErrEntry, h.bodySize, h.mediaType, Salt, most)
	case body == nil && control:
		return fmt.Errorf("%w: %w: that of a control entry is never withheld", ErrEntry, ErrBody)
	case body != nil && (len(body) != int(h.bodySize) || sha3.Sum256(body) != h.bodySum):
		return fmt.Errorf("%w: %w", ErrEntry, ErrBody)
	}
	return nil
}

func isControl(mediaType string) bool {
	return mediaType == TypeInitial || mediaType == TypeMember || mediaType == TypeDevice
}

// Content gives the body without its salt. The slice is the entry's own: not to
// be changed. It gives false if the body is withheld.
func (e *Entry) Content() ([]byte, bool) {
	if e.Raw.Body == nil {
		return nil, false
	}
	return e.Raw.Body[Salt:], true
}

// Verify checks the device's signature, and those of the account where the entry
// carries one: certificate, revocation. Ed25519 as RFC 8032 §5.1.7 with S < L and
// without cofactors. It costs about as much as everything else about an entry
// together, so do it last and once. Errors wrap ErrSignature.
func (e *Entry) Verify() error {
	if !ed25519.Verify(e.deviceKey(), signedBytes(e.Raw.Header), e.Raw.Signature) {
		return fmt.Errorf("%w: device %s did not sign entry %s", ErrSignature, e.Device, e.ID)
	}
	if e.Certificate != nil {
		if err := e.Account.CheckCertificate(e.Device, *e.Certificate); err != nil {
			return fmt.Errorf("%w: entry %s: %w", ErrSignature, e.ID, err)
		}
	}
	if e.Control != nil && e.Control.Action == Revoke {
		return e.checkRevocation()
	}
	return nil
}

// deviceKey lies at the same place in every header.
func (e *Entry) deviceKey() ed25519.PublicKey {
	const offset = len(entryMagic) + 2*32
	return e.Raw.Header[offset : offset+ed25519.PublicKeySize]
}
