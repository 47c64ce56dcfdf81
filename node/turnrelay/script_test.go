package turnrelay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun"
)

// script is a TURN server on the loopback that says what a test wants it to say.
type script struct {
	l      net.Listener
	answer func(request *stun.Message) []byte // nil: none

	mu       sync.Mutex
	requests []*stun.Message
	conns    []net.Conn
}

func newScript(t testing.TB, answer func(*stun.Message) []byte) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{l: l, answer: answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	})
	return s
}

func (s *script) serve(c net.Conn) {
	defer c.Close()
	for {
		m, err := readMessage(c)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, m)
		s.mu.Unlock()
		if a := s.answer(m); a != nil {
			c.Write(a)
		}
	}
}

// heard gives the requests of a method so far.
func (s *script) heard(m stun.Method) (of []*stun.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.Type.Method == m {
			of = append(of, r)
		}
	}
	return of
}

func (s *script) config() Config {
	return Config{
		Servers: []Server{{URL: "turn:" + s.l.Addr().String(), Username: "user", Password: "pass word"}},
		Timeout: 5 * time.Second,
	}
}

func attribute(t stun.AttrType, v ...byte) stun.RawAttribute {
	return stun.RawAttribute{Type: t, Value: v}
}

// reply makes an answer to a request, signed if it succeeds.
func reply(request *stun.Message, class stun.MessageClass, attrs ...stun.RawAttribute) []byte {
	m := new(stun.Message)
	m.TransactionID = request.TransactionID
	m.Type = stun.NewType(request.Type.Method, class)
	m.WriteHeader()
	for _, a := range attrs {
		m.Add(a.Type, a.Value)
	}
	if class == stun.ClassSuccessResponse {
		stun.NewLongTermIntegrity("user", "example.org", "pass word").AddTo(m)
	}
	return m.Raw
}

func refuse(request *stun.Message, code byte) []byte {
	return reply(request, stun.ClassErrorResponse, attribute(stun.AttrErrorCode, 0, 0, code/100, code%100))
}

func challenge(request *stun.Message) []byte {
	return reply(request, stun.ClassErrorResponse,
		attribute(stun.AttrErrorCode, 0, 0, 4, 1),
		attribute(stun.AttrRealm, []byte("example.org")...),
		attribute(stun.AttrNonce, []byte("nonce")...))
}

// wellBehaved answers as it should, and lends 192.0.2.9 and 2001:db8::9, port 1000.
func wellBehaved(request *stun.Message) []byte {
	switch request.Type.Method {
	case stun.MethodAllocate:
		if !request.Contains(stun.AttrMessageIntegrity) {
			return challenge(request)
		}
		return reply(request, stun.ClassSuccessResponse, lent(request), attribute(stun.AttrLifetime, 0, 0, 2, 88))
	case stun.MethodRefresh:
		return reply(request, stun.ClassSuccessResponse, attribute(stun.AttrLifetime, 0, 0, 2, 88))
	default:
		return reply(request, stun.ClassSuccessResponse)
	}
}

// lent is an address of the family that a request asks for.
func lent(request *stun.Message) stun.RawAttribute {
	a := netip.MustParseAddr("192.0.2.9")
	if v, _ := request.Get(stun.AttrRequestedAddressFamily); len(v) == 4 && v[0] == byte(ipv6) {
		a = netip.MustParseAddr("2001:db8::9")
	}
	m := &stun.Message{TransactionID: request.TransactionID}
	m.WriteHeader()
	x := stun.XORMappedAddress{IP: a.AsSlice(), Port: 1000}
	x.AddToAs(m, stun.AttrXORRelayedAddress)
	return m.Attributes[0]
}

