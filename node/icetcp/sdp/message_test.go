package sdp

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestMessageGolden(t *testing.T) {
	d := Description{
		Ufrag:      "0d04b932",
		Pwd:        "7c33834e7cf944bf0e367b47",
		Candidates: []Candidate{{Foundation: "Hc0a8007b", Priority: 2130706431, Addr: addr("192.168.0.123:42751"), Type: Host, TCPType: Passive}},
		HandOff:    true,
		Relays:     []netip.AddrPort{addr("192.0.2.1:49160")},
	}
	for file, m := range map[string]Message{
		"request.json": NewMessage(7, Request, d),
		"refusal.json": NewRefusal(MaxID, "busy"),
	} {
		golden := strings.TrimSuffix(read(t, file), "\n")
		if b, err := m.Marshal(); err != nil || string(b) != golden {
			t.Errorf("%s: printed %s, %v", file, b, err)
		}
		got, err := ParseMessage([]byte(golden))
		if err != nil || !reflect.DeepEqual(*got, m) {
			t.Errorf("%s: parsed %+v, %v", file, got, err)
		}
	}
	if got, err := NewMessage(7, Request, d).Description(); err != nil || !reflect.DeepEqual(*got, d) {
		t.Errorf("description %+v, %v", got, err)
	}
}

func TestMessageKinds(t *testing.T) {
	m, err := ParseMessage([]byte(`{"new":{"id":[3]},"id":1,"protocol":16777219,"addresses":[]}`))
	if err != nil || !m.Refused() {
		t.Errorf("got %+v, %v; want a refusal", m, err)
	}
	if _, err := m.Description(); err == nil {
		t.Error("a refusal has a description")
	}
	m, err = ParseMessage([]byte(`{"id":1,"protocol":16777219,"addresses":["x"]}`))
	if err != nil || m.Refused() {
		t.Errorf("got %+v, %v; want an answer", m, err)
	}
	if _, err := m.Description(); err == nil {
		t.Error("x is a description")
	}
}

func TestMessageRefused(t *testing.T) {
	for _, s := range []string{
		``, `null`, `7`, `[]`, `{`, `{"id":1`, `{"id"}`,
		`{"protocol":16777218,"addresses":["x"]}`,
		`{"id":0,"protocol":16777218,"addresses":["x"]}`,
		`{"id":-1,"protocol":16777218,"addresses":["x"]}`,
		`{"id":1.5,"protocol":16777218,"addresses":["x"]}`,
		`{"id":1e300,"protocol":16777218,"addresses":["x"]}`,
		`{"id":"1","protocol":16777218,"addresses":["x"]}`,
		`{"ID":1,"protocol":16777218,"addresses":["x"]}`,
		`{"id":9007199254740993,"protocol":16777218,"addresses":["x"]}`,
		`{"id":1,"id":2,"protocol":16777218,"addresses":["x"]}`,
		`{"id":1,"id":1,"protocol":16777218,"addresses":["x"]}`,
		`{"id":1,"protocol":16777220,"addresses":["x"]}`,
		`{"id":1,"protocol":16777218}`,
		`{"id":1,"protocol":16777218,"addresses":[]}`,
		`{"id":1,"protocol":16777218,"addresses":"x"}`,
		`{"id":1,"protocol":16777218,"addresses":["x"],"refusal":"busy"}`,
		`{"id":1,"protocol":16777219,"addresses":["x"],"refusal":"busy"}`,
		`{"id":1,"protocol":16777219,"refusal":"bell \u0007"}`,
		`{"id":1,"protocol":16777219,"refusal":"` + strings.Repeat("x", MaxReason+1) + `"}`,
		`{"id":1,"protocol":16777218,"addresses":["x"` + strings.Repeat(`,"y"`, maxAddresses) + `]}`,
		`{"id":1,"protocol":16777218,"addresses":["x"]} {}`,
		`{"id":1,"protocol":16777218,"addresses":["x"]}x`,
		`{"id":1,"protocol":16777218,"addresses":["x"],"a":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}` + strings.Repeat(" ", MaxMessage),
		fmt.Sprintf(`{"id":1,"protocol":16777218,"addresses":["%s"]}`, strings.Repeat("x", MaxText+1)),
	} {
		if m, err := ParseMessage([]byte(s)); err == nil {
			t.Errorf("%.80s: parsed as %+v", s, m)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, m := range []Message{
		{},
		{ID: 1, Kind: Request},
		{ID: MaxID + 1, Kind: Answer},
		NewRefusal(1, "\x1b[2J"),
		{ID: 1, Kind: Request, Addresses: []string{strings.Repeat("\n", MaxText)}}, // two bytes each in JSON
	} {
		if b, err := m.Marshal(); err == nil {
			t.Errorf("%+v: printed as %s", m, b)
		}
	}
}
