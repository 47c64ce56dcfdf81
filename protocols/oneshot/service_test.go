package oneshot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two connected hosts: one that sends, and one that has a service.
type pair struct {
	from, to host.Host
	service  *Service
	heard    chan Name
	over     chan string
}

func newPair(t *testing.T, missing func(Offer) ([]filexfer.Span, error)) pair {
	t.Helper()
	p := pair{from: loopback.Host(t), to: loopback.Host(t), heard: make(chan Name, 1), over: make(chan string, 1)}
	c := Config{Heard: func(_ peer.ID, name Name) { p.heard <- name }}
	if missing != nil {
		c.Missing = func(_ context.Context, device peer.ID, o Offer) ([]filexfer.Span, error) {
			if device != p.from.ID() {
				return nil, errUnexpected
			}
			return missing(o)
		}
		c.Over = func(_ peer.ID, _ Name, reason string) error { p.over <- reason; return nil }
	}
	p.service = New(c)
	p.to.SetStreamHandler(p.service.ID(), p.service.HandleStream)
	t.Cleanup(func() { p.service.Close() })
	if err := p.from.Connect(t.Context(), *host.InfoFromHost(p.to)); err != nil {
		t.Fatal(err)
	}
	return p
}

var sample = Offer{Name: Name{1, 2}, Size: 5 << 20, Manifest: 7, FileName: "summer"}

func TestWhatIsMissingIsTold(t *testing.T) {
	var got Offer
	answer := []filexfer.Span{{Start: 0, End: 1 << 20}, {Start: 2 << 20, End: 5 << 20}}
	p := newPair(t, func(o Offer) ([]filexfer.Span, error) { got = o; return answer, nil })
	missing, err := Ask(t.Context(), p.from, p.to.ID(), sample)
	if err != nil || !slices.Equal(missing, answer) || got != sample {
		t.Errorf("%v of %+v, %v", missing, got, err)
	}
}

func TestOnlySoManyRangesAreTold(t *testing.T) {
	var all []filexfer.Span
	for i := range int64(2 * MaxRanges) {
		all = append(all, filexfer.Span{Start: 2 * i << 20, End: (2*i + 1) << 20})
	}
	p := newPair(t, func(Offer) ([]filexfer.Span, error) { return all, nil })
	o := sample
	o.Size = 1 << 30
	if missing, err := Ask(t.Context(), p.from, p.to.ID(), o); err != nil || !slices.Equal(missing, all[:MaxRanges]) {
		t.Errorf("%v, %v", missing, err)
	}
}

// Whoever answers that nothing is missing, or no, hears that this was heard.
func TestEndsAreHeard(t *testing.T) {
	var answer error
	p := newPair(t, func(Offer) ([]filexfer.Span, error) { return nil, answer })
	if missing, err := Ask(t.Context(), p.from, p.to.ID(), sample); err != nil || missing != nil || <-p.heard != sample.Name {
		t.Errorf("whole: %v, %v", missing, err)
	}
	answer = &Refusal{Reason: strings.Repeat("é", 200)}
	_, err := Ask(t.Context(), p.from, p.to.ID(), sample)
	if refusal, no := errors.AsType[*Refusal](err); !no || !errors.Is(err, ErrRefused) || refusal.Reason != strings.Repeat("é", 100) || <-p.heard != sample.Name {
		t.Errorf("refused: %v", err)
	}
	if err := TellOver(t.Context(), p.from, p.to.ID(), sample.Name, "cancelled"); err != nil || <-p.over != "cancelled" {
		t.Errorf("over: %v", err)
	}
	answer = ErrLater
	if _, err := Ask(t.Context(), p.from, p.to.ID(), sample); !errors.Is(err, ErrLater) {
		t.Errorf("later: %v", err)
	}
	if len(p.heard) != 0 {
		t.Error("what is no end was heard as one")
	}
}

// Who is not expected learns nothing.
func TestStrangersGetSilence(t *testing.T) {
	p := newPair(t, nil)
	_, err := Ask(t.Context(), p.from, p.to.ID(), sample)
	if reset, is := errors.AsType[*network.StreamError](err); !is || !reset.Remote || errors.Is(err, ErrRefused) {
		t.Errorf("told of a transfer: %v", err)
	}
	if err := TellOver(t.Context(), p.from, p.to.ID(), sample.Name, ""); err == nil {
		t.Error("told of an end")
	}
}

func TestBrokenSenders(t *testing.T) {
	p := newPair(t, func(Offer) ([]filexfer.Span, error) { return nil, nil })
	for name, sent := range map[string]string{
		"an answer": "\x00\x01\x04", "too long": "\xff\xff", "no kind": "\x00\x01\x09", "half a length": "\x00",
	} {
		s, err := p.from.NewStream(t.Context(), p.to.ID(), ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		s.Write([]byte(sent))
		s.CloseWrite()
		if n, err := s.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s is answered: %v", name, err)
		}
		s.Reset()
	}
	if len(p.heard) != 0 {
		t.Error("an end was heard")
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	asked := make(chan struct{})
	p := newPair(t, nil)
	s := New(Config{Missing: func(ctx context.Context, _ peer.ID, _ Offer) ([]filexfer.Span, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	p.to.SetStreamHandler(ID, s.HandleStream)
	ended := make(chan error, 1)
	go func() {
		_, err := Ask(t.Context(), p.from, p.to.ID(), sample)
		ended <- err
	}()
	<-asked
	s.Close()
	if err := <-ended; err == nil {
		t.Error("it was answered")
	}
	if _, err := Ask(t.Context(), p.from, p.to.ID(), sample); err == nil {
		t.Error("answered after Close")
	}
}