// What goes over the wire in the life of an allocation is what the vectors say, but
// for the transaction identifiers.
func TestWire(t *testing.T) {
	s := newScript(t, wellBehaved)
	r, err := New(s.config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	addrs, _, err := r.Borrow(ctx)
	if err != nil || len(addrs) != 2 {
		t.Fatal(addrs, err)
	}
	if err := r.Permit(ctx, []netip.Addr{netip.MustParseAddr("192.0.2.7")}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	v := vectors(t)
	for method, names := range map[stun.Method][]string{
		stun.MethodAllocate:         {"anonymous allocate IPv4", "anonymous allocate IPv6", "signed allocate IPv4", "signed allocate IPv6"},
		stun.MethodCreatePermission: {"permission"},
		stun.MethodRefresh:          {"last refresh"},
	} {
		for _, m := range s.heard(method) {
			same, err := r.slots[0].amend(m, [12]byte([]byte("transaction1")))
			if err != nil {
				t.Fatal(err)
			}
			var found bool
			for _, name := range names {
				found = found || bytes.Equal(same.Raw, v[name])
			}
			if !found {
				t.Errorf("%s: %x is none of %v", method, same.Raw, names)
			}
		}
		if n := len(s.heard(method)); n < len(names) {
			t.Errorf("%d requests %s, want %d", n, method, len(names))
		}
	}
}

// A server that breaks the rules gets an error, and nothing else breaks.
func TestHostile(t *testing.T) {
	signed := func(attrs ...func(*stun.Message) stun.RawAttribute) func(*stun.Message) []byte {
		return func(request *stun.Message) []byte {
			if !request.Contains(stun.AttrMessageIntegrity) {
				return challenge(request)
			}
			var as []stun.RawAttribute
			for _, a := range attrs {
				as = append(as, a(request))
			}
			return reply(request, stun.ClassSuccessResponse, as...)
		}
	}
	is := func(a stun.RawAttribute) func(*stun.Message) stun.RawAttribute {
		return func(*stun.Message) stun.RawAttribute { return a }
	}
	hour := is(attribute(stun.AttrLifetime, 0, 0, 14, 16))
	relayed := func(v ...byte) func(*stun.Message) stun.RawAttribute {
		return is(attribute(stun.AttrXORRelayedAddress, v...))
	}
	mask := []byte{0x21, 0x12, 0xa4, 0x42}
	for name, c := range map[string]struct {
		answer func(*stun.Message) []byte
		want   string
	}{
		"no credentials": {func(r *stun.Message) []byte { return reply(r, stun.ClassSuccessResponse, lent(r)) }, "asks for no credentials"},
		"unknown code": {func(r *stun.Message) []byte {
			if !r.Contains(stun.AttrMessageIntegrity) {
				return challenge(r)
			}
			return refuse(r, 200)
		}, "(200)"},
		"forged": {func(r *stun.Message) []byte {
			if !r.Contains(stun.AttrMessageIntegrity) {
				return challenge(r)
			}
			raw := reply(r, stun.ClassSuccessResponse, lent(r), hour(r))
			raw[len(raw)-1]++
			return raw
		}, "forges"},
		"no address":    {signed(hour), "malformed"},
		"empty address": {signed(relayed(), hour), "malformed"},
		"short address": {signed(relayed(0), hour), "malformed"},
		"odd family":    {signed(relayed(0, 9, 1, 2, 3, 4, 5, 6), hour), "malformed"},
		"unspecified":   {signed(relayed(append([]byte{0, 1, 1, 1}, mask...)...), hour), "nobody can connect"},
		"other family": {func(r *stun.Message) []byte {
			other := *r
			other.Attributes = nil // as if none had been asked for
			if v, _ := r.Get(stun.AttrRequestedAddressFamily); len(v) > 0 && v[0] == byte(ipv4) {
				other.Add(stun.AttrRequestedAddressFamily, []byte{byte(ipv6), 0, 0, 0})
			}
			return signed(func(*stun.Message) stun.RawAttribute { return lent(&other) }, hour)(r)
		}, "no addresses of that family"},
		"no lifetime":    {signed(lent), "malformed"},
		"no time":        {signed(lent, is(attribute(stun.AttrLifetime, 0, 0, 0, 0))), "for 0s only"},
		"short lifetime": {signed(lent, is(attribute(stun.AttrLifetime, 0))), "malformed"},
		"request":        {func(r *stun.Message) []byte { return reply(r, stun.ClassRequest) }, "malformed"},
		"no nonce":       {func(r *stun.Message) []byte { return refuse(r, 101) }, "refuses"},
		"no error code":  {func(r *stun.Message) []byte { return reply(r, stun.ClassErrorResponse) }, "refuses"},
		"always stale": {func(r *stun.Message) []byte {
			if !r.Contains(stun.AttrMessageIntegrity) {
				return challenge(r)
			}
			return reply(r, stun.ClassErrorResponse, attribute(stun.AttrErrorCode, 0, 0, 4, 38), attribute(stun.AttrNonce, 'n'))
		}, "nonces do not last"},
		"elsewhere": {func(r *stun.Message) []byte {
			return reply(r, stun.ClassErrorResponse, attribute(stun.AttrErrorCode, 0, 0, 3, 0))
		},
			"another one"},
		"huge": {func(*stun.Message) []byte { return []byte("\x01\x03\xff\xfc\x21\x12\xa4\x42transaction1") }, "malformed"},
		"attempt at once": {func(r *stun.Message) []byte {
			m := stun.MustBuild(stun.NewType(stun.MethodConnectionAttempt, stun.ClassIndication))
			m.Add(stun.AttrXORPeerAddress, []byte{0})
			m.WriteLength()
			return m.Raw
		}, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, c.answer)
			r, err := New(s.config())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			addrs, _, err := r.Borrow(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("lent %v, %v; want %q", addrs, err, c.want)
			}
			if se := (*ServerError)(nil); !errors.As(err, &se) {
				t.Errorf("%v names no server", err)
			}
		})
	}
}

