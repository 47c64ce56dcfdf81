package signalling

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/crypto/sha3"
)

// raw opens a stream and writes bytes to it.
func (n *node) raw(t testing.TB, to *node, id protocol.ID, bytes []byte) network.Stream {
	t.Helper()
	st, err := n.host.NewStream(t.Context(), to.host.ID(), id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Reset() })
	if err := st.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Write(bytes); err != nil {
		t.Fatal(err)
	}
	return st
}

func wire(f frame) []byte {
	var b bytes.Buffer
	writeFrame(&b, f)
	return b.Bytes()
}

// rawFrame opens a stream, writes a frame and gives the reply.
func (n *node) rawFrame(t testing.TB, to *node, id protocol.ID, f frame) frame {
	t.Helper()
	st := n.raw(t, to, id, wire(f))
	defer st.Reset()
	reply, err := readFrame(st)
	if err != nil {
		t.Fatalf("%#v: %v", f, err)
	}
	return reply
}

func (n *node) inbox() Inbox { return InboxOf(n.host.ID(), EpochAt(time.Now())) }

// sealFor makes a request of n to another, as change has it, and seals it.
func (n *node) sealFor(t testing.TB, to *node, reply hpke.PrivateKey, change func(*request)) []byte {
	t.Helper()
	q := &request{
		sender: publicOf(n.key), account: n.account, expires: time.Now().Add(RequestTTL),
		reply: reply.PublicKey(), kind: "ice", payload: []byte("hello"),
	}
	copy(q.session[:], newSession())
	if change != nil {
		change(q)
	}
	key, err := keysOf{n.dir, n.host.ID()}.SealKey(t.Context(), to.host.ID())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sealRequest(q, n.key, publicOf(to.key), key)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func newSession() []byte {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		panic(err)
	}
	sum := sha3.Sum256(key.PublicKey().Bytes())
	return sum[:16]
}

func newReplyKey(t testing.TB) hpke.PrivateKey {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (n *node) leaveRaw(t testing.TB, server, to *node, sealed []byte) frame {
	t.Helper()
	return n.rawFrame(t, server, InboxProtocol, put{to.inbox(), time.Minute, sealed})
}

// counting is a handler that counts its calls.
func counting(calls *atomic.Int32) Handler {
	return func(ctx context.Context, r Request) ([]byte, error) {
		calls.Add(1)
		return echo(ctx, r)
	}
}

func TestServerRefuses(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	mallory := newNode(t, dir, dht.ModeClient, server)
	victim := newNode(t, dir, dht.ModeClient, server)
	long := wire(message{make([]byte, MaxMessage)})
	binary.BigEndian.PutUint32(long, uint32(maxFrame)+1)
	for name, c := range map[string]struct {
		bytes []byte
		want  frame
	}{
		"another's inbox":       {wire(subscribe{victim.inbox()}), codeNotYours},
		"last week's inbox":     {wire(subscribe{InboxOf(mallory.host.ID(), EpochAt(time.Now())-7)}), codeNotYours},
		"a message":             {wire(message{[]byte("x")}), codeMalformed},
		"an ok":                 {wire(ok{1}), codeMalformed},
		"an unknown type":       {[]byte{0, 0, 0, 1, 77}, codeMalformed},
		"length 0":              {[]byte{0, 0, 0, 0}, codeMalformed},
		"oversized":             {long[:lengthSize+1], codeMalformed},
		"4 GiB":                 {[]byte{0xff, 0xff, 0xff, 0xff}, codeMalformed},
		"a put for an hour":     {append(append([]byte{0, 0, 0, 36, typePut}, make([]byte, 32)...), 0x0e, 0x10, 'x'), codeMalformed},
		"a put with no message": {append([]byte{0, 0, 0, 35, typePut}, make([]byte, 34)...), codeMalformed},
	} {
		st := mallory.raw(t, server, InboxProtocol, c.bytes)
		if reply, err := readFrame(st); reply != c.want {
			t.Errorf("%s: %v, %v; want %v", name, reply, err, c.want)
		}
		if reply, err := readFrame(st); err == nil {
			t.Errorf("%s: and then %v", name, reply)
		}
	}
	if s := server.Status(); s.Queued != 0 || s.Subscribers > 1 {
		t.Errorf("status %+v", s)
	}
}

func TestServerQuotas(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, func(c *Config) {
		c.Limits = Limits{SourceRate: 1e-9, SourceBurst: 12}
	})
	mallory := newNode(t, dir, dht.ModeClient, server)
	victim := newNode(t, dir, dht.ModeClient, server)
	for i := range 13 {
		want := frame(ok{})
		switch {
		case i >= 12:
			want = codeSlowDown
		case i >= 8:
			want = codeFull
		}
		if reply := mallory.leaveRaw(t, server, victim, []byte{byte(i)}); reply != want {
			t.Errorf("message %d: %v, want %v", i, reply, want)
		}
	}
	if reply := mallory.rawFrame(t, server, InboxProtocol, subscribe{mallory.inbox()}); reply != codeSlowDown {
		t.Errorf("subscribe: %v", reply)
	}
}

