package conversation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// fieldMap is a JSON object (RFC 8259) whose values are all strings: what control
// entries, files and edits consist of.
type fieldMap map[string]string

// errFields is wrapped by every error of [parseFields].
var errFields = errors.New("not a JSON object of strings")

// Content writes the keys in ascending order, without white space. Bytes that
// are no UTF-8 become U+FFFD.
func (f fieldMap) Content() []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string(f)); err != nil {
		panic(err) // a map of strings is always written
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// parseFields reads a JSON object of strings. It refuses what programs read
// differently: doubled keys, values that are no strings, bytes that are no
// UTF-8, escaped halves of surrogate pairs, anything after the object.
func parseFields(content []byte) (fieldMap, error) {
	if !utf8.Valid(content) {
		return nil, fmt.Errorf("%w: it is not UTF-8", errFields)
	}
	p := &fieldParser{rest: string(content)}
	fields := p.object()
	if p.skipSpace(); p.err == nil && p.rest != "" {
		p.fail("something follows the object")
	}
	if p.err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", errFields, len(content)-len(p.rest), p.err)
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

func (p *fieldParser) object() fieldMap {
	fields := fieldMap{}
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
