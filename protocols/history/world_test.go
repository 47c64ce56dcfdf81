package history

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"go.uber.org/goleak"
	"golang.org/x/crypto/sha3"
)

func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "30") // by default
	goleak.VerifyTestMain(m)
}

// bubble runs a test on a clock of its own and on one processor: under -race,
// the runtime of Go 1.26 crashes when two processors fire timers of one bubble
// at once.
func bubble(t *testing.T, run func(*testing.T)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, run)
}

// settle lets d go by, and what is due by then come to rest.
func settle(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func seedOf(name string) []byte { s := sha3.Sum256([]byte(name)); return s[:] }

// person is an account with one device or more.
type person struct {
	account conversation.AccountKey
}

func newPerson(t testing.TB, name string) *person {
	t.Helper()
	key, err := conversation.AccountKeyFromSeed(seedOf("account " + name))
	if err != nil {
		t.Fatal(err)
	}
	return &person{key}
}

// device is one device of a person, its log and the service on it. It is the
// Host of that service.
type device struct {
	name    string
	person  *person
	key     crypto.PrivKey
	cert    conversation.Certificate
	id      peer.ID
	log     *memLog
	service *Service
	cfg     Config
	events  *events

	records [][]byte // that OnRecord was given; guarded by events.mu

	mu      sync.Mutex
	links   map[peer.ID]*link // guarded by mu
	serving sync.WaitGroup
	open    func(ctx context.Context, p peer.ID) (network.Stream, error) // instead of NewStream, if set
	// wrap, if set, stands between the service and each of its streams.
	wrap func(network.Stream) network.Stream
}

// world is the devices of a test. All devices of all persons share all
// conversations, unless a test says otherwise.
type world struct {
	t       testing.TB
	devices []*device
	stores  []*logstore.Store // closed after the services
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	t.Cleanup(w.close)
	return w
}

func (w *world) close() {
	for _, d := range w.devices {
		if d.service != nil {
			d.service.Close()
		}
		for _, l := range d.ends() {
			l.close()
		}
	}
	for _, d := range w.devices {
		d.serving.Wait()
	}
	for _, s := range w.stores {
		s.Close()
	}
}

func (d *device) ends() []*link {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*link
	for _, l := range d.links {
		all = append(all, l)
	}
	return all
}

// bare adds a device without a service, for a test that speaks by hand.
func (w *world) bare(name string, p *person) *device {
	w.t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seedOf("device " + name)))
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	cert, err := p.account.Certify(id)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &device{name: name, person: p, key: key, cert: cert, id: id, links: make(map[peer.ID]*link), events: newEvents(), log: newMemLog()}
	w.devices = append(w.devices, d)
	return d
}

// device adds a device with a service, whose Config may be changed.
func (w *world) device(name string, p *person, change func(*Config)) *device {
	w.t.Helper()
	d := w.bare(name, p)
	d.cfg = Config{
		Log:      d.log,
		SourceOf: w.sourceFor(p),
		Shared:   func(peer.ID) []conversation.ID { return d.log.conversations() },
		Reads:    func(peer.ID, conversation.ID) bool { return true },
		Accepts:  func(peer.ID, conversation.ID) bool { return true },
		Observe:  d.events.observe,
		OnRecord: d.onRecord,
	}
	if change != nil {
		change(&d.cfg)
	}
	d.start(w.t)
	return d
}

