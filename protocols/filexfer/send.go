package filexfer

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/onconn"
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
	stream, err := t.dial(ctx, f.Conn)
	if err != nil {
		return unjoinable(ctx, err)
	}
	t.view.Conn = stream.Conn()
	out := &outgoing{
		conversation: conversation{transfer: t, stream: stream},
		answers:      bufio.NewReaderSize(stream, maxAnswer),
		file:         f,
		src:          src,
		header:       header,
		trailer:      h.Trailer,
		hasTree:      h.hasTree(),
		enough:       make(chan struct{}, 1),
	}
	return out.hold(ctx, out.talk)
}

// header says what f is. Without a sum and a tree it promises a sum, unless f
// begins inside the file: then it would say nothing to who has the beginning.
func (f File) header() Header {
	h := Header{
		Length:       f.Size,
		Name:         shorten(f.Name, maxName),
		Offset:       f.Offset,
		Conversation: f.Conversation,
		Interaction:  f.Interaction,
		Manifest:     f.Manifest,
	}
	if end := f.Offset + f.Size; f.Tree != nil && isAligned(Span{f.Offset, end}, f.total()) {
		h.Root, h.Follows = f.Root, f.Root == ""
	}
	if (h.hasTree() || f.Manifest != 0) && f.total() != f.Offset+f.Size {
		h.Total = f.total()
	}
	if f.Offset == 0 {
		h.Sum, h.Trailer = f.Sum, f.Sum == "" && !h.hasTree()
	}
	return h
}

// total is the size of the whole file.
func (f File) total() int64 {
	if f.Total != 0 {
		return f.Total
	}
	return f.Offset + f.Size
}

// dial opens a stream of ours, over conn unless that is nil.
func (t *transfer) dial(ctx context.Context, conn network.Conn) (network.Stream, error) {
	stream, err := t.service.open(ctx, t.view.Peer, conn)
	if err != nil {
		return nil, err
	}
	if err := stream.Scope().SetService(serviceName); err != nil {
		stream.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, err
	}
	return t.service.cfg.Wrap(stream, t.view.ID), nil
}

func (s *Service) open(ctx context.Context, to peer.ID, conn network.Conn) (network.Stream, error) {
	switch {
	case conn == nil:
		return s.host.NewStream(ctx, to, ID)
	case conn.RemotePeer() != to:
		return nil, fmt.Errorf("File.Conn is a connection to %s", conn.RemotePeer())
	default:
		return onconn.NewStream(ctx, conn, ID)
	}
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
	file    File
	src     *source
	header  []byte
	trailer bool          // the header promises one
	hasTree bool          // the header offers one
	enough  chan struct{} // gets something when the receiver says ENOUGH
}

// talk is the sender's side of the wire, from top to bottom.
func (o *outgoing) talk(ctx context.Context) error {
	if err := o.offer(ctx); err != nil {
		return err
	}
	o.enter(AwaitingPeer)
	sums, err := o.awaitGo(ctx)
	if err != nil {
		return err
	}
	o.enter(Ongoing)
	sending, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	verdict := o.listen(stop)
	if sums {
		err = o.sendSums(sending)
	}
	if err == nil {
		err = o.sendBytes(sending)
	}
	if err != nil && (ctx.Err() != nil || context.Cause(sending) != ErrEnough) {
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

// awaitGo waits until the receiver has decided, and whether it wants the sums.
func (o *outgoing) awaitGo(ctx context.Context) (sums bool, err error) {
	const op = "await GO"
	stop := o.within(o.service.cfg.AcceptTimeout, ErrTimeout)
	defer stop()
	a, err := readAnswer(o.answers)
	sums = a.reason == wordSums
	switch {
	case err != nil:
		return false, failure(ctx, op, err)
	case a.verb == verbGo && (!sums || o.hasTree):
		return sums, nil
	case a.verb == verbRefuse:
		return false, said(op, a)
	default:
		return false, failure(ctx, op, fmt.Errorf("%w: %s before GO, or sums that were not offered", ErrProtocol, a.verb))
	}
}

// listen reads what the receiver says beside the sending. ENOUGH stops the bytes;
// BAD may come early too: it ends the transfer's ctx, and with it the sending. The
// channel gives one value: nil for OK.
func (o *outgoing) listen(stop context.CancelCauseFunc) <-chan error {
	verdict := make(chan error, 1)
	o.beside.Go(func() {
		err := o.readVerdict(stop)
		if err != nil {
			o.cancel(err)
		}
		verdict <- err
	})
	return verdict
}

func (o *outgoing) readVerdict(stop context.CancelCauseFunc) error {
	const op = "await the verdict"
	for enough := false; ; {
		switch a, err := readAnswer(o.answers); {
		case err != nil:
			return suffered(op, err)
		case a.verb == verbStored:
			if enough { // a Write may wait for who does not read any more
				o.stream.SetWriteDeadline(time.Now())
			}
			return nil
		case a.verb == verbFailed:
			return said(op, a)
		case a.verb != verbEnough || !o.hasTree:
			return suffered(op, fmt.Errorf("%w: %s after GO", ErrProtocol, a.verb))
		}
		enough = true
		stop(ErrEnough)
		select {
		case o.enough <- struct{}{}:
		default: // the last one has not been heeded yet
		}
	}
}

// writer is what everything after GO is written to.
func (o *outgoing) writer(ctx context.Context, moved func(n int)) *stallWriter {
	return &stallWriter{dst: o.stream, alarm: o.stallAlarm(), moved: moved, halt: ctx.Done()}
}

// sendBytes sends the file and, where it was promised, its sum. A sum is sent
// only of a file that stayed the same meanwhile.
func (o *outgoing) sendBytes(ctx context.Context) error {
	flow := &pump{src: o.src, dst: o.writer(ctx, o.moved), size: o.view.Size, interrupt: func() { o.src.Close() }}
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

// awaitVerdict waits for OK. Flushing a large file may take its time, and what
// comes from others as much as it takes: then ENOUGH is repeated.
func (o *outgoing) awaitVerdict(ctx context.Context, verdict <-chan error) error {
	late := o.alarm(o.service.cfg.VerdictTimeout)
	defer late.stop()
	for {
		late.wind()
		select {
		case err := <-verdict:
			if err != nil {
				return failure(ctx, "await the verdict", err)
			}
			return nil
		case <-o.enough:
		}
	}
}
