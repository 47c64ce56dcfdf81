package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend answers with what a test puts in and remembers what it was asked.
type backend struct {
	Backend
	contacts  []node.Contact
	transfers []node.Transfer
	err       error
	asked     []string
	events    chan node.Event

	devices       []node.Device
	pairings      []node.Pairing
	conversations []node.Conversation
	messages      []node.Message
	held          []node.HeldFile
	export        []string
}

func (b *backend) ask(format string, args ...any) error {
	b.asked = append(b.asked, fmt.Sprintf(format, args...))
	return b.err
}

func (b *backend) Identity() node.Identity {
	return node.Identity{Account: account(1), Device: device, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/4001/p2p/" + device.String())}}
}
func (b *backend) Contacts() []node.Contact { return b.contacts }
func (b *backend) AddContact(_ context.Context, a conversation.Account, name string) (node.Contact, error) {
	return node.Contact{Account: a, Name: name, State: node.Requested}, b.ask("add %s %s", a, name)
}
func (b *backend) AcceptContact(_ context.Context, a conversation.Account, name string) (node.Contact, error) {
	return node.Contact{Account: a, Name: name, State: node.Accepted}, b.ask("accept %s %s", a, name)
}
func (b *backend) RemoveContact(_ context.Context, a conversation.Account) error {
	return b.ask("remove %s", a)
}
func (b *backend) VerifyContact(_ context.Context, who string, verified bool) (node.Contact, error) {
	return node.Contact{Account: account(2), Name: "bob", State: node.Accepted, Verified: node.VerifiedInPerson}, b.ask("verify %s %v", who, verified)
}
func (b *backend) SendFiles(_ context.Context, paths []string, contact string) (node.Transfer, error) {
	return node.Transfer{ID: id, Direction: node.Incoming, State: filexfer.Created}, b.ask("send %s %s", strings.Join(paths, " "), contact)
}
func (b *backend) Accept(_ context.Context, id, path string, _ ...string) (node.Transfer, error) {
	return node.Transfer{ID: id, Direction: node.Incoming, State: filexfer.Ongoing}, b.ask("accept %s %s", id, path)
}
func (b *backend) Refuse(_ context.Context, id string) (node.Transfer, error) {
	return node.Transfer{ID: id, Direction: node.Incoming, State: filexfer.ClosedByHost}, b.ask("refuse %s", id)
}
func (b *backend) Cancel(_ context.Context, id string) (node.Transfer, error) {
	return node.Transfer{ID: id, Direction: node.Incoming, State: filexfer.ClosedByHost}, b.ask("cancel %s", id)
}
func (b *backend) Transfers() []node.Transfer { return b.transfers }
func (b *backend) Transfer(id string) (node.Transfer, bool) {
	for _, t := range b.transfers {
		if t.ID == id {
			return t, true
		}
	}
	return node.Transfer{}, false
}

// Watch passes on what the test puts into events, until either side ends.
func (b *backend) Watch(ctx context.Context) <-chan node.Event {
	out := make(chan node.Event)
	go func() {
		defer close(out)
		for {
			select {
			case e, open := <-b.events:
				if !open {
					return
				}
				out <- e
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

const id = "0123456789abcdef"

var device = func() peer.ID {
	p, err := peer.Decode("12D3KooWGzBZVfKQZNnKkUHGyNsJ4VTtFnvqXt4Yf3NUZp5BTLdu")
	if err != nil {
		panic(err)
	}
	return p
}()

// account gives a valid account that depends on n.
func account(n byte) conversation.Account {
	seed := make([]byte, 32)
	seed[0] = n
	k, err := conversation.AccountKeyFromSeed(seed)
	if err != nil {
		panic(err)
	}
	return k.Account()
}

// serve runs the API of b in a new home and gives a client of it.
func serve(t *testing.T, b Backend) (*Client, string) {
	t.Helper()
	server, c := newServer(t)
	server.Use(b)
	return c, c.home
}

// newServer runs the API without a node yet.
func newServer(t *testing.T) (*Server, *Client) {
	t.Helper()
	home := t.TempDir()
	l, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(Options{Home: home})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	c := NewClient(home)
	c.http.Transport = newJudge(t, c.http.Transport)
	t.Cleanup(func() {
		c.Close()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return server, c
}

func TestEachRequestReachesTheBackend(t *testing.T) {
	b := &backend{contacts: []node.Contact{
		{Account: account(3), Name: "bob", State: node.Pending}, // only says so
		{Account: account(2), Name: "bob", State: node.Accepted},
	}}
	c, _ := serve(t, b)
	ctx := t.Context()
	a := account(2).String()
	steps := []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := c.AddContact(ctx, a, "bob"); return err }, "add " + a + " bob"},
		{func() error { _, err := c.AcceptContact(ctx, a, "carol"); return err }, "accept " + a + " carol"},
		{func() error { _, err := c.VerifyContact(ctx, "Bob", true); return err }, "verify Bob true"},
		{func() error { _, err := c.VerifyContact(ctx, a, false); return err }, "verify " + a + " false"},
		{func() error { return c.RemoveContact(ctx, a) }, "remove " + a},
		{func() error { return c.RemoveContact(ctx, "Bob") }, "remove " + a},
		{func() error { _, err := c.Send(ctx, "/a/b?c%#", "bob"); return err }, "send /a/b?c%# bob"},
		{func() error { _, err := c.Accept(ctx, id, "/x/"); return err }, "accept " + id + " /x/"},
		{func() error { _, err := c.Refuse(ctx, id); return err }, "refuse " + id},
		{func() error { _, err := c.Cancel(ctx, "../../node"); return err }, "cancel ../../node"},
	}
	for _, s := range steps {
		b.asked = nil
		if err := s.do(); err != nil {
			t.Errorf("%s: %v", s.want, err)
		} else if len(b.asked) != 1 || b.asked[0] != s.want {
			t.Errorf("asked %q, want %q", b.asked, s.want)
		}
	}
}

func TestEmptyListsAreEmptyArrays(t *testing.T) {
	c, _ := serve(t, &backend{})
	for _, path := range []string{"/v1/contacts", "/v1/transfers", "/v1/devices", "/v1/pairings", "/v1/conversations", "/v1/conversations/x/messages", "/v1/files", "/v1/files/missed"} {
		var raw jsonText
		if err := c.ask(t.Context(), http.MethodGet, path, nil, &raw); err != nil || raw != "[]" {
			t.Errorf("%s: %q, %v", path, raw, err)
		}
	}
}

// jsonText keeps JSON as it came.
type jsonText string

func (j *jsonText) UnmarshalJSON(b []byte) error { *j = jsonText(b); return nil }

func TestTransferAsJSON(t *testing.T) {
	when := time.Date(2026, 11, 23, 4, 5, 6, 7000, time.FixedZone("", 3600))
	b := &backend{transfers: []node.Transfer{
		{ID: id, Direction: node.Incoming, Contact: "bob", Account: account(2), Device: device, Name: "p\u202e.jpg", File: "/r/p.jpg",
			Size: 12, Bytes: 12, State: filexfer.Finished, Sum: "ab", Created: when, Updated: when, Ended: true,
			Path: &icetcp.Path{Kind: icetcp.Direct, LocalType: "host", RemoteType: "prflx", Controlling: true,
				Local: netip.MustParseAddrPort("127.0.0.1:1"), Remote: netip.MustParseAddrPort("[::1]:2"), RTT: 1500 * time.Microsecond,
				TLS: tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768}}},
	}}
	c, _ := serve(t, b)
	var raw jsonText
	if err := c.ask(t.Context(), http.MethodGet, "/v1/transfers/"+id, nil, &raw); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"0123456789abcdef","direction":"incoming","contact":"bob","account":"` + account(2).String() +
		`","device":"` + device.String() + `","name":"p` + "\u202e" + `.jpg","size":12,"bytes":12,"state":"finished","path":"direct",` +
		`"path_details":{"transport":"ice","local":"127.0.0.1:1","remote":"[::1]:2","local_type":"host","remote_type":"prflx","relay":"",` +
		`"rtt_ms":1.5,"tls_version":"TLS 1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","tls_group":"X25519MLKEM768","controlling":true},` +
		`"code":"","reason":"","sha3sum":"ab","sha3tree":"","folder":false,"file":"/r/p.jpg","created":"2026-11-23T03:05:06.000007Z","updated":"2026-11-23T03:05:06.000007Z",` +
		`"conversation":"","entry":"","rule":"","why":"","one_shot":false,"ended":true,"parts":[]}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	got, err := c.Transfer(t.Context(), id)
	if err != nil || got.State != filexfer.Finished || got.PathDetails.TLSGroup != "X25519MLKEM768" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAConnectionThatICEDidNotMakeIsTCP(t *testing.T) {
	for version, want := range map[uint16]string{0: "", tls.VersionTLS13: "TLS 1.3"} {
		d := detailsOf(icetcp.Path{Kind: icetcp.Direct, TLS: tls.ConnectionState{Version: version}})
		if d.Transport != "tcp" || d.Local != "" || d.TLSVersion != want || d.TLSCipher != "" || d.TLSGroup != "" {
			t.Errorf("%+v", d)
		}
	}
}

func TestNode(t *testing.T) {
	c, _ := serve(t, &backend{})
	n, err := c.Node(t.Context())
	if err != nil || n.Account != account(1).String() || n.Device != device.String() || len(n.Addrs) != 1 {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestErrorsBecomeProblems(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("%w: x", node.ErrUnknownContact), 404, CodeUnknownContact},
		{node.ErrNotAccepted, 409, CodeNotAccepted},
		{node.ErrNameTaken, 409, CodeNameTaken},
		{node.ErrBadName, 400, CodeBadName},
		{node.ErrOwnAccount, 400, CodeOwnAccount},
		{node.ErrUnknownTransfer, 404, CodeUnknownTransfer},
		{node.ErrNotWaiting, 409, CodeNotWaiting},
		{node.ErrNotRunning, 409, CodeEnded},
		{filexfer.ErrNoSpace, 507, CodeNoSpace},
		{node.ErrClosed, 503, CodeClosing},
		{os.ErrNotExist, 422, CodeBadFile},
		{errors.New("the disk is on fire"), 500, CodeInternal},
	} {
		c, _ := serve(t, &backend{err: test.err})
		_, err := c.Send(t.Context(), "/x", "bob")
		var p *Problem
		if !errors.As(err, &p) || p.Status != test.status || p.Code != test.code || p.Detail != test.err.Error() {
			t.Errorf("%v: %+v", test.err, err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	for _, test := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"GET", "/v1/nothing", nil, 404, CodeNotFound},
		{"PUT", "/v1/contacts", nil, 405, CodeBadMethod},
		{"GET", "/v2/node", nil, 404, CodeNotFound},
		{"GET", "/v1/transfers/0", nil, 404, CodeUnknownTransfer},
		{"DELETE", "/v1/contacts/nobody", nil, 404, CodeUnknownContact},
		{"POST", "/v1/contacts", NewContact{"passeur:abc", "x"}, 400, CodeBadAccount},
		{"POST", "/v1/contacts", nil, 400, CodeBadAccount},
		{"POST", "/v1/transfers", map[string]any{"file": "/x", "kontakt": "bob"}, 400, CodeInvalid},
		{"POST", "/v1/transfers", []string{"x"}, 400, CodeInvalid},
		{"POST", "/v1/transfers", NewTransfer{File: strings.Repeat("x", maxBody), Contact: "bob"}, 413, CodeInvalid},
	} {
		err := c.ask(t.Context(), test.method, test.path, test.body, nil)
		var p *Problem
		if !errors.As(err, &p) || p.Status != test.status || p.Code != test.code || p.Detail == "" {
			t.Errorf("%s %s: %+v", test.method, test.path, err)
		}
	}
	if b.asked != nil {
		t.Errorf("a bad request reached the backend: %q", b.asked)
	}
}

func TestTheSocketIsTheOwnersAlone(t *testing.T) {
	_, home := serve(t, &backend{})
	info, err := os.Stat(SocketPath(home))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) != 1 {
		t.Errorf("the home holds %v, %v", left, err)
	}
}

func TestAStaleSocketIsReplacedAndAClosedOneRemoved(t *testing.T) {
	home := t.TempDir()
	first, err := net.ListenUnix("unix", &net.UnixAddr{Name: SocketPath(home), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	first.SetUnlinkOnClose(false) // as if the node had been killed
	first.Close()
	c := NewClient(home)
	if _, err := c.Node(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("stale socket: %v", err)
	}
	second, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := os.Stat(SocketPath(home)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestNoNode(t *testing.T) {
	for _, home := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		_, err := NewClient(home).Node(t.Context())
		if !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), home) {
			t.Errorf("%s: %v", home, err)
		}
	}
}

func TestAHomeTooLongForASocket(t *testing.T) {
	home := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(home); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("listen: %v", err)
	}
	if _, err := NewClient(home).Node(t.Context()); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("ask: %v", err)
	}
	if left, _ := os.ReadDir(home); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestEvents(t *testing.T) {
	b := &backend{events: make(chan node.Event)}
	c, _ := serve(t, b)
	all, err := c.Events(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	sent := []node.Event{
		{Contact: &node.Contact{Name: "a\nb", State: node.Pending, Account: account(2)}, Removed: true},
		{Transfer: &node.Transfer{ID: id, State: filexfer.Ongoing, Bytes: 7}, Phase: node.PhaseGo, Detail: "x"},
	}
	for _, e := range sent {
		b.events <- e
		got, err := all.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want := eventOf(e); fmt.Sprint(deref(got)) != fmt.Sprint(deref(want)) {
			t.Errorf("got %+v, want %+v", deref(got), deref(want))
		}
	}
	close(b.events) // the node closes
	if _, err := all.Next(); err == nil || err.Error() != "EOF" {
		t.Errorf("after the end: %v", err)
	}
}

// deref makes an event comparable by its text.
func deref(e Event) []any {
	out := []any{e.Time, e.Phase, e.Detail, e.Removed}
	if e.Contact != nil {
		out = append(out, *e.Contact)
	}
	if e.Transfer != nil {
		out = append(out, *e.Transfer)
	}
	return out
}

func TestEventsOfOneTransfer(t *testing.T) {
	b := &backend{events: make(chan node.Event)}
	c, _ := serve(t, b)
	one, err := c.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	b.events <- node.Event{Contact: &node.Contact{}}
	b.events <- node.Event{Transfer: &node.Transfer{ID: "another"}}
	b.events <- node.Event{Transfer: &node.Transfer{ID: id, State: filexfer.Finished}}
	if e, err := one.Next(); err != nil || e.Transfer == nil || e.Transfer.ID != id {
		t.Errorf("%+v, %v", e, err)
	}
}
