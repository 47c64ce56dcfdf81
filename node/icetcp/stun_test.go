package icetcp

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/stun"
)

var testID = [stun.TransactionIDSize]byte{'t', 'r', 'a', 'n', 's', 'a', 'c', 't', 'i', 'o', 'n', '1'}

// stunMessage makes the bytes of a message; attributes are type and value.
func stunMessage(typ uint16, attributes ...any) []byte {
	var body []byte
	for i := 0; i < len(attributes); i += 2 {
		value := attributes[i+1].([]byte)
		body = binary.BigEndian.AppendUint16(body, uint16(attributes[i].(int)))
		body = binary.BigEndian.AppendUint16(body, uint16(len(value)))
		body = append(body, value...)
		body = append(body, make([]byte, (4-len(value)%4)%4)...)
	}
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = binary.BigEndian.AppendUint32(b, 0x2112A442)
	return append(append(b, testID[:]...), body...)
}

// xored makes the value of an XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
func xored(family byte, ip []byte, port uint16) []byte {
	key := append([]byte{0x21, 0x12, 0xA4, 0x42}, testID[:]...)
	b := binary.BigEndian.AppendUint16([]byte{0, family}, port^0x2112)
	for i := range ip {
		b = append(b, ip[i]^key[i%len(key)])
	}
	return b
}

const (
	bindingSuccess = 0x0101
	xorMapped      = 0x0020
)

// TestParseBinding: answers of servers good and odd; "" is an error.
func TestParseBinding(t *testing.T) {
	v4, v6 := []byte{203, 0, 113, 9}, netip.MustParseAddr("2001:db8::9").AsSlice()
	good := stunMessage(bindingSuccess, xorMapped, xored(1, v4, 5555))
	otherID := bytes.Clone(good)
	otherID[10]++
	longer := bytes.Clone(good)
	longer[3] += 4
	for _, v := range []struct {
		what string
		raw  []byte
		want string
	}{
		{"IPv4", good, "203.0.113.9:5555"},
		{"IPv6", stunMessage(bindingSuccess, xorMapped, xored(2, v6, 5555)), "[2001:db8::9]:5555"},
		{"IPv4 in IPv6", stunMessage(bindingSuccess, xorMapped, xored(2, netip.MustParseAddr("::ffff:203.0.113.9").AsSlice(), 5555)), "203.0.113.9:5555"},
		{"unknown attributes", stunMessage(bindingSuccess, 0x8022, []byte("server"), xorMapped, xored(1, v4, 5555), 0x7fff, []byte{1}), "203.0.113.9:5555"},
		{"the first of two", stunMessage(bindingSuccess, xorMapped, xored(1, v4, 5555), xorMapped, xored(1, v4, 6666)), "203.0.113.9:5555"},
		{"none", stunMessage(bindingSuccess), ""},
		{"empty", stunMessage(bindingSuccess, xorMapped, []byte{}), ""},
		{"no address", stunMessage(bindingSuccess, xorMapped, []byte{0, 1, 1, 1}), ""},
		{"half an IPv4 address", stunMessage(bindingSuccess, xorMapped, xored(1, v4[:2], 5555)), ""},
		{"half an IPv6 address", stunMessage(bindingSuccess, xorMapped, xored(2, v6[:7], 5555)), ""},
		{"an IPv4 address that is said to be IPv6", stunMessage(bindingSuccess, xorMapped, xored(2, v4, 5555)), ""},
		{"an IPv6 address that is said to be IPv4", stunMessage(bindingSuccess, xorMapped, xored(1, v6, 5555)), ""},
		{"family 3", stunMessage(bindingSuccess, xorMapped, xored(3, v4, 5555)), ""},
		{"port 0", stunMessage(bindingSuccess, xorMapped, xored(1, v4, 0)), ""},
		{"unspecified", stunMessage(bindingSuccess, xorMapped, xored(1, make([]byte, 4), 5555)), ""},
		{"multicast", stunMessage(bindingSuccess, xorMapped, xored(1, []byte{224, 0, 0, 1}, 5555)), ""},
		{"1100 bytes", stunMessage(bindingSuccess, xorMapped, make([]byte, 1100)), ""},
		{"a request", stunMessage(0x0001, xorMapped, xored(1, v4, 5555)), ""},
		{"an error", stunMessage(0x0111, 9, []byte{0, 0, 4, 20}), ""},
		{"another transaction", otherID, ""},
		{"longer than it is", longer, ""},
		{"cut", good[:len(good)-1], ""},
		{"a header", good[:20], ""},
		{"nothing", nil, ""},
	} {
		got, err := parseBinding(v.raw, testID)
		if v.want == "" != (err != nil) || err == nil && got.String() != v.want {
			t.Errorf("%s: %s, %v; want %q", v.what, got, err, v.want)
		}
	}
}

