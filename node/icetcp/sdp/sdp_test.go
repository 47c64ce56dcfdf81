package sdp

import (
	"errors"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
)

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// TestSeed: the sample in the description of Jami's file transfer.
func TestSeed(t *testing.T) {
	d, err := Parse(read(t, "seed.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const prio = 2130706431
	want := &Description{
		Ufrag: "0d04b932",
		Pwd:   "7c33834e7cf944bf0e367b47",
		Candidates: []Candidate{
			{Foundation: "H6e6ca682", Priority: prio, Addr: addr("[2607:fad8:4:6:9eb6:d0ff:dead:c0de]:50693"), Type: Host, TCPType: Passive},
			{Foundation: "H6e6ca682", Priority: prio, Addr: addr("[2607:fad8:4:6:9eb6:d0ff:dead:c0de]:9"), Type: Host, TCPType: Active},
			{Foundation: "H42c1b577", Priority: prio, Addr: addr("[fe80::9eb6:d0ff:fee7:1412]:50693"), Type: Host, TCPType: Passive},
			{Foundation: "H42c1b577", Priority: prio, Addr: addr("[fe80::9eb6:d0ff:fee7:1412]:9"), Type: Host, TCPType: Active},
			{Foundation: "Hc0a8007e", Priority: prio, Addr: addr("192.168.0.123:42751"), Type: Host, TCPType: Passive},
			{Foundation: "Hc0a8007e", Priority: prio, Addr: addr("192.168.0.123:9"), Type: Host, TCPType: Active},
			// X.X.X.X, Z.Z.Z.Z:YYYY and A.A.A.A:YYYY stand for addresses and are skipped.
		},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	readable, _, _ := strings.Cut(read(t, "seed.txt"), "Sc0a8007e")
	if d.String() != readable {
		t.Errorf("printed again:\n%s\nwant:\n%s", d, readable)
	}
}

func ours() Description {
	v6, v4 := netip.MustParseAddr("2607:fad8:4:6:9eb6:d0ff:dead:c0de"), netip.MustParseAddr("192.168.0.123")
	relay := addr("192.0.2.1:49160")
	return Description{
		Ufrag: "1f0c9a77",
		Pwd:   "3b1d5c0e9f7a4c2b8d6e1a0f5c4b3a29",
		Candidates: []Candidate{
			{Foundation: "H6e6ca682", Priority: Priority(Host, 0), Addr: netip.AddrPortFrom(v6, 50693), Type: Host, TCPType: Passive},
			{Foundation: "H6e6ca682", Priority: Priority(Host, 0), Addr: netip.AddrPortFrom(v6, ActivePort), Type: Host, TCPType: Active},
			{Foundation: Foundation(Host, v4), Priority: Priority(Host, 1), Addr: netip.AddrPortFrom(v4, 50693), Type: Host, TCPType: Passive},
			{Foundation: Foundation(Host, v4), Priority: Priority(Host, 1), Addr: netip.AddrPortFrom(v4, ActivePort), Type: Host, TCPType: Active},
			{Foundation: Foundation(Srflx, v4), Priority: Priority(Srflx, 0), Addr: addr("203.0.113.7:50693"), Type: Srflx, TCPType: Passive},
			{Foundation: Foundation(Relay, relay.Addr()), Priority: Priority(Relay, 0), Addr: relay, Type: Relay, TCPType: Passive},
		},
		HandOff: true,
		Relays:  []netip.AddrPort{relay, addr("[2001:db8::1]:49161")},
	}
}

func TestOurs(t *testing.T) {
	d, golden := ours(), read(t, "ours.txt")
	if d.String() != golden {
		t.Errorf("printed:\n%s\nwant:\n%s", d, golden)
	}
	got, err := Parse(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, d) {
		t.Errorf("parsed %+v\nwant   %+v", *got, d)
	}
}

// TestOddLines: what is skipped, and the liberties that are taken.
func TestOddLines(t *testing.T) {
	d, err := Parse(read(t, "odd.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Description{
		Ufrag: "ufrag+/1",
		Pwd:   "0123456789abcdefghijkl",
		Candidates: []Candidate{
			{Foundation: "H1", Priority: 2130706431, Addr: addr("10.0.0.1:40001"), Type: Host, TCPType: Passive},
			{Foundation: "H2", Priority: 2130706430, Addr: addr("10.0.0.2:40002"), Type: Host, TCPType: SO},
			{Foundation: "S1", Priority: 1694498815, Addr: addr("203.0.113.1:40003"), Type: Srflx, TCPType: Passive},
			{Foundation: "S2", Priority: 1694498814, Addr: addr("203.0.113.2:40004"), Type: Srflx, TCPType: Passive},
			{Foundation: "H3", Priority: 2130706429, Addr: addr("10.0.0.3:40005"), Type: Host, TCPType: Passive},
		},
		HandOff: true,
		Relays:  []netip.AddrPort{addr("192.0.2.1:3478")},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
}

func TestCarriageReturns(t *testing.T) {
	d, err := Parse(strings.ReplaceAll(read(t, "ours.txt"), "\n", "\r\n"))
	if err != nil || !reflect.DeepEqual(*d, ours()) {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestFatal(t *testing.T) {
	const pwd = "7c33834e7cf944bf0e367b47"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"empty":           {"", 1},
		"short ufrag":     {"abc\n" + pwd, 1},
		"ufrag too long":  {strings.Repeat("a", 257) + "\n" + pwd, 1},
		"ufrag of two":    {"abcd efgh\n" + pwd, 1},
		"ufrag not ice":   {"abcd-\n" + pwd, 1},
		"NUL in ufrag":    {"abcd\x00\n" + pwd, 1},
		"not UTF-8":       {"abcd\xff\n" + pwd, 1},
		"no password":     {"abcdefgh", 2},
		"empty password":  {"abcdefgh\n\n" + pwd, 2},
		"short password":  {"abcdefgh\n" + pwd[:21], 2},
		"candidate first": {"H1 1 TCP 1 10.0.0.1 4000 typ host tcptype passive\nabcdefgh\n" + pwd, 1},
		"too large":       {"abcdefgh\n" + pwd + strings.Repeat("\n", MaxText), 0},
	} {
		d, err := Parse(c.text)
		var syntax *SyntaxError
		if d != nil || !errors.As(err, &syntax) || syntax.Line != c.line {
			t.Errorf("%s: got %+v, %v; want a SyntaxError about line %d", name, d, err, c.line)
		}
	}
}

func TestCaps(t *testing.T) {
	var b strings.Builder
	b.WriteString("abcd\n0123456789abcdefghijkl\n")
	for range 80 {
		b.WriteString("H 1 TCP 1 10.0.0.1 4000 typ host tcptype passive\n192.0.2.1:1\n")
	}
	d, err := Parse(b.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Candidates) != MaxCandidates || len(d.Relays) != MaxRelays {
		t.Errorf("kept %d candidates and %d relays", len(d.Candidates), len(d.Relays))
	}
}

func TestPriority(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		nth  int
		want uint32
	}{{Host, 0, 2130706431}, {Host, 1, 2130706175}, {Srflx, 0, 1694498815}, {Prflx, 0, 1862270975}, {Relay, 0, 16777215}, {Host, 1 << 20, 126<<24 + 255}} {
		if got := Priority(c.typ, c.nth); got != c.want {
			t.Errorf("Priority(%s, %d) = %d, want %d", c.typ, c.nth, got, c.want)
		}
	}
}

func TestFoundation(t *testing.T) {
	for _, c := range []struct {
		typ        Type
		base, want string
	}{
		{Host, "192.168.0.126", "Hc0a8007e"}, // the seed's
		{Srflx, "192.168.0.126", "Sc0a8007e"},
		{Host, "::ffff:192.168.0.126", "Hc0a8007e"},
		{Host, "10.0.0.1", "H0a000001"},
	} {
		if got := Foundation(c.typ, netip.MustParseAddr(c.base)); got != c.want {
			t.Errorf("Foundation(%s, %s) = %s, want %s", c.typ, c.base, got, c.want)
		}
	}
	a, b := Foundation(Host, netip.MustParseAddr("2001:db8::1")), Foundation(Host, netip.MustParseAddr("2001:db8::2"))
	if a == b || len(a) != 9 {
		t.Errorf("IPv6 foundations %s and %s", a, b)
	}
}

// TestMapped: the mark of a mapped address is read back by us and skipped by Jami.
func TestMapped(t *testing.T) {
	in := Candidate{
		Foundation: "Sc0a8007e", Priority: Priority(Srflx, 0), Addr: addr("203.0.113.7:42751"),
		Type: Srflx, TCPType: Passive, Mapped: true,
	}
	line := "Sc0a8007e 1 TCP 1694498815 203.0.113.7 42751 typ srflx tcptype passive via mapping"
	if in.String() != line {
		t.Errorf("written as %q", in)
	}
	d := Description{Ufrag: "0d04b932", Pwd: "7c33834e7cf944bf0e367b47", Candidates: []Candidate{in}}
	got, err := Parse(d.String())
	if err != nil || len(got.Candidates) != 1 || got.Candidates[0] != in {
		t.Errorf("read back as %+v, %v", got, err)
	}
	if _, _, jami := jamiParse(d.String()); len(jami) != 1 || jami[0] != asJami(d.Candidates)[0] {
		t.Errorf("Jami reads %+v", jami)
	}
	other, err := Parse("0d04b932\n7c33834e7cf944bf0e367b47\nH1 1 TCP 1 10.0.0.1 4000 typ host tcptype passive via mapping\n")
	if err != nil || len(other.Candidates) != 1 || other.Candidates[0].Mapped {
		t.Errorf("a host candidate is mapped: %+v, %v", other, err)
	}
}