// A server that announces connections of peers that nobody permitted, or connections
// that are none, costs nothing.
func TestUninvited(t *testing.T) {
	attempt := vectors(t)["connection attempt"]
	s := newScript(t, func(request *stun.Message) []byte {
		switch request.Type.Method {
		case stun.MethodCreatePermission:
			return append(bytes.Repeat(attempt, 100), wellBehaved(request)...)
		case stun.MethodConnectionBind:
			return refuse(request, 44) // no such code
		default:
			return wellBehaved(request)
		}
	})
	r, err := New(s.config())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.HandleConns(func(c net.Conn, _ string) { t.Error("a connection came"); c.Close() })
	if _, _, err := r.Borrow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Permit(t.Context(), []netip.Addr{netip.MustParseAddr("198.51.100.7")}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.heard(stun.MethodConnectionBind)); n > 0 {
		t.Errorf("%d connections of a stranger taken", n)
	}
	if err := r.Permit(t.Context(), []netip.Addr{netip.MustParseAddr("192.0.2.7")}); err != nil {
		t.Fatal(err)
	}
	// at most maxPending at a time are tried, all are given up, and none counts
	for end := time.Now().Add(20 * time.Second); r.Servers()[0].Conns > 0; {
		if time.Now().After(end) {
			t.Fatal("connections hang")
		}
	}
}

