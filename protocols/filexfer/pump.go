package filexfer

import (
	"context"
	"hash"
	"io"
	"sync"
)

const (
	bufferSize = 1 << 20 // bytes of one buffer of a pump
	bufferMax  = 4       // buffers of one pump: one is read, one written, one hashed, one waits
	extentMax  = 16      // extents that wait between two stages
)

// pump moves exactly size bytes from src to dst and hashes them on the way. It
// is a ring of three stages that work at the same time on different bytes:
//
//	free -> fill (read) -> drain (write, the caller's goroutine) -> digest (hash) -> free
//
// What one Read brings moves on at once, so that a slow source is passed on as
// it comes.
type pump struct {
	src  io.Reader
	dst  io.Writer
	size int64
	// hash takes every byte that was written; nil hashes nothing.
	hash hash.Hash
	// interrupt makes a Read of src that waits return; run calls it when it
	// gives up.
	interrupt func()
}

// readError and writeError tell which side of a pump failed.
type readError struct{ error }
type writeError struct{ error }

func (e *readError) Unwrap() error  { return e.error }
func (e *writeError) Unwrap() error { return e.error }

// extent is what one Read brought, as a part of a buffer; or why it brought
// nothing.
type extent struct {
	data []byte
	used *buffer // set on the last extent of its buffer, which is free after it
	err  error
}

type buffer [bufferSize]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// run returns when all bytes have moved or one stage has failed, with a
// *readError (an early end of src is io.ErrUnexpectedEOF), a *writeError, or
// the cause of ctx. No stage is left running.
func (p *pump) run(ctx context.Context) error {
	free := make(chan *buffer, bufferMax)
	for i := int64(0); i < bufferMax && i*bufferSize < p.size; i++ {
		free <- buffers.Get().(*buffer)
	}
	filled, written := make(chan extent, extentMax), make(chan extent, extentMax)
	stop := make(chan struct{})
	var stages sync.WaitGroup
	stages.Go(func() { p.fill(free, filled, stop) })
	stages.Go(func() { p.digest(written, free) })

	err := p.drain(ctx, filled, written)
	close(written)
	close(stop)
	if err != nil {
		p.interrupt()
	}
	stages.Wait()
	recycle(free)
	return err
}

// fill reads until size bytes are out, src fails, or stop is closed.
func (p *pump) fill(free <-chan *buffer, filled chan<- extent, stop <-chan struct{}) {
	for left := p.size; left > 0; {
		var b *buffer
		select {
		case b = <-free:
		case <-stop:
			return
		}
		room := b[:min(left, bufferSize)]
		left -= int64(len(room))
		for len(room) > 0 {
			e := p.read(&room, b)
			select {
			case filled <- e:
			case <-stop:
				return
			}
			if e.err != nil {
				return
			}
		}
	}
}

// read does one Read into room, which is the rest of b, and takes what came
// off it.
func (p *pump) read(room *[]byte, b *buffer) extent {
	n, err := p.src.Read(*room)
	e := extent{data: (*room)[:n]}
	*room = (*room)[n:]
	switch {
	case len(*room) == 0: // all that was wanted: an error with it does not matter
		e.used = b
	case err == io.EOF:
		e.err = &readError{io.ErrUnexpectedEOF}
	case err != nil:
		e.err = &readError{err}
	}
	return e
}

// drain writes until size bytes are through.
func (p *pump) drain(ctx context.Context, filled <-chan extent, written chan<- extent) error {
	for left := p.size; left > 0; {
		var e extent
		select {
		case e = <-filled:
		case <-ctx.Done():
		}
		switch { // what has come does not outrun the end of ctx
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case e.err != nil:
			return e.err
		}
		if _, err := p.dst.Write(e.data); err != nil {
			return &writeError{err}
		}
		left -= int64(len(e.data))
		written <- e
	}
	return nil
}

// digest hashes what was written and gives the buffers back.
func (p *pump) digest(written <-chan extent, free chan<- *buffer) {
	for e := range written {
		if p.hash != nil {
			p.hash.Write(e.data)
		}
		if e.used != nil {
			free <- e.used // has room for every buffer there is
		}
	}
}

// recycle empties free, which nobody uses any more, into the pool.
func recycle(free <-chan *buffer) {
	for {
		select {
		case b := <-free:
			buffers.Put(b)
		default:
			return
		}
	}
}
