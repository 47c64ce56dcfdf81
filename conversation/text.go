package conversation

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrContent is wrapped by every error of [ParseText] and [ParseFile]: the entry
// stands, but is shown as an unknown one, by type and size.
var ErrContent = errors.New("not the content that the type promises")

// fieldsMark is the first byte of a text/plain content that is not the text
// itself but a JSON object of strings. No text that people write begins with it.
const fieldsMark = "\x00"

// Text is the content of a text/plain entry. Either the text itself, in UTF-8;
// or, where it edits or deletes an earlier one, U+0000 and a JSON object with
// the keys that Jami writes:
//
//	hello
//	\0{"body":"hello!","edit":ID}
//	\0{"also":"ID ID","body":"","edit":ID}
//
// Other keys are ignored. A text that itself begins with U+0000 is written as
// \0{"body":…}.
type Text struct {
	Text string
	// Edit is the entry whose text this one replaces; zero for a text of its own.
	Edit ID
	// Deleted: the text of Edit, and of the edits of it that Also names, is taken
	// back; Text is empty.
	Deleted bool
	Also    []ID
}

// Content gives what [ParseText] reads. Bytes that are no UTF-8 become U+FFFD.
// An edit with an empty text is a deletion.
func (t Text) Content() []byte {
	text := strings.ToValidUTF8(t.Text, "\uFFFD")
	if t.Edit.IsZero() && !strings.HasPrefix(text, fieldsMark) {
		return []byte(text)
	}
	fields := fieldMap{"body": text}
	if !t.Edit.IsZero() {
		fields["edit"] = t.Edit.String()
	}
	if t.Deleted {
		fields["body"] = ""
		writeAlso(fields, t.Also)
	}
	return append([]byte(fieldsMark), fields.Content()...)
}

// ParseText reads the content of a text/plain entry. Text is hostile: as its
// author wrote it.
func ParseText(content []byte) (Text, error) {
	if !utf8.Valid(content) {
		return Text{}, fmt.Errorf("%w: the text is not UTF-8", ErrContent)
	}
	object, marked := strings.CutPrefix(string(content), fieldsMark)
	if !marked {
		return Text{Text: object}, nil
	}
	fields, err := parseFields([]byte(object))
	if err != nil {
		return Text{}, fmt.Errorf("%w: %w", ErrContent, err)
	}
	r := &fieldReader{fields: fields}
	t := Text{Text: r.must("body"), Edit: r.edit()}
	if t.Deleted = t.Text == "" && !t.Edit.IsZero(); t.Deleted {
		t.Also = r.also()
	}
	if r.err != nil {
		return Text{}, fmt.Errorf("%w: %w", ErrContent, r.err)
	}
	return t, nil
}
