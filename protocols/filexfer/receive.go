package filexfer

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
)

// HandleStream receives one file; it is the handler for streams of [ID]. It
// returns when the stream has ended.
func (s *Service) HandleStream(stream network.Stream) {
	if err := stream.Scope().SetService(serviceName); err != nil {
		stream.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	from := stream.Conn().RemotePeer()
	t, ctx, err := s.begin(context.Background(), View{Peer: from, Incoming: true, Conn: stream.Conn()})
	if err != nil {
		stream.ResetWithError(codeOf(err))
		return
	}
	defer s.end(t)
	stream = s.cfg.Wrap(stream, t.view.ID)
	in := &incoming{
		conversation: conversation{transfer: t, stream: stream},
		bytes:        bufio.NewReaderSize(stream, MaxHeader),
	}
	if _, err := t.finish(in.hold(ctx, in.talk)); err != nil {
		s.log.Debug("file not received", "peer", from, "id", t.view.ID, "err", Visible(err.Error()))
	}
}

// incoming is the receiver's half of a conversation.
type incoming struct {
	conversation
	bytes *bufio.Reader
	sink  Sink
	units TreeSink // sink, if it verifies units
	sums  bool     // the sender was asked for them
}

// talk is the receiver's side of the wire, from top to bottom.
func (i *incoming) talk(ctx context.Context) error {
	if err := i.service.cfg.Admit(i.view.Conn); err != nil {
		return refuse("admit", err)
	}
	if err := i.service.admit(i.transfer); err != nil {
		return refuse("admit", err)
	}
	h, err := i.readHeader(ctx)
	if err != nil {
		return err
	}
	i.view.Name, i.view.Size, i.view.Offset = SafeName(h.Name), h.Length, h.Offset
	i.enter(Created)
	first, err := i.ask(ctx, i.offer(h))
	if err != nil {
		return err
	}
	if err := i.store(ctx, h, first); err != nil {
		i.abort(i.sink)
		return err
	}
	i.sayStored()
	return nil
}

// errEarly: nobody may speak before GO.
var errEarly = fmt.Errorf("%w: bytes before GO", ErrProtocol)

// readHeader gives a sender little time for its header.
func (i *incoming) readHeader(ctx context.Context) (Header, error) {
	stop := i.within(i.service.cfg.HeaderTimeout, ErrStalled)
	defer stop()
	h, err := readHeader(i.bytes)
	var syntax *SyntaxError
	switch {
	case errors.As(err, &syntax):
		return h, refuse("read the header", err)
	case err != nil:
		return h, failure(ctx, "read the header", err)
	case i.bytes.Buffered() > 0:
		return h, failure(ctx, "read the header", errEarly)
	case h.Offset != 0 && !i.service.cfg.Ranges:
		return h, refuse("read the header", fmt.Errorf("%w: it begins at byte %d", ErrUnsupported, h.Offset))
	case h.Offset != 0 && (h.Sum != "" || h.Trailer):
		return h, refuse("read the header", fmt.Errorf("%w: a sum of what follows byte %d only", ErrUnsupported, h.Offset))
	}
	return h, nil
}

func (i *incoming) offer(h Header) Offer {
	return Offer{
		ID:           i.view.ID,
		From:         i.view.Peer,
		Conn:         i.view.Conn,
		Name:         i.view.Name,
		RawName:      h.Name,
		Size:         h.Length,
		Offset:       h.Offset,
		Sum:          h.Sum,
		Total:        h.total(),
		Root:         h.Root,
		Follows:      h.Follows,
		Manifest:     h.Manifest,
		Conversation: h.Conversation,
		Interaction:  h.Interaction,
	}
}

// ask lets the app decide, and says GO. Until then the sender must be silent:
// whatever comes from it (a byte, a reset, the end of the connection) ends the
// waiting at once. The first byte after GO closes first.
func (i *incoming) ask(ctx context.Context, o Offer) (first <-chan struct{}, err error) {
	var accepted atomic.Bool
	first = i.watch(&accepted)
	stop := i.within(i.service.cfg.AcceptTimeout, ErrTimeout)
	defer stop()
	i.enter(AwaitingHost)
	sink, err := i.service.cfg.Accept(ctx, o)
	switch {
	case err != nil && ctx.Err() == nil:
		return nil, refuse("accept", err)
	case err != nil: // what sink is then, means nothing: it may be a nil *FileSink
		return nil, failure(ctx, "await a decision", err)
	case ctx.Err() != nil:
		i.abort(sink)
		return nil, failure(ctx, "await a decision", ctx.Err())
	case sink == nil:
		return nil, refuse("accept", fmt.Errorf("%w: no sink", ErrRefused))
	}
	if err := i.use(sink, o); err != nil {
		i.abort(sink)
		return nil, refuse("accept", err)
	}
	accepted.Store(true)
	if err := i.sayGo(); err != nil {
		i.abort(sink)
		return nil, failure(ctx, "say GO", err)
	}
	return first, nil
}

// use makes sink the one of the transfer, if it can take what is offered.
func (i *incoming) use(sink Sink, o Offer) error {
	if err := wants(sink, o); err != nil {
		return err
	}
	units, ok := sink.(TreeSink)
	if sums := ok && units.NeedSums(); sums && !o.HasTree() {
		return fmt.Errorf("%w: a file without the sums of its units", ErrUnsupported)
	} else if ok {
		i.units, i.sums = units, sums
	}
	i.sink = sink
	return nil
}

func (i *incoming) sayGo() error {
	a := answer{verb: verbGo}
	if i.sums {
		a.reason = wordSums
	}
	_, err := i.stream.Write(a.line())
	return err
}

// watch waits for the sender's next byte beside the asking.
func (i *incoming) watch(accepted *atomic.Bool) <-chan struct{} {
	first := make(chan struct{})
	i.beside.Go(func() {
		defer close(first)
		_, err := i.bytes.Peek(1)
		switch {
		case accepted.Load(): // now it is the reading that says what was wrong
		case err != nil:
			i.cancel(suffered("await a decision", err))
		default:
			i.cancel(suffered("await a decision", errEarly))
		}
	})
	return first
}

// store takes the bytes, compares their sum and commits the sink.
func (i *incoming) store(ctx context.Context, h Header, first <-chan struct{}) error {
	i.enter(Ongoing)
	if h.bytesFollow() || i.sums {
		stop := i.within(i.service.cfg.StallTimeout, ErrStalled)
		<-first
		stop()
	}
	if i.units != nil {
		return i.storeUnits(ctx, h, first)
	}
	if err := i.takeBytes(ctx); err != nil {
		return err
	}
	if err := i.compare(ctx, h); err != nil {
		return err
	}
	return i.commit(ctx)
}

// takeBytes fills the sink with exactly as many bytes as were announced.
func (i *incoming) takeBytes(ctx context.Context) error {
	sum := i.sum()
	flow := &pump{
		src:       &stallReader{src: i.bytes, alarm: i.stallAlarm()},
		dst:       &countingSink{i.sink, i.moved},
		size:      i.view.Size,
		hash:      sum,
		interrupt: func() { i.stream.CloseRead() },
	}
	err := flow.run(ctx)
	var unwritten *writeError
	switch {
	case errors.As(err, &unwritten) && ctx.Err() == nil:
		return unstored("write the file", err)
	case err != nil:
		return failure(ctx, "receive", err)
	}
	i.view.Sum = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// sum is what hashes the bytes: the sink's own running sum if it has one.
func (i *incoming) sum() hash.Hash {
	if part, ok := i.sink.(PartSink); ok {
		return part.Hash()
	}
	return i.service.newSum()
}

// compare holds the sum of what came against the announced one. A sender that
// announces none is believed: TLS and the count of bytes have to do.
func (i *incoming) compare(ctx context.Context, h Header) error {
	announced := h.Sum
	if h.Trailer {
		stop := i.within(i.service.cfg.StallTimeout, ErrStalled)
		defer stop()
		var err error
		if announced, err = readTrailer(i.bytes); err != nil {
			return failure(ctx, "read the sum", err)
		}
	}
	if h.bytesFollow() && i.bytes.Buffered() > 0 { // else watch still has the reader
		return failure(ctx, "read the sum", errLong)
	}
	if announced != "" && announced != i.view.Sum {
		return unverified(ErrBadSum)
	}
	return nil
}

// commit is the point of no return: a cancel that comes before it ends the
// transfer, one that comes after it finds the file stored and OK said.
func (i *incoming) commit(ctx context.Context) error {
	const op = "store the file"
	if tooLate := i.leash.drop(); tooLate {
		return failure(ctx, op, nil)
	}
	switch err := i.sink.Commit(); {
	case errors.Is(err, ErrBadSum):
		return unverified(err)
	case err != nil:
		return unstored(op, err)
	}
	i.findPath()
	return nil
}

func (i *incoming) findPath() {
	if named, ok := i.sink.(pathed); ok {
		i.view.Path = named.Path()
	}
}

// sayStored says OK. Whether the sender hears it changes nothing here.
func (i *incoming) sayStored() {
	if err := i.say(answer{verb: verbStored}); err != nil {
		i.service.log.Debug("the sender did not hear OK", "id", i.view.ID, "err", err)
	}
}

// abort makes a sink forget. The user is told why the transfer ended, not that
// a temporary file could not be removed.
func (i *incoming) abort(sink Sink) {
	if sink == nil {
		return
	}
	if err := sink.Abort(); err != nil {
		i.service.log.Warn("an unfinished file may be left", "id", i.view.ID, "err", err)
	}
}

// countingSink counts what the sink has taken.
type countingSink struct {
	Sink
	moved func(n int)
}

func (c *countingSink) Write(p []byte) (int, error) {
	n, err := c.Sink.Write(p)
	c.moved(n)
	return n, err
}

// refuse is an end before GO that the sender is told with NGO.
func refuse(op string, err error) error {
	return &Error{State: hereState(err), Op: op, Err: err, verb: verbRefuse}
}

// unverified is a wrong sum; the sender is told with BAD.
func unverified(err error) error {
	return &Error{State: ClosedByHost, Op: "verify", Err: err, verb: verbFailed}
}

// unstored is an end after GO that the sender is told with BAD.
func unstored(op string, err error) error {
	state := hereState(err)
	if state != InvalidPath {
		err = fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return &Error{State: InvalidPath, Op: op, Err: err, verb: verbFailed}
}
