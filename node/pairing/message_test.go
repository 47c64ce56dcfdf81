package pairing

import (
	"bytes"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/test/vectors"
)

func TestMessagesHaveOneSizeEach(t *testing.T) {
	c := NewCode(Link)
	r := newRun(t, c, c)
	for i, raw := range append(r.messages(), over{r.hello.session}.append(nil)) {
		mustParse(t, raw)
		for name, bad := range map[string][]byte{
			"a byte more":     append(bytes.Clone(raw), 0),
			"a byte less":     raw[:len(raw)-1],
			"version 0":       append([]byte{0}, raw[1:]...),
			"version 2":       append([]byte{2}, raw[1:]...),
			"an unknown kind": append([]byte{1, 6}, raw[2:]...),
			"the next kind":   append([]byte{1, byte(i + 2)}, raw[2:]...),
		} {
			if m, err := parseMessage(bad); !errors.Is(err, errMessage) {
				t.Errorf("message %d with %s: %T, %v", i, name, m, err)
			}
		}
	}
}

func TestPartiesAreReadAsTheyWereWritten(t *testing.T) {
	full := newParty(t, strings.Repeat("ö", MaxName/2))
	full.Addrs = nil
	for range MaxAddrs {
		full.Addrs = append(full.Addrs, full.address(t, 80))
	}
	device := newParty(t, "")
	device.Account, device.Addrs = [32]byte{}, nil
	for name, p := range map[string]Party{"usual": newParty(t, "Zoë"), "full": full, "no account yet": device} {
		raw, err := p.marshal()
		if err != nil || len(raw) != partySize {
			t.Fatalf("%s: %d bytes, %v", name, len(raw), err)
		}
		if got, err := parseParty(raw); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// address gives a multiaddr of about n bytes.
func (p Party) address(t testing.TB, n int) ma.Multiaddr {
	var b [8]byte
	rand.Read(b[:])
	name := strings.Repeat("x", n-16) + strings.Map(func(r rune) rune { return 'a' + r%26 }, string(b[:2]))
	return ma.StringCast("/dns4/" + name + "/tcp/4001")
}

// Addresses that do not fit are left out, the rest is told.
func TestPartyTellsTheAddressesThatFit(t *testing.T) {
	p := newParty(t, "a")
	usual := p.Addrs
	for range 3 * MaxAddrs {
		p.Addrs = append(p.Addrs, p.address(t, 240))
	}
	p.Addrs = append([]ma.Multiaddr{p.address(t, 300)}, p.Addrs...)
	raw, err := p.marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseParty(raw)
	if err != nil || len(got.Addrs) < 5 || len(got.Addrs) > MaxAddrs || !got.Addrs[0].Equal(usual[0]) || !got.Addrs[1].Equal(usual[1]) {
		t.Errorf("%v, %v", got.Addrs, err)
	}
}

func TestBadPartiesAreRefused(t *testing.T) {
	good, err := newParty(t, "name").marshal()
	if err != nil {
		t.Fatal(err)
	}
	const name, count = 64, 69 // offsets: the name's length, and the addresses' number
	for what, change := range map[string]func(b []byte) []byte{
		"a byte less":             func(b []byte) []byte { return b[:len(b)-1] },
		"a byte more":             func(b []byte) []byte { return append(b, 0) },
		"nothing":                 func([]byte) []byte { return nil },
		"no device":               func(b []byte) []byte { clear(b[:32]); return b },
		"a small-order device":    func(b []byte) []byte { clear(b[:32]); b[0] = 1; return b },
		"a small-order account":   func(b []byte) []byte { clear(b[32:64]); b[32] = 1; return b },
		"a name that is no UTF-8": func(b []byte) []byte { b[name+1] = 0xff; return b },
		"a name over the limit":   func(b []byte) []byte { b[name] = MaxName + 1; return b },
		"17 addresses":            func(b []byte) []byte { b[count] = MaxAddrs + 1; return b },
		"an address of nothing":   func(b []byte) []byte { b[count] = 3; return b },
		"padding":                 func(b []byte) []byte { b[len(b)-1] = 1; return b },
	} {
		if p, err := parseParty(change(bytes.Clone(good))); !errors.Is(err, errParty) {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	// Protocols to come are left out.
	unknown := bytes.Clone(good)
	unknown[count+2] = 0x7f
	if p, err := parseParty(unknown); err != nil || len(p.Addrs) != 1 {
		t.Errorf("an address of an unknown protocol: %+v, %v", p, err)
	}
}

// FuzzMessage: what is read is written back as it was, and both sides of an exchange
// take anything that is read without panicking, or believing it.
func FuzzMessage(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/exchange.txt") {
		for _, name := range []string{"hello", "answer", "proof", "welcome"} {
			f.Add(v.Hex(f, name))
		}
	}
	f.Add(over{}.append(nil))
	c := NewCode(Contact)
	ty, err := startTyping(Contact, c.words, inboxKey{})
	if err != nil {
		f.Fatal(err)
	}
	_, keys, err := answerTo(Contact, c.words, ty.hello, inboxKey{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseMessage(raw)
		if err != nil {
			if !errors.Is(err, errMessage) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if again := m.append(nil); !bytes.Equal(again, raw) {
			t.Fatalf("%x became %x", raw, again)
		}
		switch m := m.(type) {
		case hello:
			if _, _, err := answerTo(Contact, c.words, m, inboxKey{}); err != nil {
				t.Fatalf("a hello that was taken for good: %v", err)
			}
		case answer:
			if _, err := ty.finish(m); !errors.Is(err, ErrWrongCode) {
				t.Fatalf("an answer out of nowhere: %v", err)
			}
		case proof:
			if _, err := keys.openProof(m); !errors.Is(err, ErrWrongCode) {
				t.Fatalf("a proof out of nowhere: %v", err)
			}
		case welcome:
			if _, err := openParty(keys.showSeal, m.party); !errors.Is(err, errParty) {
				t.Fatalf("a welcome out of nowhere: %v", err)
			}
		}
	})
}

// FuzzParty: a party that somebody with the right code wrote, however odd, is refused,
// or reads the same when it is written again.
func FuzzParty(f *testing.F) {
	for n := range byte(3) {
		raw, err := fixedParty(f, n+1).marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(raw, "\x00"))
	}
	f.Fuzz(func(t *testing.T, start []byte) {
		raw := make([]byte, partySize)
		copy(raw, start)
		p, err := parseParty(raw)
		if err != nil {
			if !errors.Is(err, errParty) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		again, err := p.marshal()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", p, err)
		}
		if q, err := parseParty(again); err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v became %+v, %v", p, q, err)
		}
	})
}
