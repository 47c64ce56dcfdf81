package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/protocols/exchange"
)

// ID is the protocol's name on the wire.
const ID protocol.ID = "/passeur/link/1.0.0"

// streams is how they are handled: to serve one at a time is the rule.
var streams = exchange.Kind{ID: ID, Service: "passeur.link", Timeout: time.Minute, Served: 4}

// ErrRefused: the keeper does not hand anything over; the error is a *Refusal.
var ErrRefused = errors.New("the other device refused to link this one")

// Refusal is a no. An Offer returns one to choose the words.
type Refusal struct {
	// Reason is for people; in what Join returns it is the other side's text,
	// hostile until made visible.
	Reason string
}

func (r *Refusal) Error() string {
	if r.Reason == "" {
		return ErrRefused.Error()
	}
	return fmt.Sprintf("%v: %q", ErrRefused, r.Reason)
}

// Unwrap gives ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Config of a Service. The zero value serves nobody.
type Config struct {
	// Offer decides whether device, which calls itself name, gets a hand-over, and
	// makes it. An error refuses, with its words if it is a *Refusal. It is called
	// from many goroutines and must return when ctx ends. Nil refuses everybody.
	Offer func(ctx context.Context, device peer.ID, name string) (Handover, error)
	// Ended is told how each hand-over that Offer made ended: nil when the device
	// has it in safety. Nil: nobody is told.
	Ended func(device peer.ID, err error)
	// Logger takes what is of no interest to the user. Nil: nothing is logged.
	Logger *slog.Logger
}

// Service serves new devices. It is safe for use by many goroutines.
type Service struct {
	cfg    Config
	server *exchange.Server
}

// New makes a Service. Incoming streams are given to HandleStream by whoever
// mounts it.
func New(cfg Config) *Service {
	if cfg.Offer == nil {
		cfg.Offer = func(context.Context, peer.ID, string) (Handover, error) { return Handover{}, &Refusal{} }
	}
	if cfg.Ended == nil {
		cfg.Ended = func(peer.ID, error) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg, exchange.NewServer(streams)}
}

// ID gives the protocol ID, for SetStreamHandler.
func (s *Service) ID() protocol.ID { return ID }

// Close takes no new streams and returns when those in flight are gone.
func (s *Service) Close() error { return s.server.Close() }

// HandleStream serves one new device, if Offer lets it.
func (s *Service) HandleStream(stream network.Stream) {
	err := s.server.Handle(stream, func(ctx context.Context) error { return s.serve(ctx, stream) })
	if err != nil {
		s.cfg.Logger.Debug("link", "peer", stream.Conn().RemotePeer(), "error", err)
	}
}

func (s *Service) serve(ctx context.Context, stream network.Stream) error {
	device := stream.Conn().RemotePeer()
	hi, err := readHello(stream)
	if err != nil {
		return fmt.Errorf("read the hello: %w", err)
	}
	h, err := s.cfg.Offer(ctx, device, hi.Name)
	if err != nil {
		return s.refuse(stream, err)
	}
	raw, err := h.Encode()
	if err != nil {
		s.cfg.Ended(device, err)
		return s.refuse(stream, err)
	}
	err = handOver(stream, raw)
	s.cfg.Ended(device, err)
	return err
}

func handOver(stream io.ReadWriter, raw []byte) error {
	if err := writeMessage(stream, answer{Version: version, Handover: raw}); err != nil {
		return fmt.Errorf("send the hand-over: %w", err)
	}
	if err := readReceipt(stream); err != nil {
		return fmt.Errorf("await word that the hand-over is safe: %w", err)
	}
	return nil
}

// refuse says no, with words only if they were chosen for the other side.
func (s *Service) refuse(w io.Writer, why error) error {
	s.cfg.Logger.Debug("refuse to link", "error", why)
	var reason string
	if r, is := errors.AsType[*Refusal](why); is {
		reason = cut(r.Reason)
	}
	return writeMessage(w, answer{Version: version, Refused: &reason})
}

// cut makes a reason valid and short.
func cut(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "")
}

// Join asks keeper, to whom a connection should stand, to make device (this one,
// which calls itself name) one of its account's. keep gets the sound hand-over
// and returns once it is safe on the disk; what it returns ends the exchange. A
// nil error means that keep did so, be it that the keeper never hears of it. It fails with a *Refusal, with ErrHandover, as
// keep does, or as the stream does.
func Join(ctx context.Context, h exchange.Host, keeper, device peer.ID, name string, keep func(*Handover) error) error {
	var refused error
	err := streams.Ask(ctx, h, keeper, func(stream network.Stream) error {
		err := join(stream, device, name, keep)
		if errors.Is(err, ErrRefused) { // an answer, too
			refused, err = err, nil
		}
		return err
	})
	return cmp.Or(err, refused)
}

func join(stream network.Stream, device peer.ID, name string, keep func(*Handover) error) error {
	if err := writeMessage(stream, hello{version, name}); err != nil {
		return fmt.Errorf("send the hello: %w", err)
	}
	a, err := readAnswer(stream)
	if err != nil {
		return fmt.Errorf("await the hand-over: %w", err)
	}
	h, err := Parse(a.Handover, device)
	if err != nil {
		return err
	}
	if err := keep(h); err != nil {
		return err
	}
	if err := writeMessage(stream, receipt{version, true}); err == nil {
		stream.CloseWrite()
		io.Copy(io.Discard, io.LimitReader(stream, maxShort)) // until the keeper has read it
	}
	return nil
}
