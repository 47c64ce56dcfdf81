package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Limits of a hand-over.
const (
	// MaxHandover bounds its JSON, in bytes: some ten thousand contacts.
	MaxHandover = 4 << 20
	// MaxContacts bounds the contacts.
	MaxContacts = 16384
	// MaxKeepers bounds the list of keepers.
	MaxKeepers = 64
	// MaxName bounds the name of a device or a contact, in bytes of UTF-8.
	MaxName = 64
)

// ErrHandover: the hand-over is malformed, or not for this device.
var ErrHandover = errors.New("the hand-over is not sound")

// Handover is what a device needs to be one of the account's. As JSON it is at
// most MaxHandover bytes; byte strings are base64 (RFC 4648 §4).
type Handover struct {
	// Account is the account that the device joins.
	Account conversation.Account `json:"account"`
	// Certificate is the account's for the new device, 64 bytes.
	Certificate []byte `json:"certificate"`
	// Key is the account key's seed, 32 bytes, if the device becomes a keeper; else
	// empty.
	Key []byte `json:"key,omitempty"`
	// Record is the account's signed record, which lists the new device.
	Record []byte `json:"record"`
	// Keepers are the devices that hold the account key, as far as the giver knows.
	Keepers []peer.ID `json:"keepers,omitempty"`
	// Contacts of the account.
	Contacts []Contact `json:"contacts,omitempty"`
	// Conversations says what the conversations' own part needs; carried unread.
	Conversations []byte `json:"conversations,omitempty"`
}

// Contact is one contact of the account.
type Contact struct {
	Account conversation.Account `json:"account"`
	// Name is the alias that the user gave, or what a stranger calls himself.
	Name string `json:"name"`
	// State is "requested", "pending" or "accepted".
	State string `json:"state"`
	// Since is in milliseconds since 1970.
	Since int64 `json:"since"`
	// Record is the newest signed account record that the giver knows; may be empty.
	Record []byte `json:"record,omitempty"`
}

// SinceTime gives Since as a time.
func (c Contact) SinceTime() time.Time { return time.UnixMilli(c.Since).UTC() }

// AccountKey gives the key that is handed over; zero if there is none. It fails if Key
// has not 32 bytes.
func (h Handover) AccountKey() (conversation.AccountKey, error) {
	if len(h.Key) == 0 {
		return conversation.AccountKey{}, nil
	}
	return conversation.AccountKeyFromSeed(h.Key)
}

// Encode gives the JSON; an error if it would be too long.
func (h Handover) Encode() ([]byte, error) {
	raw, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the hand-over: %w", err)
	}
	if len(raw) > MaxHandover {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrHandover, len(raw), MaxHandover)
	}
	return raw, nil
}

// Parse reads what Encode wrote, and refuses what is not for device. That the
// record is sound and lists the device is left to the caller.
func Parse(raw []byte, device peer.ID) (*Handover, error) {
	if len(raw) > MaxHandover {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrHandover, len(raw), MaxHandover)
	}
	h := new(Handover)
	if err := json.Unmarshal(raw, h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	if err := h.check(device); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	return h, nil
}

func (h *Handover) check(device peer.ID) error {
	if len(h.Certificate) != len(conversation.Certificate{}) {
		return fmt.Errorf("the certificate has %d bytes", len(h.Certificate))
	}
	if err := h.Account.CheckCertificate(device, conversation.Certificate(h.Certificate)); err != nil {
		return err
	}
	key, err := h.AccountKey()
	if err != nil {
		return err
	}
	if !key.IsZero() && key.Account() != h.Account {
		return errors.New("the account key is another account's")
	}
	if len(h.Record) == 0 {
		return errors.New("the account's record is missing")
	}
	if len(h.Keepers) > MaxKeepers || len(h.Contacts) > MaxContacts {
		return fmt.Errorf("%d keepers, %d contacts", len(h.Keepers), len(h.Contacts))
	}
	for _, c := range h.Contacts {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Contact) check() error {
	if c.Account.IsZero() {
		return errors.New("a contact has no account")
	}
	switch c.State {
	case "requested", "pending", "accepted":
	default:
		return fmt.Errorf("contact %s is %q", c.Account, c.State)
	}
	return checkName(c.Name)
}

func checkName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return fmt.Errorf("a name is empty, longer than %d bytes or not UTF-8", MaxName)
	}
	return nil
}
