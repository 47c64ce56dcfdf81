package sdp

import (
	"reflect"
	"testing"
)

// FuzzParse: whatever parses is within the caps, prints, and parses again as the
// same; what the policy lets through is nowhere it must not be.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"seed.txt", "ours.txt", "odd.txt"} {
		f.Add(read(f, name))
	}
	f.Add("abcd\n0123456789abcdefghijkl\nH 1 TCP 1 ::ffff:127.0.0.1 4000 typ host tcptype so\n[::]:1")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if len(d.Candidates) > MaxCandidates || len(d.Relays) > MaxRelays {
			t.Fatal("over a cap")
		}
		if again, err := Parse(d.String()); len(d.String()) <= MaxText && (err != nil || !reflect.DeepEqual(d, again)) {
			t.Fatalf("%+v\nis printed and parsed as\n%+v, %v", d, again, err)
		}
		dial := (Policy{}).Dialable(d.Candidates)
		if len(dial) > MaxHost+MaxReflexive+MaxRelayed {
			t.Fatal("too many to dial")
		}
		for _, c := range dial {
			ip := c.Addr.Addr()
			if !ip.IsGlobalUnicast() || ip.Is4In6() || c.Addr.Port() < 443 || c.TCPType == Active {
				t.Fatalf("would dial %v", c)
			}
		}
	})
}

// FuzzJami: a reader of the seed's form gets the same candidates from what we print.
func FuzzJami(f *testing.F) {
	for _, name := range []string{"seed.txt", "ours.txt", "odd.txt"} {
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		for _, c := range d.Candidates {
			if len(c.Foundation) > 31 {
				return // RFC 8839 allows one character more than Jami's buffer
			}
		}
		ufrag, pwd, cs := jamiParse(d.String())
		if ufrag != d.Ufrag || pwd != d.Pwd || !reflect.DeepEqual(cs, asJami(d.Candidates)) {
			t.Fatalf("Jami's reader got %+v\nfrom %s", cs, d)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(read(f, "request.json")))
	f.Add([]byte(read(f, "refusal.json")))
	f.Add([]byte(`{"id":1,"protocol":16777219,"addresses":[],"x":{"y":[null]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			return
		}
		m.Description() // must not panic
		out, err := m.Marshal()
		if err != nil {
			return // escapes made it longer than it came
		}
		again, err := ParseMessage(out)
		if err != nil || again.ID != m.ID || again.Kind != m.Kind || again.Refusal != m.Refusal || len(again.Addresses) != len(m.Addresses) {
			t.Fatalf("%+v\nis printed and parsed as\n%+v, %v", m, again, err)
		}
	})
}
