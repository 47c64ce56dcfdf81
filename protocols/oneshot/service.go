package oneshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/protocols/exchange"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// ID is the protocol's name on the wire.
const ID protocol.ID = "/passeur/oneshot/1.0.0"

// readTimeout bounds how long an offer may take to come.
const readTimeout = 30 * time.Second

// streams is how they are handled. Who receives may have to read what is there of a
// file before it answers.
var streams = exchange.Kind{ID: ID, Service: "passeur.oneshot", Timeout: 2 * time.Minute, Served: 32}

// ErrLater: the sums of an offer are to be told before anything of it is taken.
var ErrLater = errors.New("the sums are not known yet")

// ErrRefused: the receiver does not take it; the error is a *Refusal.
var ErrRefused = errors.New("the receiver does not take it")

// Refusal is a no.
type Refusal struct {
	// Reason is for people; in what Ask returns it is the other side's text, hostile
	// until made visible.
	Reason string
}

func (r *Refusal) Error() string {
	if r.Reason == "" {
		return ErrRefused.Error()
	}
	return fmt.Sprintf("%v: %s", ErrRefused, filexfer.Visible(r.Reason))
}

// Unwrap gives ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Config of a Service. The zero value expects nobody.
type Config struct {
	// Missing tells what is missing here of what device sends, in order, each range
	// beginning and ending with a unit or with the file; none: the file is whole and
	// has its name. It fails with ErrLater if it needs a Root, with a *Refusal to say
	// no in words; another error is silence, for whoever is not expected. It is called
	// from many goroutines and must return when ctx ends. Nil expects nobody.
	Missing func(ctx context.Context, device peer.ID, o Offer) ([]filexfer.Span, error)
	// Heard is told that device has read the answer whole, or a no, to an offer.
	Heard func(device peer.ID, name Name)
	// Over is told why device does not send it any more: hostile text. An error is
	// silence.
	Over func(device peer.ID, name Name, reason string) error
	// Logger takes what is of no interest to the user. Nil: nothing is logged.
	Logger *slog.Logger
}

// Service answers those who send. It is safe for use by many goroutines.
type Service struct {
	cfg    Config
	server *exchange.Server
}

// errUnexpected: nobody waits for that transfer.
var errUnexpected = errors.New("nobody waits for this transfer")

// New makes a Service. Incoming streams are given to HandleStream by whoever mounts
// it.
func New(cfg Config) *Service {
	if cfg.Missing == nil {
		cfg.Missing = func(context.Context, peer.ID, Offer) ([]filexfer.Span, error) { return nil, errUnexpected }
	}
	if cfg.Heard == nil {
		cfg.Heard = func(peer.ID, Name) {}
	}
	if cfg.Over == nil {
		cfg.Over = func(peer.ID, Name, string) error { return errUnexpected }
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

// HandleStream answers one message.
func (s *Service) HandleStream(stream network.Stream) {
	err := s.server.Handle(stream, func(ctx context.Context) error { return s.serve(ctx, stream) })
	if err != nil {
		s.cfg.Logger.Debug("oneshot", "peer", stream.Conn().RemotePeer(), "error", err)
	}
}

func (s *Service) serve(ctx context.Context, stream network.Stream) error {
	if err := stream.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	m, err := readMessage(stream)
	if err != nil {
		return fmt.Errorf("read what is sent: %w", err)
	}
	device := stream.Conn().RemotePeer()
	answer, err := s.answer(ctx, device, m)
	if err != nil {
		return err
	}
	if err := writeMessage(stream, answer); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if err := stream.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the answer was not heard: %w", errors.Join(err, errMessage))
	}
	if m.kind == kindOffer && (answer.kind == kindWhole || answer.kind == kindNo) {
		s.cfg.Heard(device, m.offer.Name)
	}
	return nil
}

// answer gives what to say; an error says nothing.
func (s *Service) answer(ctx context.Context, device peer.ID, m message) (message, error) {
	switch m.kind {
	case kindOver:
		return message{kind: kindWhole}, s.cfg.Over(device, m.offer.Name, m.reason)
	case kindOffer:
	default:
		return message{}, fmt.Errorf("%w: it begins with kind %d", errMessage, m.kind)
	}
	missing, err := s.cfg.Missing(ctx, device, m.offer)
	refusal, no := errors.AsType[*Refusal](err)
	switch {
	case errors.Is(err, ErrLater):
		return message{kind: kindLater}, nil
	case no:
		return message{kind: kindNo, reason: cut(refusal.Reason, maxReason)}, nil
	case err != nil:
		return message{}, err
	case len(missing) == 0:
		return message{kind: kindWhole}, nil
	}
	return message{kind: kindMissing, missing: missing[:min(len(missing), MaxRanges)]}, nil
}

// Ask tells to, to whom a connection should stand, what is sent, and gives what is
// missing there, in order, within the file and aligned to units; nothing is missing
// of what is whole there, and has its name. It fails with ErrLater, *Refusal, or as
// the stream does.
func Ask(ctx context.Context, h exchange.Host, to peer.ID, o Offer) ([]filexfer.Span, error) {
	o.FileName = cut(o.FileName, maxFileName)
	m, err := say(ctx, h, to, message{kind: kindOffer, offer: o})
	if err != nil {
		return nil, err
	}
	switch m.kind {
	case kindMissing:
		return m.missing, o.check(m.missing)
	case kindWhole:
		return nil, nil
	case kindLater:
		return nil, ErrLater
	case kindNo:
		return nil, &Refusal{Reason: m.reason}
	}
	return nil, fmt.Errorf("%w: an answer of kind %d", errMessage, m.kind)
}

// check tells whether a file can be missing these ranges.
func (o Offer) check(missing []filexfer.Span) error {
	for _, r := range missing {
		if r.End > o.Size || !o.isEdge(r.Start) || !o.isEdge(r.End) {
			return fmt.Errorf("%w: bytes %d to %d of %d cannot be missing", errMessage, r.Start, r.End, o.Size)
		}
	}
	return nil
}

// TellOver tells to that the transfer does not come any more, and why: at most 200
// bytes of reason, for people. A nil error: it knows. It fails as the stream does, also
// where nobody expects the transfer.
func TellOver(ctx context.Context, h exchange.Host, to peer.ID, name Name, reason string) error {
	m, err := say(ctx, h, to, message{kind: kindOver, offer: Offer{Name: name}, reason: cut(reason, maxReason)})
	if err == nil && m.kind != kindWhole {
		err = fmt.Errorf("%w: a receipt of kind %d", errMessage, m.kind)
	}
	return err
}

// say says one thing and gives the answer.
func say(ctx context.Context, h exchange.Host, to peer.ID, m message) (answer message, err error) {
	err = streams.Ask(ctx, h, to, func(stream network.Stream) error {
		if err := writeMessage(stream, m); err != nil {
			return fmt.Errorf("say what is sent: %w", err)
		}
		if answer, err = readMessage(stream); err != nil {
			return fmt.Errorf("await the answer: %w", err)
		}
		return nil
	})
	return answer, err
}
