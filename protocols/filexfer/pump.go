package filexfer

import (
	"context"
	"hash"
	"io"
	"sync"
)

const (
	pieceSize = 1 << 20 // bytes of one buffer
	pieceMax  = 4       // buffers of one pump: one is read, one written, one hashed, one waits
)

// pump moves exactly size bytes from src to dst and hashes them on the way. It
// is a ring of three stages that work at the same time on different pieces:
//
//	free -> fill (read) -> drain (write, the caller's goroutine) -> digest (hash) -> free
//
// A piece leaves fill when it is full, or as soon as drain is idle: a slow
// source is passed on as it comes, a fast one in whole pieces.
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

// piece is a part of a buffer of the ring, or the reason why there is none.
type piece struct {
	buffer *[pieceSize]byte
	n      int
	err    error
}

var buffers = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// run returns when all bytes have moved or one stage has failed, with a
// *readError (an early end of src is io.ErrUnexpectedEOF), a *writeError, or
// the cause of ctx. No stage is left running.
func (p *pump) run(ctx context.Context) error {
	free := make(chan *[pieceSize]byte, pieceMax)
	for i := int64(0); i < pieceMax && i*pieceSize < p.size; i++ {
		free <- buffers.Get().(*[pieceSize]byte)
	}
	filled, written, stop := make(chan piece), make(chan piece, pieceMax), make(chan struct{})
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

// fill reads pieces until size bytes are out, src fails, or stop is closed.
func (p *pump) fill(free <-chan *[pieceSize]byte, filled chan<- piece, stop <-chan struct{}) {
	defer close(filled)
	for left := p.size; left > 0; {
		var next piece
		select {
		case next.buffer = <-free:
		case <-stop:
			return
		}
		sent := p.fillPiece(&next, left, filled)
		left -= int64(next.n)
		if sent {
			continue
		}
		select {
		case filled <- next:
		case <-stop:
			return
		}
		if next.err != nil {
			return
		}
	}
}

// fillPiece reads into one piece until it is full; sent tells that drain was
// idle and took it before.
func (p *pump) fillPiece(next *piece, left int64, filled chan<- piece) (sent bool) {
	room := next.buffer[:min(left, pieceSize)]
	for next.n < len(room) && next.err == nil {
		n, err := p.src.Read(room[next.n:])
		next.n += n
		switch {
		case next.n == len(room): // all that was wanted: a late error does not matter
		case err == io.EOF:
			next.err = &readError{io.ErrUnexpectedEOF}
		case err != nil:
			next.err = &readError{err}
		case n > 0:
			select {
			case filled <- *next:
				return true
			default:
			}
		}
	}
	return false
}

// drain writes pieces until size bytes are through.
func (p *pump) drain(ctx context.Context, filled <-chan piece, written chan<- piece) error {
	for left := p.size; left > 0; {
		var next piece
		select {
		case next = <-filled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if next.err != nil {
			buffers.Put(next.buffer)
			return next.err
		}
		if _, err := p.dst.Write(next.buffer[:next.n]); err != nil {
			buffers.Put(next.buffer)
			return &writeError{err}
		}
		left -= int64(next.n)
		written <- next // has room for every buffer there is
	}
	return nil
}

// digest hashes what was written and gives the buffers back.
func (p *pump) digest(written <-chan piece, free chan<- *[pieceSize]byte) {
	for done := range written {
		if p.hash != nil {
			p.hash.Write(done.buffer[:done.n])
		}
		free <- done.buffer // has room for every buffer there is
	}
}

// recycle empties free, which nobody uses any more, into the pool.
func recycle(free <-chan *[pieceSize]byte) {
	for {
		select {
		case buffer := <-free:
			buffers.Put(buffer)
		default:
			return
		}
	}
}