// A subscriber may say nothing after its first frame.
func TestSubscriberMustKeepQuiet(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	n := newNode(t, dir, dht.ModeClient, server)
	st := n.raw(t, server, InboxProtocol, wire(subscribe{n.inbox()}))
	if reply, err := readFrame(st); reply != (ok{}) {
		t.Fatal(reply, err)
	}
	st.Write([]byte{0})
	if f, err := readFrame(st); err == nil {
		t.Errorf("and then %v", f)
	}
}

// The owner's second subscription ends its first.
func TestSubscriptionIsReplaced(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	n := newNode(t, dir, dht.ModeClient, server)
	first := n.raw(t, server, InboxProtocol, wire(subscribe{n.inbox()}))
	if reply, err := readFrame(first); reply != (ok{}) {
		t.Fatal(reply, err)
	}
	second := n.raw(t, server, InboxProtocol, wire(subscribe{n.inbox()}))
	if reply, err := readFrame(second); reply != (ok{}) {
		t.Fatal(reply, err)
	}
	if f, err := readFrame(first); err == nil {
		t.Errorf("the first goes on with %v", f)
	}
	if reply := n.leaveRaw(t, server, n, []byte("x")); reply != (ok{1}) {
		t.Errorf("%v", reply)
	}
	if f, err := readFrame(second); err != nil || string(f.(message).body) != "x" {
		t.Errorf("the second: %v, %v", f, err)
	}
}

// rawInbox subscribes n, which has no signalling, to its inbox.
func (n *node) rawInbox(t testing.TB, server *node) network.Stream {
	t.Helper()
	st := n.raw(t, server, InboxProtocol, wire(subscribe{n.inbox()}))
	if reply, err := readFrame(st); reply != (ok{}) {
		t.Fatal(reply, err)
	}
	return st
}

