package conversation_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

func TestAccountVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/accounts.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			a, err := conversation.ParseAccount(v["text"])
			if v["expect"] != "ok" {
				if !errors.Is(err, conversation.ErrAccount) || !a.IsZero() {
					t.Fatalf("ParseAccount(%q) = %v, %v; want ErrAccount", v["text"], a, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := v.Hex(t, "key"); !bytes.Equal(a[:], want) {
				t.Errorf("key %x, want %x", a[:], want)
			}
			if a.String() != v["text"] {
				t.Errorf("String() = %s, want %s", a, v["text"])
			}
			key, err := conversation.AccountKeyFromSeed(v.Hex(t, "seed"))
			if err != nil || key.Account() != a || !bytes.Equal(key.Seed(), v.Hex(t, "seed")) {
				t.Errorf("the seed gives %v (%v), want %v", key.Account(), err, a)
			}
		})
	}
}

func TestWeakKeysAreRefusedAndVerifyNothing(t *testing.T) {
	identity := append([]byte{1}, make([]byte, 63)...) // R = identity, S = 0: "signs" all under order 1
	for _, v := range vectors.Read(t, "testdata/accounts.txt") {
		if v["expect"] != "weak" {
			continue
		}
		key := v.Hex(t, "key")
		if _, err := conversation.AccountFromKey(key); !errors.Is(err, conversation.ErrAccount) {
			t.Errorf("%s: AccountFromKey gives %v, want ErrAccount", v["comment"], err)
		}
		if _, err := conversation.DeviceFromKey(key); !errors.Is(err, conversation.ErrDevice) {
			t.Errorf("%s: DeviceFromKey gives %v, want ErrDevice", v["comment"], err)
		}
		if conversation.Account(key).Verify("label\x00", []byte("anything"), identity) {
			t.Errorf("%s: a weak key verified a signature that nobody made", v["comment"])
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := conversation.AccountFromKey(make([]byte, n)); !errors.Is(err, conversation.ErrAccount) {
			t.Errorf("a key of %d bytes: %v, want ErrAccount", n, err)
		}
	}
}

// Whatever single letter is typed wrong, the checksum tells.
func TestEverySingleLetterChangeIsRefused(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/accounts.txt") {
		if v["expect"] != "ok" {
			continue
		}
		text := v["text"]
		for i := range text {
			for letter := byte(' '); letter < 0x7f; letter++ {
				wrong := text[:i] + string(rune(letter)) + text[i+1:]
				if strings.EqualFold(wrong, text) {
					continue
				}
				if a, err := conversation.ParseAccount(wrong); err == nil {
					t.Fatalf("%q was taken for %s", wrong, a)
				}
			}
		}
	}
}

func TestSwappedNeighboursAndDroppedLettersAreRefused(t *testing.T) {
	text := newKey(t).Account().String()
	for i := 0; i+1 < len(text); i++ {
		dropped := text[:i] + text[i+1:]
		swapped := text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]
		doubled := text[:i] + text[i:i+1] + text[i:]
		for _, wrong := range []string{dropped, swapped, doubled} {
			if _, err := conversation.ParseAccount(wrong); err == nil && wrong != text {
				t.Fatalf("%q was accepted instead of %q", wrong, text)
			}
		}
	}
}

func TestCaseAndSurroundingSpaceDoNotMatter(t *testing.T) {
	want := newKey(t).Account()
	for _, text := range []string{
		strings.ToUpper(want.String()),
		"Passeur:" + strings.TrimPrefix(want.String(), "passeur:"),
		"  " + want.String() + "\r\n",
		"\t" + want.String() + "\u00a0",
	} {
		if got, err := conversation.ParseAccount(text); err != nil || got != want {
			t.Errorf("ParseAccount(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

// strings.ToLower makes a k of the Kelvin sign, strings.ToUpper an S of the
// long s: neither may become a second spelling.
func TestLettersThatFoldToASCIIAreRefused(t *testing.T) {
	text := vectors.Read(t, "testdata/accounts.txt")[0]["text"]
	for from, to := range map[string]string{"k": "\u212a", "s": "\u017f", "i": "\u0131"} {
		wrong := strings.ReplaceAll(text, from, to)
		if a, err := conversation.ParseAccount(wrong); err == nil && wrong != text {
			t.Errorf("%q was taken for %s", wrong, a)
		}
	}
	if _, err := conversation.ParseAccount(strings.Repeat("\n", 3) + text[:30] + "\n" + text[30:]); err == nil {
		t.Error("a line break inside was accepted")
	}
}

func TestAccountAsJSON(t *testing.T) {
	type doc struct{ Account conversation.Account }
	want := doc{newKey(t).Account()}
	text, err := json.Marshal(want)
	if err != nil || !strings.Contains(string(text), want.Account.String()) {
		t.Fatalf("%s, %v", text, err)
	}
	var got doc
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Fatalf("%v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"Account":""}`), &got); err != nil || !got.Account.IsZero() {
		t.Fatalf("empty text: %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"Account":"passeur:x"}`), &got); !errors.Is(err, conversation.ErrAccount) {
		t.Fatalf("wrong text: %v", err)
	}
	if (conversation.Account{}).String() != "" {
		t.Error("the zero account has a name")
	}
}

func TestPrintingAnAccountKeyShowsNoSecret(t *testing.T) {
	key := newKey(t)
	want := "key of " + key.Account().String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, key); got != want {
			t.Errorf("%s gives %q, want %q", verb, got, want)
		}
		if got := fmt.Sprintf(verb, conversation.AccountKey{}); got != "no account key" {
			t.Errorf("%s of the zero key gives %q", verb, got)
		}
	}
}

func TestLabelsKeepSignaturesApart(t *testing.T) {
	key := newKey(t)
	sig := key.Sign("one\x00", []byte("message"))
	if !key.Account().Verify("one\x00", []byte("message"), sig) {
		t.Fatal("the signature does not verify")
	}
	for _, c := range []struct{ label, message string }{
		{"two\x00", "message"}, {"one\x00", "massage"}, {"one\x00m", "essage "}, {"", "message"},
	} {
		if key.Account().Verify(c.label, []byte(c.message), sig) {
			t.Errorf("verified as %q ‖ %q", c.label, c.message)
		}
	}
	if key.Account().Verify("one\x00", []byte("message"), sig[:63]) || newKey(t).Account().Verify("one\x00", []byte("message"), sig) {
		t.Error("a cut signature or another account verified")
	}
}

func TestSeedsOfAnotherLengthAreRefused(t *testing.T) {
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := conversation.AccountKeyFromSeed(make([]byte, n)); err == nil {
			t.Errorf("a seed of %d bytes was taken", n)
		}
	}
	if _, err := conversation.NewAccountKey(strings.NewReader("too short")); err == nil {
		t.Error("a key was drawn from nine bytes")
	}
}

func FuzzParseAccount(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/accounts.txt") {
		f.Add(v["text"])
		f.Add(strings.ToUpper(v["text"]) + " ")
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := conversation.ParseAccount(text)
		if err != nil {
			if !errors.Is(err, conversation.ErrAccount) || !a.IsZero() {
				t.Fatalf("%v, %v", a, err)
			}
			return
		}
		if !strings.EqualFold(strings.TrimSpace(text), a.String()) {
			t.Fatalf("%q is a second spelling of %s", text, a)
		}
		if again, err := conversation.AccountFromKey(a[:]); err != nil || again != a {
			t.Fatalf("accepted a weak key: %v", err)
		}
	})
}

func newKey(t *testing.T) conversation.AccountKey {
	t.Helper()
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
