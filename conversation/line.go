package conversation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxLine is the most bytes of an export line.
const MaxLine = 1 << 20

// ErrLine is wrapped by the errors of [ParseLine] about the line itself.
var ErrLine = errors.New("not a line of an export")

// line is one entry for people and their tools. Only header, signature and body
// say something; the rest is read from them, to be read with less trouble.
type line struct {
	ID           ID      `json:"id"`
	Conversation ID      `json:"conversation"`
	Time         string  `json:"time"`
	Account      Account `json:"account"`
	Device       string  `json:"device"`
	Type         string  `json:"type"`
	Parents      []ID    `json:"parents"`
	Certificate  string  `json:"certificate,omitempty"`
	Content      *string `json:"content,omitempty"`
	Header       string  `json:"header"`
	Signature    string  `json:"signature"`
	Body         *[]byte `json:"body"`
}

// MarshalLine writes the entry as one line of JSON, with a line break at its
// end: header and signature in hex, the stored body in base64 (null if it is
// withheld), and what they say in words. The content comes along where it is
// UTF-8. Everything that a terminal might obey is escaped. The signature is
// checked with openssl 3 as docs/protocol.md shows.
func (e *Entry) MarshalLine() []byte {
	l := line{
		ID: e.ID, Conversation: e.Conversation, Time: e.Time.Format(time.RFC3339Nano), Account: e.Account,
		Device: e.Device.String(), Type: e.Type, Parents: append([]ID{}, e.Parents...),
		Header: hex.EncodeToString(e.Raw.Header), Signature: hex.EncodeToString(e.Raw.Signature),
	}
	if e.Certificate != nil {
		l.Certificate = hex.EncodeToString(e.Certificate[:])
	}
	if content, ok := e.Content(); ok {
		l.Body = &e.Raw.Body
		if text := string(content); utf8.Valid(content) {
			l.Content = &text
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		panic(err) // strings and texts are always written
	}
	return escapeUnprintable(out.Bytes())
}

// escapeUnprintable writes as \uXXXX what json leaves in strings though it does
// not print: DEL, C1 controls, bidi marks, invisible characters.
func escapeUnprintable(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case unicode.IsPrint(r) || r == '\n':
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// ParseLine decodes the entry of a line that MarshalLine wrote; the line break
// may be missing. It refuses a line that differs in anything from what
// MarshalLine writes for the entry, so that the words are as true as the bytes.
// It does not Verify. Errors wrap ErrLine or are [Decode]'s.
func ParseLine(text []byte) (*Entry, error) {
	if len(text) > MaxLine {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrLine, len(text), MaxLine)
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLine, err)
	}
	raw, err := l.raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLine, err)
	}
	e, err := Decode(raw)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(bytes.TrimSuffix(e.MarshalLine(), []byte("\n")), text) {
		return nil, fmt.Errorf("%w: entry %s: what stands beside header, signature and body is not what they say", ErrLine, e.ID)
	}
	return e, nil
}

func (l line) raw() (Raw, error) {
	header, err := hex.DecodeString(l.Header)
	if err != nil {
		return Raw{}, fmt.Errorf("header: %w", err)
	}
	signature, err := hex.DecodeString(l.Signature)
	if err != nil {
		return Raw{}, fmt.Errorf("signature: %w", err)
	}
	raw := Raw{Header: header, Signature: signature}
	if l.Body != nil {
		raw.Body = *l.Body
	}
	return raw, nil
}
