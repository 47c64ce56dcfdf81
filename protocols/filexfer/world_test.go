package filexfer

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"go.uber.org/goleak"
	"golang.org/x/crypto/sha3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device is one end of a connection between two peers: real yamux over a pipe
// in memory, so that resets carry their codes and everything lives inside a
// testing/synctest bubble. It is the Host of a Service.
type device struct {
	id, other peer.ID
	pipe      net.Conn
	mux       network.MuxedConn
	handle    func(network.Stream) // set before the first stream comes
	serving   sync.WaitGroup
}

var _ Host = (*device)(nil)

// connect makes two connected devices, which go with the test.
func connect(t testing.TB) (left, right *device) {
	t.Helper()
	one, two := net.Pipe()
	return connectOver(t, one, two)
}

// connectTCP is connect over the loopback, for benchmarks.
func connectTCP(t testing.TB) (left, right *device) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	one, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return connectOver(t, one, two)
}

func connectOver(t testing.TB, one, two net.Conn) (left, right *device) {
	t.Helper()
	left = &device{id: "left", other: "right", pipe: one}
	right = &device{id: "right", other: "left", pipe: two}
	for _, d := range []*device{left, right} {
		mux, err := yamux.DefaultTransport.NewConn(d.pipe, d == right, &network.NullScope{})
		if err != nil {
			t.Fatal(err)
		}
		d.mux = mux
		d.handle = func(s network.Stream) { s.Reset() }
		d.serving.Go(d.serve)
	}
	t.Cleanup(func() {
		left.mux.Close()
		right.mux.Close()
		left.serving.Wait()
		right.serving.Wait()
	})
	return left, right
}

func (d *device) serve() {
	for {
		muxed, err := d.mux.AcceptStream()
		if err != nil {
			return
		}
		d.serving.Go(func() { d.handle(d.wrap(muxed)) })
	}
}

func (d *device) NewStream(ctx context.Context, p peer.ID, _ ...protocol.ID) (network.Stream, error) {
	if p != d.other {
		return nil, errors.New("no addresses")
	}
	muxed, err := d.mux.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return d.wrap(muxed), nil
}

// raw opens a stream for a test that speaks the wire by hand.
func (d *device) raw(t testing.TB) network.Stream {
	t.Helper()
	s, err := d.NewStream(t.Context(), d.other)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cut breaks the connection without a word.
func (d *device) cut() { d.pipe.Close() }

func (d *device) wrap(m network.MuxedStream) network.Stream {
	return &stream{MuxedStream: m, conn: &conn{device: d}}
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
	device       *device
}

func (c *conn) RemotePeer() peer.ID { return c.device.other }

// pass lets time go by on the clock of the bubble.
func pass(d time.Duration) { <-time.After(d) }

// settle waits until nothing moves any more; yamux holds small frames back for
// a moment of the clock.
func settle() {
	pass(time.Second)
	synctest.Wait()
}

// recorder keeps what a Service reports, in order, and lets a test wait for it.
type recorder struct {
	mu    sync.Mutex
	views []View
	more  chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{}, 1)} }

func (r *recorder) observe(v View) {
	r.mu.Lock()
	r.views = append(r.views, v)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// states gives the states as they followed each other, progress left out.
func (r *recorder) states() []State {
	r.mu.Lock()
	defer r.mu.Unlock()
	var states []State
	for _, v := range r.views {
		if len(states) == 0 || states[len(states)-1] != v.State {
			states = append(states, v.State)
		}
	}
	return states
}

func (r *recorder) last() View {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.views) == 0 {
		return View{}
	}
	return r.views[len(r.views)-1]
}

// await returns the first view that came and suits.
func (r *recorder) await(t testing.TB, suits func(View) bool) View {
	t.Helper()
	deadline := time.After(time.Hour) // of the bubble's clock
	for {
		r.mu.Lock()
		for _, v := range r.views {
			if suits(v) {
				r.mu.Unlock()
				return v
			}
		}
		r.mu.Unlock()
		select {
		case <-r.more:
		case <-deadline:
			t.Fatalf("never came; states were %v", r.states())
		}
	}
}

func (r *recorder) awaitState(t testing.TB, s State) View {
	t.Helper()
	return r.await(t, func(v View) bool { return v.State == s })
}

func (r *recorder) awaitEnd(t testing.TB) View {
	t.Helper()
	return r.await(t, func(v View) bool { return v.State.Final() })
}

// memorySink keeps the bytes and what was done with them.
type memorySink struct {
	mu                 sync.Mutex
	bytes.Buffer       // guarded by mu
	committed, aborted int
	failAt             int64 // fails once more bytes than this have come; 0: never
	failWith           error
	commit             func() error
}

func (m *memorySink) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failWith != nil && int64(m.Len()+len(p)) > m.failAt {
		return 0, m.failWith
	}
	return m.Buffer.Write(p)
}

func (m *memorySink) Commit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.committed++
	if m.commit != nil {
		return m.commit()
	}
	return nil
}

func (m *memorySink) Abort() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.aborted++
	return nil
}

func (m *memorySink) kept() (data string, committed, aborted int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.String(), m.committed, m.aborted
}

func into(s Sink) func(context.Context, Offer) (Sink, error) {
	return func(context.Context, Offer) (Sink, error) { return s, nil }
}

// undecided is an Accept that waits until its ctx ends; asked gets the offer.
func undecided(asked chan<- Offer) func(context.Context, Offer) (Sink, error) {
	return func(ctx context.Context, o Offer) (Sink, error) {
		asked <- o
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// mount makes a service on d that answers d's streams; it goes with the test.
func mount(t testing.TB, d *device, cfg Config) (*Service, *recorder) {
	t.Helper()
	seen := newRecorder()
	cfg.Observe = seen.observe
	s, err := New(d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.handle = s.HandleStream
	t.Cleanup(func() { s.Close() })
	return s, seen
}

// text is a File of these bytes.
func text(name, content string) File {
	return File{
		Name: name,
		Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

func sumOf(content string) string {
	sum := sha3.Sum512([]byte(content))
	return hex.EncodeToString(sum[:])
}

// wantEnd fails unless the transfer ended in state for reason (nil: any).
func wantEnd(t testing.TB, side string, v View, state State, reason error) {
	t.Helper()
	if v.State != state {
		t.Errorf("%s: state %v, want %v (%v)", side, v.State, state, v.Err)
	}
	if reason != nil && !errors.Is(v.Err, reason) {
		t.Errorf("%s: error %v, want %v", side, v.Err, reason)
	}
	if state != Finished {
		var ended *Error
		if !errors.As(v.Err, &ended) || ended.State != state {
			t.Errorf("%s: %v is no *Error of state %v", side, v.Err, state)
		}
	}
}
