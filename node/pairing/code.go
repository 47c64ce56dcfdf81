package pairing

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
)

// Purpose is what a code is for. It is part of what both sides must agree on.
type Purpose string

const (
	// Link: a device joins the account that shows the code.
	Link Purpose = "link"
	// Contact: two accounts become contacts.
	Contact Purpose = "contact"
	// File: the device that shows the code sends one transfer to the one that it is
	// entered on, and neither learns the other's account.
	File Purpose = "file"
)

const (
	publicWords  = 2 // of a file's code the first is a number
	contactWords = 2 // secret ones, of a file's code too
	linkWords    = 3

	numberFrom, numberEnd = 100, 1000 // of a file's code: three digits

	partSize = 16 // bytes of each part in a QR code
	qrPrefix = "PASSEUR:"
	qrHead   = qrPrefix + "1:"
)

var partEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// partLength is a part's length in a QR code.
var partLength = partEncoding.EncodedLen(partSize)

// letter stands for the purpose in a QR code and in what is bound to an exchange.
func (p Purpose) letter() (byte, bool) {
	switch p {
	case Link:
		return 'L', true
	case Contact:
		return 'C', true
	case File:
		return 'F', true
	}
	return 0, false
}

func purposeOf(letter byte) (Purpose, bool) {
	switch letter {
	case 'L':
		return Link, true
	case 'C':
		return Contact, true
	case 'F':
		return File, true
	}
	return "", false
}

// secretWords is how many words a code's secret part has.
func (p Purpose) secretWords() int {
	if p == Link {
		return linkWords
	}
	return contactWords
}

// Code is a one-time code. One that is to be shown has two forms, words and a text
// for a QR code, each with parts of its own; whichever is entered first, both are
// used up. One that was entered has a single form. The zero Code is none.
type Code struct {
	purpose Purpose
	words   part
	long    part
}

// part is one form of a code: R and P, in words joined by "-" or in base32.
// Both are zero where the code lacks the form.
type part struct {
	public string // R: names the inbox
	secret string // P: enters nothing but CPace
}

func (p part) isZero() bool { return p == part{} }

// NewCode draws a code of both forms.
func NewCode(p Purpose) Code {
	c := newLongCode(p)
	c.words = part{p.drawPublic(), drawWords(p.secretWords())}
	return c
}

// drawPublic draws the public part of a code in words.
func (p Purpose) drawPublic() string {
	if p != File {
		return drawWords(publicWords)
	}
	return strconv.Itoa(numberFrom+drawIndex(numberEnd-numberFrom)) + "-" + drawWords(publicWords-1)
}

// newLongCode draws a code without words, whose inbox nobody can find by trying.
func newLongCode(p Purpose) Code {
	return Code{purpose: p, long: part{drawLong(), drawLong()}}
}

func drawLong() string {
	var b [partSize]byte
	rand.Read(b[:]) // never fails
	return partEncoding.EncodeToString(b[:])
}

// Purpose tells what the code is for; "" for the zero Code.
func (c Code) Purpose() Purpose { return c.purpose }

// Words gives the code as words joined by "-", to be read out and typed; "" for a
// code without them.
func (c Code) Words() string {
	if c.words.isZero() {
		return ""
	}
	return c.words.public + "-" + c.words.secret
}

// QR gives the code as text for a QR code, in letters that fit its alphanumeric mode,
// or to be copied; "" for a code that was entered as words.
func (c Code) QR() string {
	letter, known := c.purpose.letter()
	if c.long.isZero() || !known {
		return ""
	}
	return qrHead + string(letter) + ":" + c.long.public + c.long.secret
}

// String hides the code, so that no log shows it.
func (c Code) String() string { return fmt.Sprintf("one-time code (%s)", c.purpose) }

