package pairing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/passeur-p2p/passeur/test/vectors"
)

func TestCodeVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/codes.txt") {
		c, err := ParseCode(v["text"])
		if v["expect"] != "ok" {
			if !errors.Is(err, ErrMalformed) || !c.isZero() {
				t.Errorf("%s: %v, %v", v["comment"], c.parts(), err)
			}
			continue
		}
		want := Code{purpose: Purpose(v["purpose"])}
		if p := (part{v["public"], v["secret"]}); strings.Contains(p.public, "-") {
			want.words = p
		} else {
			want.long = p
		}
		if err != nil || c != want {
			t.Errorf("%s: %q %q, %v", v["comment"], c.purpose, c.parts(), err)
		}
	}
}

// Whatever a new code is shown as, reads as that code, in that one form.
func TestShownCodesAreRead(t *testing.T) {
	for _, p := range []Purpose{Link, Contact, File} {
		for range 100 {
			c := NewCode(p)
			byWords, err := ParseCode(c.Words())
			if err != nil || byWords != (Code{purpose: p, words: c.words}) {
				t.Fatalf("%s: %v", c.Words(), err)
			}
			byQR, err := ParseCode(c.QR())
			if err != nil || byQR != (Code{purpose: p, long: c.long}) {
				t.Fatalf("%s: %v", c.QR(), err)
			}
			if byWords.QR() != "" || byQR.Words() != "" || c == NewCode(p) {
				t.Fatal("a code came from nowhere")
			}
		}
	}
}

func TestNumberOfWordsTellsThePurpose(t *testing.T) {
	for p, n := range map[Purpose]int{Link: 5, Contact: 4, File: 4} {
		words := strings.Split(NewCode(p).Words(), "-")
		if len(words) != n || isNumber(words[0]) != (p == File) {
			t.Errorf("%s: %q", p, words)
		}
	}
	if c := newLongCode(Link); c.Words() != "" || c.QR() == "" || len(c.parts()) != 1 {
		t.Errorf("a long code has words %q", c.Words())
	}
}

func TestCheckSaysWhatACodeIsFor(t *testing.T) {
	for _, p := range []Purpose{Link, Contact, File} {
		if err := NewCode(p).Check(p); err != nil {
			t.Error(err)
		}
	}
	for c, says := range map[Code]string{NewCode(Link): "links a device", NewCode(Contact): "makes a contact", NewCode(File): "sends a file"} {
		other := map[Purpose]Purpose{Link: Contact, Contact: File, File: Link}[c.Purpose()]
		if err := c.Check(other); !errors.Is(err, ErrPurpose) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v", err)
		}
	}
	if err := (Code{}).Check(Link); !errors.Is(err, ErrMalformed) {
		t.Errorf("the zero Code: %v", err)
	}
}

// A QR code in alphanumeric mode is the smaller for it: version 4 holds 78 letters
// with level M, but 62 bytes only.
func TestQRTextFitsTheAlphanumericMode(t *testing.T) {
	text := NewCode(Link).QR()
	code, err := qr.Encode(text, qr.M)
	if err != nil || len(text) != 64 || code.Size > 33 {
		t.Errorf("%d letters make %d modules, %v", len(text), code.Size, err)
	}
}

func TestCodesAreNotPrintedByAccident(t *testing.T) {
	c := NewCode(Link)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, &c, []Code{c}} {
			text := fmt.Sprintf(verb, v)
			for _, p := range c.parts() {
				if strings.Contains(text, p.public) || strings.Contains(text, p.secret) || strings.Contains(text, fmt.Sprintf("%x", p.secret)) {
					t.Errorf("%s: %s", verb, text)
				}
			}
		}
	}
}

// FuzzParseCode: what is taken for a code reads the same when it is shown again; its
// words are of the list; nothing else is taken, and nothing panics.
func FuzzParseCode(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/codes.txt") {
		f.Add(v["text"])
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || !c.isZero() {
				t.Fatalf("%v with %v", err, c.parts())
			}
			return
		}
		shown := c.Words() + c.QR()
		again, err := ParseCode(shown)
		if err != nil || again != c || len(c.parts()) != 1 {
			t.Fatalf("%q is shown as %q, which is %q, %v", text, shown, again.parts(), err)
		}
		if _, known := c.purpose.letter(); !known {
			t.Fatalf("%q is for %q", text, c.purpose)
		}
	})
}
