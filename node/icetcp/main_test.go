package icetcp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/gologshim"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/node/upgrade"
)

func TestMain(m *testing.M) {
	gologshim.SetDefaultHandler(&libp2pErrors)
	goleak.VerifyTestMain(m)
}

// errorLog keeps what libp2p logs as errors.
type errorLog struct {
	mu   sync.Mutex
	list []string
}

var libp2pErrors errorLog

func (l *errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l *errorLog) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r.Message)
	return nil
}

func (l *errorLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *errorLog) WithGroup(string) slog.Handler      { return l }

// none fails the test if there were errors.
func (l *errorLog) none(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) > 0 {
		t.Errorf("libp2p logged %q", l.list)
	}
	l.list = nil
}

// deadline is how long a test waits for what should happen at once, on a machine that
// may be busy with much else.
const deadline = 90 * time.Second

var onLoopback = netip.MustParseAddrPort("127.0.0.1:0")

// exchange is a signalling in memory.
type exchange struct {
	mu      sync.Mutex
	answers map[peer.ID]answerFunc
}

type answerFunc = func(ctx context.Context, from peer.ID, offer []byte) ([]byte, error)

func newExchange() *exchange { return &exchange{answers: make(map[peer.ID]answerFunc)} }

func (x *exchange) answer(p peer.ID) answerFunc {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.answers[p]
}

// line is one device's Signaller.
type line struct {
	*exchange
	self peer.ID
}

var _ Signaller = line{}

func (l line) HandleOffers(f func(context.Context, peer.ID, []byte) ([]byte, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.answers, l.self); f != nil {
		l.answers[l.self] = f
	}
}

func (l line) Offer(ctx context.Context, to peer.ID, offer []byte) ([]byte, error) {
	answer := l.answer(to)
	if answer == nil {
		return nil, errors.New("nobody listens")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return answer(ctx, l.self, offer)
}

// device is a peer with a transport.
type device struct {
	*Transport
	id  peer.ID
	key crypto.PrivKey
}

// newDevice makes a device on the loopback; change may alter its configuration.
func newDevice(t testing.TB, x *exchange, change func(*Config)) device {
	t.Helper()
	key, id := newKey(t)
	cfg := Config{Listen: onLoopback, Signaller: line{x, id}}
	if change != nil {
		change(&cfg)
	}
	u, err := upgrade.New(key, nil, cfg.Gater)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(u, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return device{tr, id, key}
}

func newKey(t testing.TB) (crypto.PrivKey, peer.ID) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, id
}

func (d device) listen(t testing.TB) transport.Listener {
	t.Helper()
	l, err := d.Listen(Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dial connects d to another device that listens on l, and gives both ends.
func (d device) dial(t testing.TB, to device, l transport.Listener) (out, in transport.CapableConn) {
	t.Helper()
	out, in, err := d.reach(t, to, l)
	if err != nil {
		t.Fatal(err)
	}
	return out, in
}

// reach is dial for a goroutine, which may not end its test.
func (d device) reach(t testing.TB, to device, l transport.Listener) (out, in transport.CapableConn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	accepted := make(chan transport.CapableConn, 1)
	go func() {
		defer close(accepted)
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	if out, err = d.Dial(ctx, Addr, to.id); err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { out.Close() })
	select {
	case in = <-accepted:
	case <-ctx.Done():
		return nil, nil, errors.New("no connection was accepted")
	}
	t.Cleanup(func() { in.Close() })
	return out, in, nil
}

// eventually polls for a condition that nothing announces.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for give := time.After(deadline); !ok(); {
		select {
		case <-tick.C:
		case <-give:
			t.Fatal("still not: ", what)
		}
	}
}

// left tells what a mux still holds.
func (m *mux) left() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("%d sessions, %d sockets, %d unknown", len(m.sessions), len(m.sockets), m.unknown.Len())
}
