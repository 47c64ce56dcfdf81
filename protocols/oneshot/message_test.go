package oneshot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/vectors"
)

func TestMessageVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/messages.txt") {
		raw, err := hex.DecodeString(v["message"])
		if err != nil {
			t.Fatal(err)
		}
		m, err := parse(raw)
		if v["expect"] != "ok" {
			if !errors.Is(err, errMessage) {
				t.Errorf("%s: %+v, %v", v["comment"], m, err)
			}
			continue
		}
		again, marshalled := m.marshal()
		if err != nil || marshalled != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s: %+v, %v; again %x, %v", v["comment"], m, err, again, marshalled)
		}
	}
}

func TestMessagesOnTheWire(t *testing.T) {
	var wire bytes.Buffer
	if err := writeMessage(&wire, message{kind: kindNo, reason: "no"}); err != nil {
		t.Fatal(err)
	}
	if raw := wire.Bytes(); !bytes.Equal(raw, []byte{0, 4, 6, 2, 'n', 'o'}) {
		t.Errorf("%x", raw)
	}
	for text, want := range map[string]error{"\x02\x01" + strings.Repeat("x", 513): errMessage, "\x00\x00": errMessage} {
		if _, err := readMessage(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("%q: %v", text[:2], err)
		}
	}
	for _, m := range []message{{}, {kind: kindMissing}, {kind: kindOffer}, {kind: kindNo, reason: "\xff"}} {
		if raw, err := m.marshal(); !errors.Is(err, errMessage) {
			t.Errorf("%+v is %x, %v", m, raw, err)
		}
	}
}

func TestCut(t *testing.T) {
	for text, want := range map[string]string{"a": "a", "\xff": "\uFFFD", strings.Repeat("é", 5): "éé"} {
		if got := cut(text, 5); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestRangesThatAFileCannotLack(t *testing.T) {
	o := Offer{Size: 3<<20 + 5}
	for r, want := range map[filexfer.Span]bool{
		{Start: 0, End: 1 << 20}: true, {Start: 2 << 20, End: 3<<20 + 5}: true, {Start: 0, End: 3<<20 + 5}: true,
		{Start: 1, End: 1 << 20}: false, {Start: 0, End: 5}: false, {Start: 0, End: 4 << 20}: false,
	} {
		if err := o.check([]filexfer.Span{r}); (err == nil) != want {
			t.Errorf("%v: %v", r, err)
		}
	}
}

// FuzzParse: what is taken for a message says the same when it is written again, and
// nothing panics.
func FuzzParse(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/messages.txt") {
		raw, err := hex.DecodeString(v["message"])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw)
		if err != nil {
			return
		}
		again, err := m.marshal()
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%x is %+v, which is %x, %v", raw, m, again, err)
		}
	})
}
