package filexfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// errLong: what is announced is all that may come.
var errLong = fmt.Errorf("%w: more bytes than announced", ErrProtocol)

// storeUnits is store for a sink that verifies units.
func (i *incoming) storeUnits(ctx context.Context, h Header, first <-chan struct{}) error {
	if i.sums {
		if err := i.takeSums(ctx, h); err != nil {
			return err
		}
	}
	rest, err := i.takeUnits(ctx, h)
	if err != nil {
		return err
	}
	if h.Trailer { // of who offers no tree; the units say more
		if err := i.skipTrailer(ctx); err != nil {
			return err
		}
	}
	i.beside.Go(func() {
		<-first // until then watch has the reader
		i.guard(<-rest)
	})
	return i.commitUnits(ctx, h)
}

// takeSums gives the sums block to the sink.
func (i *incoming) takeSums(ctx context.Context, h Header) error {
	const op = "read the sums"
	stall := i.stallAlarm()
	stall.wind()
	tree, err := readSums(i.bytes, h.total(), stall.wind)
	stall.stop()
	switch {
	case errors.Is(err, ErrBadSum):
		return unverified(err)
	case err != nil:
		return failure(ctx, op, err)
	case h.Root != "" && h.Root != tree.Root.String():
		return unverified(fmt.Errorf("%w: sums of %v, offered was %s", ErrBadSum, tree.Root, h.Root))
	}
	return i.taken(ctx, op, i.units.SetSums(ctx, tree))
}

// taken is what an error of the sink means.
func (i *incoming) taken(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return failure(ctx, op, err)
	case errors.Is(err, ErrBadSum):
		return unverified(err)
	default:
		return unstored(op, err)
	}
}

// takeUnits fills the sink, until all bytes have come or the sink has enough. Then
// it says ENOUGH, and what still comes is dropped beside; who offered no tree does
// not know the word, and is heard out. The channel gives how that ends.
func (i *incoming) takeUnits(ctx context.Context, h Header) (<-chan error, error) {
	stall := i.stallAlarm()
	dst := &unitWriter{sink: i.units, moved: i.moved, enough: make(chan struct{})}
	flow := &pump{
		src:       &wholeReader{&stallReader{src: i.bytes, alarm: stall}},
		dst:       dst,
		size:      i.view.Size,
		interrupt: func() { i.stream.CloseRead() },
	}
	ended := make(chan error, 1)
	i.beside.Go(func() { ended <- flow.run(ctx) })
	enough := dst.enough
	if !h.hasTree() {
		enough = nil
	}
	select {
	case <-enough:
		stall.disarm()
		return ended, i.sayEnough(ctx)
	case err := <-ended:
		var unwritten *writeError
		switch {
		case errors.As(err, &unwritten):
			return nil, i.taken(ctx, "write the file", err)
		case err != nil:
			return nil, failure(ctx, "receive", err)
		}
		ended <- nil
		return ended, nil
	}
}

func (i *incoming) sayEnough(ctx context.Context) error {
	if err := i.say(answer{verb: verbEnough}); err != nil {
		return failure(ctx, "say ENOUGH", err)
	}
	return nil
}

// skipTrailer reads what nobody compares.
func (i *incoming) skipTrailer(ctx context.Context) error {
	stop := i.within(i.service.cfg.StallTimeout, ErrStalled)
	defer stop()
	if _, err := readTrailer(i.bytes); err != nil {
		return failure(ctx, "read the sum", err)
	}
	return nil
}

// guard looks after the sender while the sink's Commit may wait for others: that
// it sends no more than it announced, and that it is there. err is how the reading
// of the bytes has ended.
func (i *incoming) guard(err error) {
	if err == nil {
		if _, err = i.bytes.Peek(1); err == nil {
			err = errLong
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // that it has no more to say is fine
		i.cancel(suffered("store the file", err))
	}
}

// commitUnits waits for the sink's Commit, which may wait for other transfers. If
// this one ends meanwhile, the sink hears it by Abort; but what Commit says counts.
func (i *incoming) commitUnits(ctx context.Context, h Header) error {
	stop := func() {}
	if h.hasTree() {
		stop = i.repeatEnough()
	}
	aborted := make(chan struct{})
	unbind := context.AfterFunc(ctx, func() {
		defer close(aborted)
		i.abort(i.sink)
	})
	err := i.sink.Commit()
	stop()
	if inTime := unbind(); !inTime {
		<-aborted
		i.sink = nil // knows already
	}
	if err != nil {
		return i.taken(ctx, "store the file", err)
	}
	i.leash.drop()
	i.findPath()
	return nil
}

// repeatEnough lets the sender know, until stop is called, that the verdict takes
// its time: four times before that would count as a stall.
func (i *incoming) repeatEnough() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	i.beside.Go(func() {
		defer close(done)
		tick := time.NewTicker(i.service.cfg.VerdictTimeout / 4)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				i.say(answer{verb: verbEnough}) // who does not hear it will not hear the verdict
			}
		}
	})
	return func() { close(quit); <-done }
}

// wholeReader fills what it reads into; an early end is io.ErrUnexpectedEOF.
type wholeReader struct{ src io.Reader }

func (r *wholeReader) Read(p []byte) (int, error) { return io.ReadFull(r.src, p) }

// unitWriter counts what the sink has taken. When the sink has enough it closes
// enough, and drops the rest.
type unitWriter struct {
	sink   TreeSink
	moved  func(n int)
	enough chan struct{}
	full   bool
}

func (w *unitWriter) Write(p []byte) (int, error) {
	if w.full {
		return len(p), nil
	}
	n, err := w.sink.Write(p)
	w.moved(n)
	if errors.Is(err, ErrEnough) {
		w.full = true
		close(w.enough)
		return len(p), nil
	}
	return n, err
}