// Format prints String whatever the verb.
func (c Code) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// Check gives ErrPurpose, in words for people, unless the code is for want.
func (c Code) Check(want Purpose) error {
	switch {
	case c.purpose == want:
		return nil
	case c.purpose == Link:
		return fmt.Errorf("%w: it links a device to an account (a code for a contact has %d words)", ErrPurpose, publicWords+contactWords)
	case c.purpose == Contact:
		return fmt.Errorf("%w: it makes a contact (a code that links a device has %d words, one that sends a file begins with a number)", ErrPurpose, publicWords+linkWords)
	case c.purpose == File:
		return fmt.Errorf("%w: it sends a file, which `passeur receive` fetches", ErrPurpose)
	}
	return fmt.Errorf("%w: it is empty", ErrMalformed)
}

func (c Code) isZero() bool { return c == Code{} }

// meets tells whether a form of c has the same public part as one of other's.
func (c Code) meets(other Code) bool {
	for _, p := range c.parts() {
		if p.public == other.words.public || p.public == other.long.public {
			return true
		}
	}
	return false
}

// parts gives the code's forms: those that there are.
func (c Code) parts() (parts []part) {
	for _, p := range []part{c.words, c.long} {
		if !p.isZero() {
			parts = append(parts, p)
		}
	}
	return parts
}

// ParseCode reads what a person typed, scanned or pasted: words with spaces, "-" or
// "." between them, whatever their case, each in full, by its first letters (three or
// more) or with a single typing error; or the text of a QR code. The number of words
// tells the purpose, and a number in place of the first one. Errors wrap ErrMalformed
// and quote what was typed.
func ParseCode(text string) (Code, error) {
	text = strings.TrimSpace(text)
	if len(text) > 256 {
		return Code{}, fmt.Errorf("%w: it is far too long", ErrMalformed)
	}
	if upper := strings.ToUpper(text); strings.HasPrefix(upper, qrPrefix) {
		return parseQR(upper)
	}
	return parseWords(strings.ToLower(text))
}

func parseWords(text string) (Code, error) {
	typed := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("-. \t\r\n\u00a0", r) })
	c := Code{}
	numbered := len(typed) > 0 && isNumber(typed[0])
	switch {
	case len(typed) == publicWords+contactWords && numbered:
		c.purpose = File
	case len(typed) == publicWords+contactWords:
		c.purpose = Contact
	case len(typed) == publicWords+linkWords && !numbered:
		c.purpose = Link
	default:
		return Code{}, fmt.Errorf("%w: it has %d words, not %d (a contact, or a file if the first is a number) or %d (a device)",
			ErrMalformed, len(typed), publicWords+contactWords, publicWords+linkWords)
	}
	for i, t := range typed {
		if i == 0 && numbered {
			continue
		}
		var err error
		if typed[i], err = wordOf(t); err != nil {
			return Code{}, err
		}
	}
	c.words = part{strings.Join(typed[:publicWords], "-"), strings.Join(typed[publicWords:], "-")}
	return c, nil
}

// isNumber tells whether a word is the number of a file's code: 100 to 999.
func isNumber(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && numberFrom <= n && n < numberEnd && strconv.FormatUint(n, 10) == word
}

func parseQR(text string) (Code, error) {
	rest, isOurs := strings.CutPrefix(text, qrHead)
	if !isOurs {
		return Code{}, fmt.Errorf("%w that this version can read; a newer one may", ErrMalformed)
	}
	if len(rest) != 2+2*partLength || rest[1] != ':' {
		return Code{}, fmt.Errorf("%w: the text of a QR code has %d letters", ErrMalformed, len(qrHead)+2+2*partLength)
	}
	purpose, known := purposeOf(rest[0])
	if !known {
		return Code{}, fmt.Errorf("%w that this version can use: it is of kind %q", ErrMalformed, rest[0])
	}
	public, secret := rest[2:2+partLength], rest[2+partLength:]
	if !isPart(public) || !isPart(secret) {
		return Code{}, fmt.Errorf("%w: its end is not base32", ErrMalformed)
	}
	return Code{purpose: purpose, long: part{public, secret}}, nil
}

// isPart tells whether s is a part's one encoding.
func isPart(s string) bool {
	b, err := partEncoding.DecodeString(s)
	return err == nil && len(b) == partSize && partEncoding.EncodeToString(b) == s
}
