package link

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// version of the messages.
const version = 1

// maxShort bounds every message but the hand-over.
const maxShort = 1 << 10

// maxAnswer leaves room around the hand-over.
const maxAnswer = MaxHandover + maxShort

// maxReason bounds the words of a refusal, in bytes.
const maxReason = 256

// errVersion: the other side speaks another version.
var errVersion = errors.New("the other device speaks another version of this protocol; update passeur on both")

// hello begins the exchange.
type hello struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
}

// answer is the keeper's.
type answer struct {
	Version  int             `json:"version"`
	Handover json.RawMessage `json:"handover,omitempty"`
	Refused  *string         `json:"refused,omitempty"`
}

// receipt tells that the hand-over is safe.
type receipt struct {
	Version int  `json:"version"`
	Taken   bool `json:"taken"`
}

func writeMessage(w io.Writer, m any) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))
	return err
}

// readMessage reads one message into m, which has at most limit bytes. Memory grows
// with what arrives, not with what was announced.
func readMessage(r io.Reader, limit int64, m any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	length := int64(binary.BigEndian.Uint32(size[:]))
	if length > limit {
		return fmt.Errorf("a message of %d bytes, more than %d", length, limit)
	}
	raw, err := io.ReadAll(io.LimitReader(r, length))
	if err != nil {
		return err
	}
	if int64(len(raw)) < length {
		return io.ErrUnexpectedEOF
	}
	return json.Unmarshal(raw, m)
}

func readHello(r io.Reader) (h hello, err error) {
	if err := readMessage(r, maxShort, &h); err != nil {
		return h, err
	}
	if h.Version != version {
		return h, errVersion
	}
	return h, checkName(h.Name)
}

func readAnswer(r io.Reader) (a answer, err error) {
	if err := readMessage(r, maxAnswer, &a); err != nil {
		return a, err
	}
	switch {
	case a.Version != version:
		return a, errVersion
	case a.Refused != nil:
		return a, &Refusal{Reason: cut(*a.Refused)}
	case len(a.Handover) == 0:
		return a, errors.New("neither a hand-over nor a refusal")
	}
	return a, nil
}

func readReceipt(r io.Reader) error {
	var m receipt
	if err := readMessage(r, maxShort, &m); err != nil {
		return err
	}
	if m.Version != version || !m.Taken {
		return errors.New("the other device did not say that it has taken the hand-over")
	}
	return nil
}
