package turnrelay

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/pion/stun"
)

// vectors reads testdata/messages.txt: name, colon, hexadecimal digits; lines that
// begin with a space go on with the one before, # begins a comment.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	digits := make(map[string]string)
	var name string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if head, rest, ok := strings.Cut(line, ":"); ok {
			name, line = head, rest
		}
		digits[name] += strings.Join(strings.Fields(line), "")
	}
	all := make(map[string][]byte)
	for name, d := range digits {
		if all[name], err = hex.DecodeString(d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}

func decode(t testing.TB, raw []byte) *stun.Message {
	t.Helper()
	m, err := readMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func vectorServer(t testing.TB) *server {
	t.Helper()
	s, err := newServer(Server{URL: "turn:turn.example.org", Username: "user", Password: "pass word"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The client's requests become ours byte for byte.
func TestAmend(t *testing.T) {
	v, s := vectors(t), vectorServer(t)
	for _, f := range []family{ipv4, ipv6} {
		for _, kind := range []string{"anonymous", "signed"} {
			m := decode(t, v["client's "+kind+" allocate"])
			got, err := s.amend(m, m.TransactionID, stun.RawAttribute{
				Type: stun.AttrRequestedAddressFamily, Value: []byte{byte(f), 0, 0, 0}})
			if err != nil {
				t.Fatal(err)
			}
			if want := v[kind+" allocate "+f.String()]; !bytes.Equal(got.Raw, want) {
				t.Errorf("%s %s:\n got %x\nwant %x", kind, f, got.Raw, want)
			}
		}
	}
	m := decode(t, v["connectionbind"])
	got, err := s.amend(m, [12]byte([]byte("transaction2")), stun.RawAttribute{Type: stun.AttrNonce, Value: []byte("fresh")})
	if err != nil {
		t.Fatal(err)
	}
	if want := v["connectionbind fresh nonce"]; !bytes.Equal(got.Raw, want) {
		t.Errorf("bind:\n got %x\nwant %x", got.Raw, want)
	}
}

// The server's messages say what the vectors say.
func TestRead(t *testing.T) {
	v, s := vectors(t), vectorServer(t)
	m := decode(t, v["allocate success"])
	if a, err := address(m, stun.AttrXORRelayedAddress); err != nil || a != netip.MustParseAddrPort("[2001:db8::5]:49152") {
		t.Errorf("relayed %s, %v", a, err)
	}
	if d, err := lifetime(m); err != nil || d.Seconds() != 600 {
		t.Errorf("lifetime %s, %v", d, err)
	}
	if err := s.key("example.org").Check(m); err != nil {
		t.Error(err)
	}
	m = decode(t, v["connection attempt"])
	if a, err := address(m, stun.AttrXORPeerAddress); err != nil || a != netip.MustParseAddrPort("192.0.2.7:50000") {
		t.Errorf("peer %s, %v", a, err)
	}
	if id, err := number(m, stun.AttrConnectionID); err != nil || id != 0x01020304 {
		t.Errorf("connection %x, %v", id, err)
	}
	e := s.refusal("lend an IPv4 address", decode(t, v["quota reached"]))
	want := "TURN server turn:turn.example.org:3478?transport=tcp: lend an IPv4 address: too many allocations (486 Allocation Quota Reached)"
	if !errors.Is(e, ErrQuota) || !strings.HasPrefix(e.Error(), want) {
		t.Error(e)
	}
}

// What is no message, or a too long one, is refused before memory is spent on it.
func TestReadRefuses(t *testing.T) {
	ok := vectors(t)["connection attempt"]
	change := func(at int, b ...byte) []byte {
		raw := bytes.Clone(ok)
		copy(raw[at:], b)
		return raw
	}
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":            {nil, io.EOF},
		"half a header":      {ok[:10], io.ErrUnexpectedEOF},
		"half a body":        {ok[:30], io.ErrUnexpectedEOF},
		"only a header":      {ok[:20], io.ErrUnexpectedEOF},
		"channel data":       {change(0, 0x40), errNotSTUN},
		"no cookie":          {change(4, 0), errNotSTUN},
		"web server":         {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), errNotSTUN},
		"crooked length":     {change(2, 0, 23), errBad},
		"longest length":     {change(2, 0xff, 0xfc), errBad},
		"overflow":           {change(2, 0xff, 0xff), errBad},
		"attribute too long": {change(22, 0xff, 0xff), errBad},
	} {
		if m, err := readMessage(bytes.NewReader(c.raw)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, m, err, c.want)
		}
	}
}

// Addresses of odd sizes, on which the client would trip, are errors.
func TestAddressRefuses(t *testing.T) {
	for _, v := range [][]byte{nil, {0}, {0, 1}, {0, 1, 0, 0}, {0, 1, 0, 0, 1, 2, 3}, {0, 2, 0, 0, 1, 2, 3, 4}, {0, 3, 0, 0, 1, 2, 3, 4},
		append([]byte{0, 1}, make([]byte, 18)...), append([]byte{0, 2}, make([]byte, 19)...)} {
		m := new(stun.Message)
		m.WriteHeader()
		m.Add(stun.AttrXORPeerAddress, v)
		if a, err := address(m, stun.AttrXORPeerAddress); !errors.Is(err, errBad) {
			t.Errorf("%x: %s, %v", v, a, err)
		}
	}
	m := new(stun.Message)
	m.WriteHeader()
	mapped := stun.XORMappedAddress{IP: netip.MustParseAddr("::ffff:192.0.2.7").AsSlice(), Port: 7}
	raw := append([]byte{0, 2, 0, 0}, mapped.IP...)
	binary.BigEndian.PutUint16(raw[2:], 7^0x2112)
	for i, b := range append([]byte{0x21, 0x12, 0xa4, 0x42}, m.TransactionID[:]...) {
		raw[4+i] ^= b
	}
	m.Add(stun.AttrXORPeerAddress, raw)
	if a, err := address(m, stun.AttrXORPeerAddress); err != nil || a.String() != "192.0.2.7:7" {
		t.Errorf("mapped: %s, %v", a, err)
	}
}

// The server's words are shown, but not its control characters.
func TestHarmless(t *testing.T) {
	if got := harmless([]byte("Forbid\x1b[31mden\r\n\u202e" + strings.Repeat("x", 100))); strings.ContainsAny(got, "\x1b\r\n\u202e") || len(got) > 80 {
		t.Errorf("%q", got)
	}
}

// Nobody comes from these.
func TestScreen(t *testing.T) {
	var peers []netip.Addr
	for _, s := range strings.Fields(`0.0.0.0 0.1.2.3 127.0.0.1 127.8.9.1 169.254.169.254 224.0.0.251 239.1.2.3
		240.0.0.1 255.255.255.255 :: ::1 fe80::1 fe80::1%eth0 ff02::1 ff05::2 2001:db8::1%eth0
		::ffff:127.0.0.1 ::ffff:0.0.0.0 ::ffff:169.254.1.1 ::ffff:224.0.0.1`) {
		peers = append(peers, netip.MustParseAddr(s))
	}
	if good := screen(append(peers, netip.Addr{})); len(good) > 0 {
		t.Errorf("%v can be peers", good)
	}
	peers = nil
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1", "192.0.2.1"} {
		peers = append(peers, netip.MustParseAddr(s))
	}
	if good := screen(peers); len(good) != 4 {
		t.Errorf("%v can be peers, want 4", good)
	}
	ip := netip.MustParseAddr("10.0.0.1")
	for range 10000 {
		ip = ip.Next()
		peers = append(peers, ip)
	}
	if good := screen(peers); len(good) != maxPeersAtOnce {
		t.Errorf("%d of 10000 addresses count", len(good))
	}
}
