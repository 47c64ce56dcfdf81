package sdp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// MaxMessage is the size of the largest message that is read, in bytes.
	MaxMessage = 8 << 10
	// MaxID is the highest message id, 2^53: the highest that every JSON reader keeps exact.
	MaxID = 1 << 53
	// MaxReason is the length of the longest reason of a refusal, in bytes.
	MaxReason = 128

	maxAddresses = 1 + MaxRelays
)

// Kind is the protocol number of a message. Its low bit is 0 in a request and 1
// in a response.
type Kind uint32

// The kinds of message.
const (
	Request Kind = 0x01000002
	Answer  Kind = Request | 1
)

// Message is what the signalling carries for us, the fields of Jami's
// PeerConnectionMsg as a JSON object:
//
//	{"id": 7, "protocol": 16777218, "addresses": ["<text of a Description>", "203.0.113.9:50000"]}
//
// addresses[0] is the text; relay addresses follow. A request and a granting answer
// have addresses. An answer without them refuses, and "refusal" may say why.
// An answer repeats the id of its request.
//
// Refused by ParseMessage: more than [MaxMessage] bytes, anything but one JSON object,
// a key twice, an id outside 1 to 2^53, another protocol number, a request without
// addresses, more than 9 addresses, a refusal in anything but a refusing answer, a reason over [MaxReason] bytes or with
// characters that are not printable ASCII. Unknown keys are skipped.
type Message struct {
	ID        uint64   `json:"id"`
	Kind      Kind     `json:"protocol"`
	Addresses []string `json:"addresses,omitempty"`
	Refusal   string   `json:"refusal,omitempty"`
}

// NewMessage makes a message of that kind that carries d.
func NewMessage(id uint64, k Kind, d Description) Message {
	relays := d.Relays
	d.Relays = nil
	m := Message{ID: id, Kind: k, Addresses: []string{d.String()}}
	for _, r := range relays {
		m.Addresses = append(m.Addresses, r.String())
	}
	return m
}

// NewRefusal makes the answer that refuses request id.
func NewRefusal(id uint64, reason string) Message {
	return Message{ID: id, Kind: Answer, Refusal: reason}
}

// Refused reports whether m is an answer that refuses.
func (m Message) Refused() bool { return m.Kind == Answer && len(m.Addresses) == 0 }

// Description reads the text in addresses[0] and the relay addresses after it;
// entries that are no ip:port are skipped.
func (m Message) Description() (*Description, error) {
	if len(m.Addresses) == 0 {
		return nil, &SyntaxError{What: "missing"}
	}
	d, err := Parse(m.Addresses[0])
	if err != nil {
		return nil, err
	}
	for _, a := range m.Addresses[1:] {
		d.Relays = appendRelay(d.Relays, a)
	}
	return d, nil
}

// Marshal gives the bytes of m, or says why ParseMessage would refuse them.
func (m Message) Marshal() ([]byte, error) {
	if err := m.valid(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(m)
	if err == nil && len(b) > MaxMessage {
		err = fmt.Errorf("offer message: %d bytes, the limit is %d", len(b), MaxMessage)
	}
	return b, err
}

// ParseMessage reads the bytes of a message; see [Message] for what it refuses.
func ParseMessage(b []byte) (*Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("offer message: %d bytes, the limit is %d", len(b), MaxMessage)
	}
	fields, err := object(b)
	if err != nil {
		return nil, fmt.Errorf("offer message: %w", err)
	}
	m := new(Message)
	for key, into := range map[string]any{
		"id": &m.ID, "protocol": &m.Kind, "addresses": &m.Addresses, "refusal": &m.Refusal,
	} {
		if raw, ok := fields[key]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return nil, fmt.Errorf("offer message: %s: %w", key, err)
			}
		}
	}
	if err := m.valid(); err != nil {
		return nil, err
	}
	return m, nil
}

// object splits one JSON object into its keys and raw values. Unlike
// json.Unmarshal it refuses a key that comes twice, and "ID" is not "id".
func object(b []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	fields := make(map[string]json.RawMessage)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		name := key.(string) // a key is a string, or Token had failed
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("key %q twice", name)
		}
		fields[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more after the object")
	}
	return fields, nil
}

func (m Message) valid() error {
	var what string
	switch {
	case m.ID == 0 || m.ID > MaxID:
		what = "id is not in 1 to 2^53"
	case m.Kind != Request && m.Kind != Answer:
		what = fmt.Sprintf("unknown protocol %d", m.Kind)
	case m.Kind == Request && len(m.Addresses) == 0:
		what = "request without addresses"
	case m.Refusal != "" && !m.Refused():
		what = "refusal that does not refuse"
	case len(m.Addresses) > maxAddresses:
		what = "too many addresses"
	case len(m.Addresses) > 0 && len(m.Addresses[0]) > MaxText:
		what = "text too long"
	case len(m.Refusal) > MaxReason || !isPrintable(m.Refusal):
		what = "reason is not up to 128 printable characters"
	default:
		return nil
	}
	return errors.New("offer message: " + what)
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