// FuzzParseBinding: a server's bytes make an address, or an error.
func FuzzParseBinding(f *testing.F) {
	good := stunMessage(bindingSuccess, xorMapped, xored(1, []byte{203, 0, 113, 9}, 5555))
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(stunMessage(bindingSuccess, xorMapped, xored(2, netip.MustParseAddr("2001:db8::9").AsSlice(), 5555)))
	f.Add(stunMessage(bindingSuccess, xorMapped, []byte{0, 2, 1}))
	f.Add(stunMessage(0x0111, 9, []byte{0, 0, 4, 20}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		message, err := readSTUN(bytes.NewReader(raw))
		if err != nil {
			return
		}
		if len(message) > maxSTUN || !bytes.Equal(message, raw[:len(message)]) {
			t.Fatalf("read %x", message)
		}
		got, err := parseBinding(message, testID)
		if err == nil && (!got.IsValid() || got.Port() == 0 || got.Addr().Is4In6() || got.Addr().IsUnspecified()) {
			t.Errorf("%s of %x", got, raw)
		}
	})
}

// TestReadSTUN: a message of any length up to the limit, and not a byte more.
func TestReadSTUN(t *testing.T) {
	message := func(body int) []byte { return stunMessage(bindingSuccess, 0x8022, make([]byte, body-4)) }
	for _, v := range []struct {
		raw []byte
		ok  bool
	}{
		{message(8), true}, {message(maxSTUN - stunHeader), true},
		{message(maxSTUN - stunHeader + 4), false}, {message(60000), false},
		{message(8)[:27], false}, {message(8)[:7], false}, {nil, false},
	} {
		r := bytes.NewReader(append(slices.Clone(v.raw), 0xff))
		if !v.ok && len(v.raw) < 60 {
			r = bytes.NewReader(v.raw)
		}
		got, err := readSTUN(r)
		if v.ok != (err == nil) || v.ok && (!bytes.Equal(got, v.raw) || r.Len() != 1) {
			t.Errorf("%d bytes: read %d, %d left, %v", len(v.raw), len(got), r.Len(), err)
		}
	}
}

// TestResolve: what a person may have written.
func TestResolve(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:3478":         "192.0.2.1:3478",
		"[2001:db8::1]:3478":     "[2001:db8::1]:3478",
		"[::ffff:192.0.2.1]:443": "192.0.2.1:443",
		"192.0.2.1":              "missing port",
		"192.0.2.1:99999":        "port",
	} {
		got, err := resolveTCP(t.Context(), in)
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && (len(got) != 1 || got[0].String() != want) {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
	}
}

// stunServer is a STUN server on the loopback that shows everybody under the
// addresses it is told, in turn.
type stunServer struct {
	net.Listener
	seen  []netip.AddrPort
	conns chan net.Conn // each that was made
}

// newSTUNServer starts one; without addresses it tells the truth, and a nil server
// address is a free one.
func newSTUNServer(t testing.TB, at string, seen ...string) *stunServer {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := &stunServer{Listener: l, conns: make(chan net.Conn, 64)}
	for _, a := range seen {
		s.seen = append(s.seen, netip.MustParseAddrPort(a))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return s
}

func (s *stunServer) serve() {
	var open []net.Conn
	for n := 0; ; n++ {
		c, err := s.Accept()
		if err != nil {
			break
		}
		open = append(open, c)
		s.conns <- c
		seen := addrPort(c.RemoteAddr())
		if len(s.seen) > 0 {
			seen = s.seen[n%len(s.seen)]
		}
		go answerSTUN(c, seen)
	}
	for _, c := range open {
		c.Close()
	}
}

func answerSTUN(c net.Conn, seen netip.AddrPort) {
	for {
		raw, err := readSTUN(c)
		if err != nil {
			return
		}
		request := &stun.Message{Raw: raw}
		if request.Decode() != nil {
			return
		}
		answer, err := stun.Build(request, stun.BindingSuccess,
			&stun.XORMappedAddress{IP: seen.Addr().AsSlice(), Port: int(seen.Port())})
		if err != nil {
			return
		}
		c.Write(answer.Raw)
	}
}
