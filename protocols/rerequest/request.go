package rerequest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// MaxRequest bounds the JSON of a request, in bytes.
	MaxRequest = 4 << 10
	// MaxName bounds Conversation and Interaction, in bytes.
	MaxName = 256

	maxDevice = 128 // bytes of a peer ID as text
)

// Request asks for the file of an entry. On the wire it is the length of what
// follows, 4 bytes, big endian, and one JSON object whose values are strings:
//
//	conversation  opaque, 1 to 256 bytes
//	interaction   opaque, 1 to 256 bytes: the entry that announced the file
//	deviceId      the peer ID of the device that asks, at most 128 bytes
//	start         decimal, 0 to 2^63-1: the first byte wanted; missing: 0
//	end           the byte after the last one wanted; missing or 0: all of them
//
// The first three are Jami's. Other keys are skipped, whatever their values; one
// of these that comes twice, or is no string, is refused.
type Request struct {
	// Conversation and Interaction name the file. Hostile text.
	Conversation, Interaction string
	// Device is who asks and will be offered the file.
	Device peer.ID
	// Start and End are the bytes wanted, from Start to the one before End; an End
	// of 0 means to the end.
	Start, End int64
}

func (r Request) key() key { return key{r.Conversation, r.Interaction} }

// Keys of a request.
const (
	keyConversation = "conversation"
	keyInteraction  = "interaction"
	keyDevice       = "deviceId"
	keyStart        = "start"
	keyEnd          = "end"
)

// MarshalBinary gives the bytes that go on the wire. It fails when a name is
// empty, too long or no UTF-8, there is no device, or a number is negative.
func (r Request) MarshalBinary() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(struct {
		Conversation string  `json:"conversation"`
		Interaction  string  `json:"interaction"`
		Device       peer.ID `json:"deviceId"`
		Start        int64   `json:"start,string,omitempty"`
		End          int64   `json:"end,string,omitempty"`
	}(r))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxRequest {
		return nil, malformed("a request of more than %d bytes", MaxRequest)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), nil
}

// check holds for a request of either direction.
func (r Request) check() error {
	switch {
	case !isName(r.Conversation):
		return malformed("%s is not 1 to %d bytes of UTF-8", keyConversation, MaxName)
	case !isName(r.Interaction):
		return malformed("%s is not 1 to %d bytes of UTF-8", keyInteraction, MaxName)
	case !isDevice(r.Device):
		return malformed("%s is no peer ID of at most %d bytes", keyDevice, maxDevice)
	case r.Start < 0 || r.End < 0:
		return malformed("a negative number")
	}
	return nil
}

func isName(s string) bool { return s != "" && len(s) <= MaxName && utf8.ValidString(s) }

// isDevice tells whether a device can be said in the usual form, base58. Not all
// that a CID can hold are peer IDs.
func isDevice(id peer.ID) bool {
	text := id.String()
	again, err := peer.Decode(text)
	return len(text) <= maxDevice && err == nil && again == id
}

// ParseRequest reads the JSON of a request, without the length before it. Its errors are ErrProtocol, and none
// holds bytes of the peer's.
func ParseRequest(text []byte) (r Request, err error) {
	fields, err := parseFields(text)
	if err != nil {
		return r, err
	}
	r.Conversation, r.Interaction = fields[keyConversation], fields[keyInteraction]
	if r.Device, err = parseDevice(fields[keyDevice]); err != nil {
		return r, err
	}
	if r.Start, err = parseCount(fields, keyStart); err != nil {
		return r, err
	}
	if r.End, err = parseCount(fields, keyEnd); err != nil {
		return r, err
	}
	return r, r.check()
}

// parseFields gives the known keys of one JSON object.
func parseFields(text []byte) (map[string]string, error) {
	if len(text) > MaxRequest || !utf8.Valid(text) {
		return nil, malformed("more than %d bytes, or no UTF-8", MaxRequest)
	}
	tokens := json.NewDecoder(bytes.NewReader(text))
	if first, err := tokens.Token(); err != nil || first != json.Delim('{') {
		return nil, malformed("no JSON object")
	}
	fields := make(map[string]string)
	for tokens.More() {
		if err := parseField(tokens, fields); err != nil {
			return nil, err
		}
	}
	if _, err := tokens.Token(); err != nil {
		return nil, malformed("the JSON object does not end")
	}
	if _, err := tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("more than one JSON object")
	}
	return fields, nil
}

// parseField takes one key and its value.
func parseField(tokens *json.Decoder, fields map[string]string) error {
	var value json.RawMessage
	key, err := tokens.Token()
	if err == nil {
		err = tokens.Decode(&value)
	}
	if err != nil {
		return malformed("no JSON")
	}
	name, _ := key.(string)
	switch name {
	case keyConversation, keyInteraction, keyDevice, keyStart, keyEnd:
	default:
		return nil
	}
	if _, doubled := fields[name]; doubled {
		return malformed(name + " comes twice")
	}
	var text *string
	if json.Unmarshal(value, &text) != nil || text == nil {
		return malformed(name + " is no string")
	}
	fields[name] = *text
	return nil
}

func parseDevice(text string) (peer.ID, error) {
	if len(text) > maxDevice {
		return "", malformed("%s is longer than %d bytes", keyDevice, maxDevice)
	}
	device, err := peer.Decode(text)
	if err != nil {
		return "", malformed(keyDevice + " is no peer ID")
	}
	return device, nil
}

// parseCount reads decimal digits: no sign, no space, at most 2^63-1. A missing
// number is 0.
func parseCount(fields map[string]string, key string) (int64, error) {
	text, given := fields[key]
	if !given {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, malformed(key + " is no number from 0 to 2^63-1")
	}
	return int64(n), nil
}

// readRequest takes one request from r. Memory grows with what arrives, not with
// what was announced.
func readRequest(r io.Reader) (Request, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return Request{}, fmt.Errorf("read the length: %w", err)
	}
	length := binary.BigEndian.Uint32(size[:])
	if length > MaxRequest {
		return Request{}, malformed("a request of more than %d bytes", MaxRequest)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return Request{}, fmt.Errorf("read the request: %w", err)
	}
	return ParseRequest(text)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProtocol}, args...)...)
}