func (d *device) start(t testing.TB) {
	t.Helper()
	s, err := New(d, d.cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.service = s
	d.log.observe(s.Changed)
}

func (d *device) onRecord(_ peer.ID, raw []byte) {
	d.events.mu.Lock()
	defer d.events.mu.Unlock()
	d.records = append(d.records, raw)
}

// sourceFor knows all devices of the world.
func (w *world) sourceFor(p *person) func(peer.ID) (Source, bool) {
	return func(id peer.ID) (Source, bool) {
		for _, d := range w.devices {
			if d.id == id {
				return Source{d.person.account.Account(), d.person == p}, true
			}
		}
		return Source{}, false
	}
}

// link is one end of a connection between two devices: real yamux over a pipe
// in memory, so that resets carry their codes and all of it lives in a bubble.
type link struct {
	here, there *device
	pipe        net.Conn
	mux         network.MuxedConn
}

func (l *link) close() { l.mux.Close() }

// connect joins two devices.
func (w *world) connect(a, b *device) {
	w.t.Helper()
	one, two := net.Pipe()
	w.join(a, b, one, two)
}

func (w *world) join(a, b *device, one, two net.Conn) {
	w.t.Helper()
	for _, l := range []*link{{here: a, there: b, pipe: one}, {here: b, there: a, pipe: two}} {
		mux, err := yamux.DefaultTransport.NewConn(l.pipe, l.here == b, &network.NullScope{})
		if err != nil {
			w.t.Fatal(err)
		}
		l.mux = mux
		l.here.mu.Lock()
		l.here.links[l.there.id] = l
		l.here.mu.Unlock()
		l.here.serving.Go(func() { l.here.serve(l) })
	}
}

// part breaks the connection between two devices without a word.
func (w *world) part(a, b *device) {
	for _, d := range []*device{a, b} {
		d.mu.Lock()
		for id, l := range d.links {
			if l.there == a || l.there == b {
				l.pipe.Close()
				l.close()
				delete(d.links, id)
			}
		}
		d.mu.Unlock()
	}
}

func (d *device) serve(l *link) {
	for {
		muxed, err := l.mux.AcceptStream()
		if err != nil {
			return
		}
		if d.service == nil {
			muxed.Reset()
			continue
		}
		d.serving.Go(func() { d.service.HandleStream(d.stream(l, muxed)) })
	}
}

func (d *device) NewStream(ctx context.Context, p peer.ID, _ ...protocol.ID) (network.Stream, error) {
	if d.open != nil {
		return d.open(ctx, p)
	}
	d.mu.Lock()
	l := d.links[p]
	d.mu.Unlock()
	if l == nil {
		return nil, errors.New("no connection")
	}
	muxed, err := l.mux.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return d.stream(l, muxed), nil
}

func (d *device) stream(l *link, m network.MuxedStream) network.Stream {
	s := network.Stream(&stream{MuxedStream: m, conn: &conn{link: l}})
	if d.wrap != nil {
		s = d.wrap(s)
	}
	return s
}

// stream adds to a muxed stream what a swarm would.
type stream struct {
	network.MuxedStream
	conn *conn
}

func (s *stream) ID() string                    { return "" }
func (s *stream) Protocol() protocol.ID         { return ID }
func (s *stream) SetProtocol(protocol.ID) error { return nil }
func (s *stream) Stat() network.Stats           { return network.Stats{} }
func (s *stream) Conn() network.Conn            { return s.conn }
func (s *stream) Scope() network.StreamScope    { return &network.NullScope{} }

type conn struct {
	network.Conn // nil: nothing else is asked
	link         *link
}

func (c *conn) RemotePeer() peer.ID { return c.link.there.id }
func (c *conn) LocalPeer() peer.ID  { return c.link.here.id }

// first makes a conversation on a device.
func (d *device) first(t testing.TB) conversation.ID {
	t.Helper()
	e := d.sign(t, conversation.Draft{
		Type: conversation.TypeInitial, Content: conversation.InitialContent(conversation.Group, conversation.Account{}, "test"),
		Certificate: &d.cert,
	})
	d.log.put(e)
	return e.ID
}

// write appends a text to a conversation of a device.
func (d *device) write(t testing.TB, conv conversation.ID, text string) *conversation.Entry {
	t.Helper()
	heads, _ := d.log.Heads(conv)
	e := d.after(t, conv, text, heads[:min(len(heads), conversation.MaxParents)]...)
	d.log.put(e)
	return e
}

// after makes a text that follows parents, and does not store it.
func (d *device) after(t testing.TB, conv conversation.ID, text string, parents ...conversation.ID) *conversation.Entry {
	t.Helper()
	return d.sign(t, conversation.Draft{Conversation: conv, Parents: parents, Type: conversation.TypeText, Content: []byte(text)})
}

func (d *device) sign(t testing.TB, draft conversation.Draft) *conversation.Entry {
	t.Helper()
	draft.Account, draft.Time = d.person.account.Account(), time.Unix(1795000000, 0)
	e, err := draft.Sign(d.key)
	if err != nil {
		t.Fatal(err)
	}
	verified.Store(e.ID, string(e.Raw.Signature))
	return e
}

// texts gives the texts that a device has of a conversation, sorted.
func (d *device) texts(conv conversation.ID) []string {
	var all []string
	for _, e := range d.log.all(conv) {
		if content, ok := e.Content(); ok && e.Type == conversation.TypeText {
			all = append(all, string(content))
		}
	}
	slices.Sort(all)
	return all
}

// wantSame fails unless all devices have the same entries, bodies included.
func wantSame(t testing.TB, conv conversation.ID, devices ...*device) {
	t.Helper()
	if err := same(conv, devices...); err != nil {
		t.Error(err)
	}
}

func same(conv conversation.ID, devices ...*device) error {
	for _, d := range devices[1:] {
		if got, want := d.log.dump(conv), devices[0].log.dump(conv); !bytes.Equal(got, want) {
			return fmt.Errorf("%s has %d entries, %s has %d; texts %q and %q", d.name, len(d.log.all(conv)),
				devices[0].name, len(devices[0].log.all(conv)), d.texts(conv), devices[0].texts(conv))
		}
	}
	return nil
}

// sync lets one device catch up with another.
func (d *device) sync(t testing.TB, with *device) {
	t.Helper()
	if err := d.trySync(t, with); err != nil {
		t.Fatalf("%s with %s: %v; %s saw %v", d.name, with.name, err, with.name, with.events.last())
	}
}

func (d *device) trySync(t testing.TB, with *device) error {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errors.New("an hour is over"))
	defer cancel()
	return d.service.Sync(ctx, with.id)
}

