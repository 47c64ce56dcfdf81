package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON writes v on one line. Letters that Text would not print as they are
// become \uXXXX, so that the line is safe on a terminal and means the same.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escape(b.Bytes()))
	return err
}

// Escaped is a writer of JSON that escapes what it passes on like [JSON]. Each
// Write must hold whole characters, as those of a slog.JSONHandler do.
func Escaped(w io.Writer) io.Writer { return escaped{w} }

type escaped struct{ w io.Writer }

func (e escaped) Write(p []byte) (int, error) {
	if _, err := e.w.Write(escape(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escape changes letters inside JSON's strings only: everything else is ASCII.
func escape(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		switch {
		case r < 0x7f:
			out = append(out, line[:n]...)
		case Text(string(r)) == string(r):
			out = append(out, line[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		line = line[n:]
	}
	return out
}