// Permissions are bounded, and forgotten with their context.
func TestPermits(t *testing.T) {
	s := newScript(t, wellBehaved)
	cfg := s.config()
	cfg.MaxPeers = 3
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	peers := func(s ...string) (ips []netip.Addr) {
		for _, a := range s {
			ips = append(ips, netip.MustParseAddr(a))
		}
		return ips
	}
	if err := r.Permit(t.Context(), peers("192.0.2.1")); !errors.Is(err, ErrNoAllocation) {
		t.Error(err)
	}
	if _, _, err := r.Borrow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Permit(t.Context(), peers("127.0.0.1", "::1")); !errors.Is(err, ErrNoPeers) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 { // the same count once
		if err := r.Permit(ctx, peers("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Permit(ctx, peers("192.0.2.2", "192.0.2.3")); !errors.Is(err, ErrTooManyPeers) {
		t.Error(err)
	}
	if err := r.Permit(t.Context(), peers("192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := r.Permit(ctx, peers("192.0.2.1")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for end := time.Now().Add(20 * time.Second); ; {
		if held := append(r.permitted(ipv4), r.permitted(ipv6)...); len(held) == 1 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%v are permitted still", held)
		}
	}
}

func TestConfig(t *testing.T) {
	server := Server{URL: "turn:turn.example.org", Username: "user"}
	for want, cfg := range map[string]Config{
		"at most 8":                        {Servers: make([]Server, 9)},
		"Config.Timeout":                   {Timeout: -1},
		"Config.Linger":                    {Linger: -1},
		"PermissionInterval":               {PermissionInterval: -1},
		"Config.MaxPeers":                  {MaxPeers: -1},
		"Config.MaxConns":                  {MaxConns: -1},
		"Servers[1]: TURN server \"\"":     {Servers: []Server{server, {}}},
		"user name is missing":             {Servers: []Server{{URL: "turn:turn.example.org"}}},
		"user name is longer":              {Servers: []Server{{URL: "turn:h", Username: strings.Repeat("u", 509)}}},
		"transport=udp: files are relayed": {Servers: []Server{{URL: "turn:h?transport=udp", Username: "user"}}},
	} {
		if r, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", r, err, want)
		}
	}
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, release, err := r.Borrow(t.Context()); !errors.Is(err, ErrNoServers) {
		t.Error(err)
	} else {
		release()
	}
	if err := r.Permit(t.Context(), []netip.Addr{netip.MustParseAddr("192.0.2.1")}); !errors.Is(err, ErrNoAllocation) {
		t.Error(err)
	}
	if st := r.Servers(); len(st) != 0 {
		t.Error(st)
	}
}

// Whatever a server answers, nothing panics or hangs. The bytes are the answers,
// each with a length before it; a zero in place of the transaction identifier stands
// for that of the request, so that it gets through to the client.
func FuzzServer(f *testing.F) {
	chunk := func(raw []byte) []byte {
		raw = bytes.Clone(raw)
		clear(raw[8:20])
		return append([]byte{byte(len(raw))}, raw...)
	}
	v := vectors(f)
	blank := new(stun.Message)
	blank.Type = stun.NewType(stun.MethodAllocate, stun.ClassRequest)
	granted := reply(blank, stun.ClassSuccessResponse,
		attribute(stun.AttrXORRelayedAddress, append([]byte{0, 2, 1, 1, 1, 0x13, 0xa9, 0xfa}, make([]byte, 12)...)...),
		attribute(stun.AttrLifetime, 0, 0, 2, 88))
	blank.Type.Method = stun.MethodCreatePermission
	f.Add(append(append(chunk(v["challenge"]), chunk(granted)...), chunk(reply(blank, stun.ClassSuccessResponse))...))
	f.Add(append(chunk(v["challenge"]), chunk(v["quota reached"])...))
	f.Add(append(chunk(v["challenge"]), chunk(v["connection attempt"])...))
	f.Add([]byte("\x05hello"))
	f.Fuzz(func(t *testing.T, answers []byte) {
		synctest.Test(t, func(t *testing.T) { allocateFrom(t, answers) })
	})
}

// allocateFrom asks a server that gives these answers for an allocation.
func allocateFrom(t *testing.T, answers []byte) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		playBack(far, answers)
	}()
	slot := &slot{server: &server{user: "user", pass: "pass word"}, family: ipv6}
	a, err := newAllocation(near, slot, func(*allocation, netip.AddrPort) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	a.wg.Go(a.read)
	if a.ask() == nil {
		a.permit([]netip.Addr{netip.MustParseAddr("2001:db8::7")})
	}
	a.die(io.EOF)
	a.release()
	if d := time.Since(begin); d > 5*time.Minute {
		t.Errorf("it took %s", d)
	}
}

// playBack answers each request with the next of the answers.
func playBack(c net.Conn, answers []byte) {
	for len(answers) > 0 {
		request, err := readMessage(c)
		if err != nil {
			return
		}
		n := min(int(answers[0]), len(answers)-1)
		a := bytes.Clone(answers[1 : 1+n])
		answers = answers[1+n:]
		if len(a) >= headerSize && bytes.Equal(a[8:20], make([]byte, 12)) {
			copy(a[8:20], request.TransactionID[:])
			resign(a)
		}
		if _, err := c.Write(a); err != nil {
			return
		}
	}
}

// resign makes the signature of a message fit, if it ends with one.
func resign(raw []byte) {
	at := len(raw) - 24
	if at < headerSize || !bytes.Equal(raw[at:at+4], []byte{0, 8, 0, 20}) {
		return
	}
	m := &stun.Message{Raw: bytes.Clone(raw[:at])}
	m.Length = uint32(at - headerSize)
	if stun.NewLongTermIntegrity("user", "example.org", "pass word").AddTo(m) == nil {
		copy(raw, m.Raw)
	}
}
