package filexfer

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Send offers f to one device and returns when the transfer has ended: nil and
// a Finished view once the receiver has verified and stored every byte, an
// *[Error] otherwise. The end of ctx cancels it in any state, as Cancel does.
func (s *Service) Send(ctx context.Context, to peer.ID, f File) (View, error) {
	t, ctx, err := s.begin(ctx, View{ID: f.ID, Peer: to, Name: SafeName(f.Name), Size: f.Size, Offset: f.Offset, Sum: f.header().Sum})
	if err != nil {
		return View{Peer: to, State: ClosedByHost, Err: err}, err
	}
	defer s.end(t)
	t.enter(Created)
	return t.finish(t.send(ctx, f))
}

// send goes from a File to the end of its stream.
func (t *transfer) send(ctx context.Context, f File) error {
	h := f.header()
	header, err := h.MarshalText()
	if err != nil {
		return decided("header", fmt.Errorf("%w: %w", ErrSource, err))
	}
	src, err := f.open()
	if err != nil {
		return failureHere(ctx, "open the file", err)
	}
	defer src.Close()
	stream, err := t.service.dial(ctx, t.view.Peer)
	if err != nil {
		return unjoinable(ctx, err)
	}
	t.view.Conn = stream.Conn()
	out := &outgoing{
		conversation: conversation{transfer: t, stream: stream},
		answers:      bufio.NewReaderSize(stream, maxAnswer),
		src:          src,
		header:       header,
		trailer:      h.Trailer,
	}
	return out.hold(ctx, out.talk)
}

// header says what f is. Without a sum it promises one, unless f begins inside
// the file: then a sum would say nothing to who has the beginning.
func (f File) header() Header {
	h := Header{
		Length:       f.Size,
		Name:         shorten(f.Name, maxName),
		Offset:       f.Offset,
		Conversation: f.Conversation,
		Interaction:  f.Interaction,
	}
	if f.Offset == 0 {
		h.Sum, h.Trailer = f.Sum, f.Sum == ""
	}
	return h
}

// dial opens a stream of ours.
func (s *Service) dial(ctx context.Context, to peer.ID) (network.Stream, error) {
	stream, err := s.host.NewStream(ctx, to, ID)
	if err != nil {
		return nil, err
	}
	if err := stream.Scope().SetService(serviceName); err != nil {
		stream.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, err
	}
	return stream, nil
}

func unjoinable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return failure(ctx, "open a stream", err)
	}
	return &Error{State: Unjoinable, Op: "open a stream", Err: fmt.Errorf("%w: %w", ErrUnjoinable, err)}
}

// outgoing is the sender's half of a conversation.
type outgoing struct {
	conversation
	answers *bufio.Reader
	src     *source
	header  []byte
	trailer bool // the header promises one
}

// talk is the sender's side of the wire, from top to bottom.
func (o *outgoing) talk(ctx context.Context) error {
	if err := o.offer(ctx); err != nil {
		return err
	}
	o.enter(AwaitingPeer)
	if err := o.awaitGo(ctx); err != nil {
		return err
	}
	o.enter(Ongoing)
	verdict := o.listen()
	if err := o.sendBytes(ctx); err != nil {
		return err
	}
	return o.awaitVerdict(ctx, verdict)
}

// offer writes the header, whole.
func (o *outgoing) offer(ctx context.Context) error {
	stop := o.within(o.service.cfg.HeaderTimeout, ErrStalled)
	defer stop()
	if _, err := o.stream.Write(o.header); err != nil {
		return failure(ctx, "send the header", err)
	}
	return nil
}

// awaitGo waits until the receiver has decided.
func (o *outgoing) awaitGo(ctx context.Context) error {
	const op = "await GO"
	stop := o.within(o.service.cfg.AcceptTimeout, ErrTimeout)
	defer stop()
	switch a, err := readAnswer(o.answers); {
	case err != nil:
		return failure(ctx, op, err)
	case a.verb == verbGo:
		return nil
	case a.verb == verbRefuse:
		return said(op, a)
	default:
		return failure(ctx, op, fmt.Errorf("%w: %s before GO", ErrProtocol, a.verb))
	}
}

// listen reads the verdict beside the sending, because BAD may come early. A
// bad one ends the transfer's ctx, and with it the sending. The channel gives
// one value: nil for OK.
func (o *outgoing) listen() <-chan error {
	verdict := make(chan error, 1)
	o.beside.Go(func() {
		err := o.readVerdict()
		if err != nil {
			o.cancel(err)
		}
		verdict <- err
	})
	return verdict
}

func (o *outgoing) readVerdict() error {
	const op = "await the verdict"
	switch a, err := readAnswer(o.answers); {
	case err != nil:
		return suffered(op, err)
	case a.verb == verbStored:
		return nil
	case a.verb == verbFailed:
		return said(op, a)
	default:
		return suffered(op, fmt.Errorf("%w: %s after GO", ErrProtocol, a.verb))
	}
}

// sendBytes sends the file and, where it was promised, its sum. A sum is sent
// only of a file that stayed the same meanwhile.
func (o *outgoing) sendBytes(ctx context.Context) error {
	out := &stallWriter{dst: o.stream, alarm: o.stallAlarm(), moved: o.moved}
	flow := &pump{src: o.src, dst: out, size: o.view.Size, interrupt: func() { o.src.Close() }}
	if !o.trailer {
		return o.sendFailure(ctx, flow.run(ctx))
	}
	sum := o.service.newSum()
	flow.hash = sum
	if err := flow.run(ctx); err != nil {
		return o.sendFailure(ctx, err)
	}
	if err := o.src.unchanged(); err != nil {
		return decided("read the file", err)
	}
	digest := sum.Sum(nil)
	o.view.Sum = hex.EncodeToString(digest)
	stop := o.within(o.service.cfg.StallTimeout, ErrStalled)
	defer stop()
	_, err := o.stream.Write(trailer(digest))
	return o.sendFailure(ctx, err)
}

func (o *outgoing) sendFailure(ctx context.Context, err error) error {
	var unread *readError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unread):
		return failureHere(ctx, "read the file", fmt.Errorf("%w: %w", ErrSource, err))
	default:
		return failure(ctx, "send", err)
	}
}

// awaitVerdict waits for OK. Flushing a large file may take its time.
func (o *outgoing) awaitVerdict(ctx context.Context, verdict <-chan error) error {
	stop := o.within(o.service.cfg.VerdictTimeout, ErrStalled)
	defer stop()
	if err := <-verdict; err != nil {
		return failure(ctx, "await the verdict", err)
	}
	return nil
}