// A copy of a request gets the same answer again, and the handler sees it once,
// however it was sealed.
func TestDuplicates(t *testing.T) {
	server, _, bob := trio(t, nil, nil, nil)
	var calls atomic.Int32
	bob.Handle("ice", counting(&calls))
	mallory := newNode(t, server.dir, dht.ModeClient, server)
	inbox, reply, session := mallory.rawInbox(t, server), newReplyKey(t), Session(newSession())
	same := func(q *request) { q.session = session }
	sealed := mallory.sealFor(t, bob, reply, same)
	mallory.leaveRaw(t, server, bob, sealed)
	first, err := readFrame(inbox)
	if err != nil {
		t.Fatal(err)
	}
	// The answer is sent again at once if it was not sent just now.
	x := bob.memory.seen(sha3.Sum256(sealed))
	for _, copy := range [][]byte{sealed, mallory.sealFor(t, bob, reply, same)} {
		bob.memory.mu.Lock()
		x.sentLast = time.Time{}
		bob.memory.mu.Unlock()
		mallory.leaveRaw(t, server, bob, copy)
		again, err := readFrame(inbox)
		if err != nil || !bytes.Equal(again.(message).body, first.(message).body) {
			t.Errorf("the answer again: %v", err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("the handler was called %d times", calls.Load())
	}
	e, err := parseEnvelope(first.(message).body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := e.open(reply, publicOf(mallory.key), isAnswer)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := parseAnswer(content, publicOf(mallory.key)); err != nil || a.request != sha3.Sum256(sealed) || a.session != session || string(a.payload) != "echo hello" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Nothing of this reaches the handler. A good request, left last, shows that the
// bad ones before it were dealt with: a server pushes in order.
func TestRecipientDrops(t *testing.T) {
	server, alice, bob := trio(t, nil, nil, nil)
	var calls atomic.Int32
	bob.Handle("ice", counting(&calls))
	carol := newNode(t, server.dir, dht.ModeClient, server).signal(t, nil)
	mallory := newNode(t, server.dir, dht.ModeClient, server)
	reply := newReplyKey(t)
	seal := func(n *node, change func(*request)) []byte { return n.sealFor(t, bob, reply, change) }
	good := seal(alice, nil)
	tampered := bytes.Clone(seal(alice, nil))
	tampered[len(tampered)/2] ^= 1
	for name, sealed := range map[string][]byte{
		"forged sender":    seal(mallory, func(q *request) { q.sender = publicOf(alice.key) }),
		"for carol":        alice.sealFor(t, carol, reply, nil),
		"carol's forwards": forward(t, alice, carol, bob, reply),
		"tampered":         tampered,
		"garbage":          bytes.Repeat([]byte{7}, 5000),
		"one byte":         {1},
		"expired":          seal(alice, func(q *request) { q.expires = time.Now().Add(-ClockGrace - time.Second) }),
		"from the future":  seal(alice, func(q *request) { q.expires = time.Now().Add(MaxTTL + ClockGrace + 10*time.Second) }),
		"ten years ago":    seal(alice, func(q *request) { q.expires = time.Now().AddDate(-10, 0, 0) }),
		"in ten years":     seal(alice, func(q *request) { q.expires = time.Now().AddDate(10, 0, 0) }),
		"from bob himself": seal(bob, nil),
	} {
		if reply := mallory.leaveRaw(t, server, bob, sealed); reply != (ok{1}) && reply != codeFull {
			t.Fatalf("%s: %v", name, reply)
		}
		await(t, name+" pushed", func() bool { return delivered(server.server.store, sealed) })
	}
	mallory.leaveRaw(t, server, bob, good)
	await(t, "the good one handled", func() bool { return calls.Load() > 0 })
	if calls.Load() != 1 {
		t.Errorf("the handler was called %d times", calls.Load())
	}
	// Grace: clocks that differ by two minutes do not matter.
	for name, sealed := range map[string][]byte{
		"just late":  seal(alice, func(q *request) { q.expires = time.Now().Add(-ClockGrace + 10*time.Second) }),
		"just early": seal(alice, func(q *request) { q.expires = time.Now().Add(RequestTTL + ClockGrace) }),
	} {
		before := calls.Load()
		mallory.leaveRaw(t, server, bob, sealed)
		await(t, name, func() bool { return calls.Load() == before+1 })
	}
}

// forward makes what carol would make of alice's request to her, to pass it on to
// bob: the signature is alice's, for carol.
func forward(t testing.TB, alice, carol, bob *node, reply hpke.PrivateKey) []byte {
	q := &request{
		sender: publicOf(alice.key), account: alice.account, session: Session(newSession()),
		expires: time.Now().Add(RequestTTL), reply: reply.PublicKey(), kind: "ice",
	}
	content := mustSign(t, alice.key, requestLabel, carol.key, q.marshal())
	key, err := keysOf{alice.dir, ""}.SealKey(t.Context(), bob.host.ID())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal(key, publicOf(bob.key), isRequest, content)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func delivered(s *store, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := sha3.Sum256(body)
	for _, b := range s.inboxes {
		if m := b.find(hash); m != nil {
			return m.delivered
		}
	}
	return false
}

// A request that is replayed, by the server or by anyone who has its bytes, does
// nothing but send the old answer to the one who asked.
func TestReplay(t *testing.T) {
	var mu sync.Mutex
	var kept [][]byte
	server, alice, bob := trio(t, func(c *Config) {
		c.OnStore = func(_ Inbox, sealed []byte) {
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, bytes.Clone(sealed))
		}
	}, nil, nil)
	var calls atomic.Int32
	bob.Handle("ice", counting(&calls))
	mustEcho(t, alice, bob, "ice")
	mallory := newNode(t, server.dir, dht.ModeClient, server)
	mu.Lock()
	replay := kept[0]
	mu.Unlock()
	for range 5 {
		mallory.leaveRaw(t, server, bob, replay)
	}
	mustEcho(t, alice, bob, "ice") // comes after the replays
	if calls.Load() != 2 {
		t.Errorf("the handler was called %d times", calls.Load())
	}
}

// On a direct stream the signer must be who the connection says.
func TestDirectForwarding(t *testing.T) {
	server, alice, bob := trio(t, nil, nil, nil)
	var calls atomic.Int32
	bob.Handle("ice", counting(&calls))
	mallory := newNode(t, server.dir, dht.ModeClient, server, bob)
	stolen := alice.sealFor(t, bob, newReplyKey(t), nil)
	for name, c := range map[string]struct {
		f    frame
		want frame
	}{
		"another's request": {message{stolen}, codeMalformed},
		"garbage":           {message{[]byte("x")}, codeMalformed},
		"a put":             {put{bob.inbox(), time.Minute, stolen}, codeMalformed},
	} {
		if reply := mallory.rawFrame(t, bob, DirectProtocol, c.f); reply != c.want {
			t.Errorf("%s: %v", name, reply)
		}
	}
	mine := mallory.sealFor(t, bob, newReplyKey(t), nil)
	st := mallory.raw(t, bob, DirectProtocol, wire(message{mine}))
	if reply, err := readFrame(st); reply != (ok{}) {
		t.Fatalf("%v, %v", reply, err)
	}
	if f, err := readFrame(st); err != nil || len(f.(message).body) < 1000 {
		t.Errorf("%v, %v", f, err)
	}
	if calls.Load() != 1 {
		t.Errorf("the handler was called %d times", calls.Load())
	}
	// The same bytes from another connection do not get the answer either.
	if reply := alice.rawDirect(t, bob, mine); reply != codeMalformed {
		t.Errorf("another's seen request: %v", reply)
	}
}

func (n *node) rawDirect(t testing.TB, to *node, sealed []byte) frame {
	t.Helper()
	n.connect(t, to)
	return n.rawFrame(t, to, DirectProtocol, message{sealed})
}

// Answers are taken from the device that was asked, for the copy that was sent.
func TestForgedAnswers(t *testing.T) {
	server, alice, bob := trio(t, nil, nil, nil)
	mallory := newNode(t, server.dir, dht.ModeClient, server)
	q, err := alice.newQuery(bob.host.ID(), "ice", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer alice.endQuery(q)
	sealed, _, err := q.current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	right := answer{
		sender: publicOf(bob.key), session: q.session, request: sha3.Sum256(sealed),
		expires: time.Now().Add(RequestTTL), payload: []byte("true"),
	}
	for name, c := range map[string]struct {
		signer *node
		change func(*answer)
	}{
		"signed by another":  {mallory, func(*answer) {}},
		"another's own":      {mallory, func(a *answer) { a.sender = publicOf(mallory.key) }},
		"of another session": {bob, func(a *answer) { a.session[0]++ }},
		"to another request": {bob, func(a *answer) { a.request[0]++ }},
		"expired":            {bob, func(a *answer) { a.expires = time.Now().Add(-ClockGrace - time.Second) }},
	} {
		a := right
		c.change(&a)
		if err := offerAnswer(t, alice, q, c.signer, &a); err == nil || len(q.answers) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 { // a second one is of no use, and no harm
		if err := offerAnswer(t, alice, q, bob, &right); err != nil || len(q.answers) != 1 {
			t.Errorf("the right one: %v", err)
		}
	}
}

func offerAnswer(t testing.TB, to *node, q *query, signer *node, a *answer) error {
	t.Helper()
	sealed, err := sealAnswer(a, signer.key, publicOf(to.key), q.reply.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = to.receive(sealed, "")
	return err
}