// events keeps what a service tells.
type events struct {
	mu   sync.Mutex
	all  []Event
	more chan struct{}
}

func newEvents() *events { return &events{more: make(chan struct{}, 1)} }

func (e *events) observe(v Event) {
	e.mu.Lock()
	e.all = append(e.all, v)
	e.mu.Unlock()
	select {
	case e.more <- struct{}{}:
	default:
	}
}

func (e *events) last() Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) == 0 {
		return Event{}
	}
	return e.all[len(e.all)-1]
}

func (e *events) count(k Kind) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, v := range e.all {
		if v.Kind == k {
			n++
		}
	}
	return n
}

// await returns the first event of a kind.
func (e *events) await(t testing.TB, k Kind) Event {
	t.Helper()
	deadline := time.After(24 * time.Hour) // of a bubble's clock
	for {
		e.mu.Lock()
		for _, v := range e.all {
			if v.Kind == k {
				e.mu.Unlock()
				return v
			}
		}
		e.mu.Unlock()
		select {
		case <-e.more:
		case <-deadline:
			t.Fatalf("%s never came", k)
		}
	}
}

// hand is a test's end of a stream to a service.
type hand struct {
	t testing.TB
	network.Stream
	*frames
}

// speak opens a stream to a service and says what the test wants.
func (d *device) speak(t testing.TB, to *device) *hand {
	t.Helper()
	s, err := d.NewStream(t.Context(), to.id)
	if err != nil {
		t.Fatal(err)
	}
	return &hand{t, s, newFrames(s)}
}

// greeted opens a stream and says HELLO.
func (d *device) greeted(t testing.TB, to *device) *hand {
	t.Helper()
	h := d.speak(t, to)
	h.say(hello{number: uint64(time.Now().UnixNano()), entries: 512, bytes: 1 << 20})
	h.wantHello()
	return h
}

// say writes messages; the service may have ended the stream.
func (h *hand) say(all ...message) {
	h.t.Helper()
	for _, m := range all {
		if err := h.frames.write(m); err != nil {
			h.t.Fatal(err)
		}
	}
	h.frames.flush()
}

func (h *hand) next() message {
	h.t.Helper()
	h.SetReadDeadline(time.Now().Add(time.Hour))
	m, err := h.frames.read()
	if err != nil {
		h.t.Fatalf("the stream ended: %v", err)
	}
	return m
}

func (h *hand) wantHello() hello {
	h.t.Helper()
	m, ok := h.next().(hello)
	if !ok {
		h.t.Fatal("no HELLO")
	}
	return m
}

// expect reads messages until one is of type M.
func expect[M message](h *hand) M {
	h.t.Helper()
	for {
		if m, ok := h.next().(M); ok {
			return m
		}
	}
}

// wantReset fails unless the service has ended the stream with code.
func (h *hand) wantReset(code network.StreamErrorCode) {
	h.t.Helper()
	h.SetReadDeadline(time.Now().Add(time.Hour))
	for {
		_, err := h.frames.read()
		if err == nil {
			continue
		}
		var reset *network.StreamError
		if !errors.As(err, &reset) || !reset.Remote || reset.ErrorCode != code {
			h.t.Fatalf("ended with %v, want a reset with code %#x", err, code)
		}
		return
	}
}

// line makes n texts on a device, each after the one before.
func (d *device) line(t testing.TB, conv conversation.ID, n int) {
	t.Helper()
	for i := range n {
		d.write(t, conv, fmt.Sprintf("%s %d", d.name, i))
	}
}

var _ io.ReadWriter = (network.Stream)(nil)
