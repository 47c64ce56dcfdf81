package pairing

import (
	"bytes"
	"crypto/hpke"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/sha3"
)

var update = flag.Bool("update", false, "write testdata/exchange.txt anew")

// fixed gives n bytes that look random.
func fixed(name string, n int) []byte {
	b := make([]byte, n)
	sha3.ShakeSum256(b, []byte(name))
	return b
}

// TestWriteExchangeVectors writes the vectors that TestExchangeVectors reads. All but
// X-Wing's encapsulation, which is drawn, is the same each time.
func TestWriteExchangeVectors(t *testing.T) {
	if !*update {
		return
	}
	var text strings.Builder
	text.WriteString("# Whole exchanges, with all that either side draws (the scalars as 64 bytes, reduced\n" +
		"# modulo the order of the group; X-Wing's private key as its seed), says and derives.\n" +
		"# A party is: device, account, name, addresses.\n")
	for _, c := range []struct {
		comment string
		code    Code
	}{
		{"a contact's code of four words", Code{purpose: Contact, words: part{"aardvark-goatskin", "policeman-sculpture"}}},
		{"a device's code of five words", Code{purpose: Link, words: part{"zucchini-zillion", "kabob-acid-walrus"}}},
		{"a file's code of a number and three words", Code{purpose: File, words: part{"482-goatskin", "policeman-sculpture"}}},
		{"a device's code by QR", Code{purpose: Link, words: part{"AAAQEAYEAUDAOCAJBIFQYDIOB4", "77777777777777777777777774"}}},
	} {
		writeExchange(t, &text, c.comment, c.code)
	}
	if err := os.WriteFile("testdata/exchange.txt", []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeExchange(t *testing.T, text *strings.Builder, comment string, c Code) {
	draw := func(name string, n int) []byte { return fixed(comment+name, n) }
	seed := draw("X-Wing", 32)
	key, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	drawing(t, bytes.NewReader(bytes.Join([][]byte{draw("session", 16), draw("salt", 16), draw("x", 64), draw("y", 64)}, nil)))
	ty, err := newTypist(c.purpose, c.words, inboxKey(draw("inbox of who types", 32)), key)
	if err != nil {
		t.Fatal(err)
	}
	a, s, err := answerTo(c.purpose, c.words, ty.hello, inboxKey(draw("inbox of who shows", 32)))
	if err != nil {
		t.Fatal(err)
	}
	typist, shower := fixedParty(t, 1).told(c.purpose), fixedParty(t, 2).told(c.purpose)
	r := run{typist: ty, hello: ty.hello, answer: a}
	p, w := proof{session: a.session, tag: s.typeTag}, welcome{session: a.session}
	if p.party, err = sealParty(s.typeSeal, typist); err != nil {
		t.Fatal(err)
	}
	if w.party, err = sealParty(s.showSeal, shower); err != nil {
		t.Fatal(err)
	}
	cpaceKey, err := ty.state.Finish(a.cpace[:])
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(text, "\ncomment: %s\npurpose: %s\npublic: %s\nsecret: %s\n", comment, c.purpose, c.words.public, c.words.secret)
	for _, f := range []struct {
		name  string
		value []byte
	}{
		{"hello scalar", draw("x", 64)}, {"answer scalar", draw("y", 64)}, {"X-Wing seed", seed},
		{"hello", r.hello.append(nil)}, {"answer", a.append(nil)}, {"proof", p.append(nil)}, {"welcome", w.append(nil)},
		{"CPace key", cpaceKey}, {"X-Wing key", r.xwingKey(t)}, {"tag-show", s.showTag[:]}, {"tag-type", s.typeTag[:]},
		{"seal-show", s.showSeal[:]}, {"seal-type", s.typeSeal[:]}, {"transfer", s.transfer[:]},
	} {
		fmt.Fprintf(text, "%s: %x\n", f.name, f.value)
	}
	fmt.Fprintf(text, "verifier: %s\nparty-type: %s\nparty-show: %s\n", strings.Join(s.verifier[:], " "), partyText(typist), partyText(shower))
}
