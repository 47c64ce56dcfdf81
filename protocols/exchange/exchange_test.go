package exchange_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/protocols/exchange"
	"github.com/passeur-p2p/passeur/test/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var kind = exchange.Kind{ID: "/test/1", Service: "test", Timeout: time.Minute, Served: 2}

// pair is two connected hosts, the second of which has a server.
type pair struct {
	a, b   host.Host
	server *exchange.Server
	ended  chan error // how what was handled has ended
}

// newPair has f handle what comes.
func newPair(t *testing.T, k exchange.Kind, f func(context.Context, network.Stream) error) pair {
	t.Helper()
	p := pair{loopback.Host(t), loopback.Host(t), exchange.NewServer(k), make(chan error, 8)}
	p.b.SetStreamHandler(k.ID, func(s network.Stream) {
		p.ended <- p.server.Handle(s, func(ctx context.Context) error { return f(ctx, s) })
	})
	t.Cleanup(func() { p.server.Close() })
	if err := p.a.Connect(t.Context(), *host.InfoFromHost(p.b)); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask says one byte and gives the answer.
func (p pair) ask(t *testing.T) (answer byte, err error) {
	err = kind.Ask(t.Context(), p.a, p.b.ID(), func(s network.Stream) error {
		var b [1]byte
		if _, err := s.Write(b[:]); err != nil {
			return err
		}
		_, err := io.ReadFull(s, b[:])
		answer = b[0]
		return err
	})
	return answer, err
}

func TestQuestionAndAnswer(t *testing.T) {
	p := newPair(t, kind, func(_ context.Context, s network.Stream) error {
		if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
			return err
		}
		if _, err := s.Write([]byte{7}); err != nil {
			return err
		}
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // what went well is closed
			return errors.New("no end of stream")
		}
		return nil
	})
	if answer, err := p.ask(t); answer != 7 || err != nil {
		t.Errorf("%d, %v", answer, err)
	}
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

func TestFailureResets(t *testing.T) {
	failed := errors.New("failed")
	p := newPair(t, kind, func(context.Context, network.Stream) error { return failed })
	_, err := p.ask(t)
	if reset, is := errors.AsType[*network.StreamError](err); !is || !reset.Remote || <-p.ended != failed {
		t.Errorf("%v", err)
	}
}

// More than so many at once are reset; all end with Close.
func TestBounds(t *testing.T) {
	began := make(chan struct{}, kind.Served)
	p := newPair(t, kind, func(ctx context.Context, s network.Stream) error {
		began <- struct{}{}
		_, err := s.Read(make([]byte, 2))
		if err == nil {
			_, err = s.Read(make([]byte, 1))
		}
		return err
	})
	asked := make(chan error, kind.Served)
	for range kind.Served {
		go func() { _, err := p.ask(t); asked <- err }()
		<-began
	}
	_, err := p.ask(t)
	if reset, is := errors.AsType[*network.StreamError](err); !is || reset.ErrorCode != network.StreamResourceLimitExceeded || !errors.Is(<-p.ended, exchange.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	p.server.Close()
	for range kind.Served {
		if err := <-asked; err == nil {
			t.Error("answered after Close")
		}
		if err := <-p.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("handled: %v", err)
		}
	}
	if _, err := p.ask(t); err == nil || !errors.Is(<-p.ended, exchange.ErrBusy) {
		t.Errorf("after Close: %v", err)
	}
}

func TestTimeIsBounded(t *testing.T) {
	short := kind
	short.Timeout = time.Millisecond
	p := newPair(t, short, func(_ context.Context, s network.Stream) error {
		_, err := io.Copy(io.Discard, s)
		return err
	})
	if _, err := p.ask(t); err == nil || !errors.Is(<-p.ended, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
