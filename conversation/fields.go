package conversation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Fields is a JSON object (RFC 8259) whose values are all strings: what control
// entries, files and edits consist of.
type Fields map[string]string

// ErrFields is wrapped by every error of [ParseFields].
var ErrFields = errors.New("not a JSON object of strings")

// Content writes the keys in ascending order, without white space. Bytes that
// are no UTF-8 become U+FFFD.
func (f Fields) Content() []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string(f)); err != nil {
		panic(err) // a map of strings is always written
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// ParseFields reads a JSON object of strings. It refuses what programs read
// differently: doubled keys, values that are no strings, bytes that are no
// UTF-8, escaped halves of surrogate pairs, anything after the object.
func ParseFields(content []byte) (Fields, error) {
	if !utf8.Valid(content) {
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrFields)
	}
	p := &fieldParser{rest: string(content)}
	fields := p.object()
	if p.skipSpace(); p.err == nil && p.rest != "" {
		p.fail("something follows the object")
	}
	if p.err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", ErrFields, len(content)-len(p.rest), p.err)
	}
	return fields, nil
}

// fieldParser reads down rest; after the first error it reads no more.
type fieldParser struct {
	rest string
	err  error
}

func (p *fieldParser) fail(what string) {
	if p.err == nil {
		p.err = errors.New(what)
	}
}

func (p *fieldParser) skipSpace() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// sign takes one character of the grammar, if it comes next.
func (p *fieldParser) sign(c string) (found bool) {
	p.skipSpace()
	p.rest, found = strings.CutPrefix(p.rest, c)
	return found
}

func (p *fieldParser) want(c string) {
	if p.err == nil && !p.sign(c) {
		p.fail("want " + c)
	}
}

func (p *fieldParser) object() Fields {
	fields := Fields{}
	if p.want("{"); p.err != nil || p.sign("}") {
		return fields
	}
	for more := true; more && p.err == nil; more = p.err == nil && p.sign(",") {
		key := p.text()
		p.want(":")
		value := p.text()
		if _, doubled := fields[key]; doubled {
			p.fail("a key comes twice")
		}
		fields[key] = value
	}
	p.want("}")
	return fields
}

// text reads a string literal.
func (p *fieldParser) text() string {
	p.want(`"`)
	var out strings.Builder
	for p.err == nil {
		plain := strings.IndexFunc(p.rest, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' })
		if plain < 0 || p.rest[plain] < ' ' {
			p.fail("a string does not end, or has a control character in it")
			break
		}
		out.WriteString(p.rest[:plain])
		p.rest = p.rest[plain:]
		if p.rest[0] == '"' {
			p.rest = p.rest[1:]
			break
		}
		out.WriteRune(p.escape())
	}
	return out.String()
}

var shortEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what begins with a backslash.
func (p *fieldParser) escape() rune {
	if len(p.rest) > 1 && p.rest[1] != 'u' {
		r, known := shortEscapes[p.rest[1]]
		if !known {
			p.fail("an unknown escape")
			return 0
		}
		p.rest = p.rest[2:]
		return r
	}
	r := p.unit()
	if !utf16.IsSurrogate(r) {
		return r
	}
	if r = utf16.DecodeRune(r, p.unit()); r == utf8.RuneError {
		p.fail("half of a surrogate pair")
	}
	return r
}

// unit reads \uXXXX.
func (p *fieldParser) unit() rune {
	const size = len(`\u0000`)
	if len(p.rest) >= size && p.rest[:2] == `\u` {
		if raw, err := hex.DecodeString(p.rest[2:size]); err == nil {
			p.rest = p.rest[size:]
			return rune(raw[0])<<8 | rune(raw[1])
		}
	}
	p.fail(`want \u and four hex digits`)
	return utf8.RuneError
}

// fieldReader takes fields one by one, and remembers the first that is wrong.
type fieldReader struct {
	fields Fields
	err    error
}

// fail reports a field; why follows its name.
func (r *fieldReader) fail(key, why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%q %s", key, why)
	}
}

// finish gives the first error; a field that nobody took is one.
func (r *fieldReader) finish() error {
	if r.err == nil && len(r.fields) > 0 {
		key := slices.Min(slices.Collect(maps.Keys(r.fields)))
		r.fail(key, "is unknown here")
	}
	return r.err
}

func (r *fieldReader) take(key string) (value string, found bool) {
	value, found = r.fields[key]
	delete(r.fields, key)
	return value, found
}

func (r *fieldReader) oneOf(key string, known ...string) string {
	value, _ := r.take(key)
	if !slices.Contains(known, value) {
		r.fail(key, fmt.Sprintf("is %s, not one of %q", strconv.QuoteToASCII(value), known))
	}
	return value
}

func (r *fieldReader) account(key string) Account {
	text, _ := r.take(key)
	a, err := ParseAccount(text)
	if err != nil || a.String() != text {
		r.fail(key, "is not an account as it is written")
	}
	return a
}

func (r *fieldReader) device(key string) peer.ID {
	text, _ := r.take(key)
	id, err := peer.Decode(text)
	if err != nil || id.String() != text {
		r.fail(key, "is not a peer ID as it is written")
		return ""
	}
	if _, err := DeviceKey(id); err != nil {
		r.fail(key, "is no device: "+err.Error())
	}
	return id
}

// hex takes size bytes as lower-case digits.
func (r *fieldReader) hex(key string, size int) []byte {
	text, _ := r.take(key)
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != size || hex.EncodeToString(raw) != text {
		r.fail(key, fmt.Sprintf("is not %d bytes as lower-case hex digits", size))
		return nil
	}
	return raw
}
