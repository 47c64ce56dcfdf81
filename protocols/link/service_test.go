package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two connected hosts: one that has a service, and one that joins.
type pair struct {
	keeper, device host.Host
	service        *Service
	ended          chan error
}

// newPair serves what offer gives; nil offers the hand-over of sample.
func newPair(t *testing.T, offer func(context.Context, peer.ID, string) (Handover, error)) pair {
	t.Helper()
	p := pair{keeper: loopback.Host(t), device: loopback.Host(t), ended: make(chan error, 1)}
	if offer == nil {
		offer = func(_ context.Context, device peer.ID, _ string) (Handover, error) { return sample(t, device), nil }
	}
	p.service = New(Config{Offer: offer, Ended: func(_ peer.ID, err error) { p.ended <- err }})
	p.keeper.SetStreamHandler(p.service.ID(), p.service.HandleStream)
	t.Cleanup(func() { p.service.Close() })
	if err := p.device.Connect(t.Context(), *host.InfoFromHost(p.keeper)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p pair) join(t *testing.T, keep func(*Handover) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Join(ctx, p.device, p.keeper.ID(), p.device.ID(), "phone", keep)
}

// raw opens a stream and writes what a broken device would.
func (p pair) raw(t *testing.T, sent []byte) network.Stream {
	t.Helper()
	s, err := p.device.NewStream(t.Context(), p.keeper.ID(), ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Reset() })
	if err := s.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(sent); err != nil {
		t.Fatal(err)
	}
	return s
}

func sample(t testing.TB, device peer.ID) Handover {
	t.Helper()
	key, err := conversation.AccountKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := key.Certify(device)
	if err != nil {
		t.Fatal(err)
	}
	return Handover{
		Account: key.Account(), Certificate: cert[:], Key: key.Seed(), Record: []byte("a signed record"),
		Keepers:       []peer.ID{device},
		Contacts:      []Contact{{Account: key.Account(), Name: "bob", State: "accepted", Since: 1795416927175, Record: []byte("another")}},
		Conversations: []byte{0, 1, 2},
	}
}

func TestHandoverCrosses(t *testing.T) {
	p := newPair(t, nil)
	var got *Handover
	if err := p.join(t, func(h *Handover) error { got = h; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("the keeper's end: %v", err)
	}
	want, err := sample(t, p.device.ID()).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := got.Encode(); err != nil || !bytes.Equal(raw, want) {
		t.Errorf("%s, %v\nwant %s", raw, err, want)
	}
}

func TestOfferSeesWhoAsks(t *testing.T) {
	var asked peer.ID
	var name string
	p := newPair(t, func(_ context.Context, device peer.ID, n string) (Handover, error) {
		asked, name = device, n
		return Handover{}, &Refusal{Reason: "come back later"}
	})
	err := p.join(t, func(*Handover) error { t.Error("there was something to keep"); return nil })
	refusal, is := errors.AsType[*Refusal](err)
	if !is || refusal.Reason != "come back later" || !errors.Is(err, ErrRefused) {
		t.Errorf("error is %v", err)
	}
	if asked != p.device.ID() || name != "phone" {
		t.Errorf("the keeper was asked by %s, %q", asked, name)
	}
}

// What went wrong at the keeper is not told to whom it does not concern.
func TestOtherErrorsAreRefusalsWithoutWords(t *testing.T) {
	p := newPair(t, func(context.Context, peer.ID, string) (Handover, error) {
		return Handover{}, errors.New("the disk at /home/alice is full")
	})
	err := p.join(t, nil)
	if refusal, is := errors.AsType[*Refusal](err); !is || refusal.Reason != "" {
		t.Errorf("error is %v", err)
	}
}

func TestZeroConfigServesNobody(t *testing.T) {
	p := newPair(t, nil)
	nobody := New(Config{})
	defer nobody.Close()
	p.keeper.SetStreamHandler(ID, nobody.HandleStream)
	if err := p.join(t, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("error is %v", err)
	}
}

func TestKeeperHearsWhenNothingWasKept(t *testing.T) {
	p := newPair(t, nil)
	full := errors.New("the disk is full")
	if err := p.join(t, func(*Handover) error { return full }); !errors.Is(err, full) {
		t.Errorf("the device's error is %v", err)
	}
	if err := <-p.ended; err == nil {
		t.Error("the keeper believes that the hand-over is safe")
	}
}

func TestHandoverForAnotherDeviceIsRefused(t *testing.T) {
	p := newPair(t, func(context.Context, peer.ID, string) (Handover, error) {
		return sample(t, mustID(t)), nil
	})
	err := p.join(t, func(*Handover) error { t.Error("it was kept"); return nil })
	if !errors.Is(err, ErrHandover) {
		t.Errorf("error is %v", err)
	}
	if err := <-p.ended; err == nil {
		t.Error("the keeper believes that the hand-over is safe")
	}
}

func TestHandoverThatIsTooLongIsRefused(t *testing.T) {
	p := newPair(t, func(_ context.Context, device peer.ID, _ string) (Handover, error) {
		h := sample(t, device)
		h.Conversations = make([]byte, MaxHandover)
		return h, nil
	})
	if err := p.join(t, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("error is %v", err)
	}
	if err := <-p.ended; !errors.Is(err, ErrHandover) {
		t.Errorf("the keeper's end: %v", err)
	}
}

func TestBrokenDevicesAreResetUnasked(t *testing.T) {
	frame := func(text string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	}
	for name, sent := range map[string][]byte{
		"too long":       binary.BigEndian.AppendUint32(nil, maxShort+1),
		"huge":           {0xff, 0xff, 0xff, 0xff},
		"no JSON":        frame("hello"),
		"other version":  frame(`{"version":2,"name":"phone"}`),
		"no version":     frame(`{"name":"phone"}`),
		"no name":        frame(`{"version":1}`),
		"long name":      frame(`{"version":1,"name":"` + strings.Repeat("x", MaxName+1) + `"}`),
		"name not a str": frame(`{"version":1,"name":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, func(context.Context, peer.ID, string) (Handover, error) {
				t.Error("the keeper was asked")
				return Handover{}, nil
			})
			if got, err := io.ReadAll(p.raw(t, sent)); err == nil {
				t.Errorf("the keeper answered %q", got)
			}
		})
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	asked := make(chan struct{})
	p := newPair(t, func(ctx context.Context, _ peer.ID, _ string) (Handover, error) {
		close(asked)
		<-ctx.Done()
		return Handover{}, ctx.Err()
	})
	done := make(chan error, 1)
	go func() { done <- p.join(t, nil) }()
	<-asked
	if err := p.service.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the exchange went well")
	}
	if err := p.join(t, nil); err == nil {
		t.Error("a closed service serves")
	}
}

func mustID(t *testing.T) peer.ID {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
