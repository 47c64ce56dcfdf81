package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// maxAhead is how many pieces are read beforehand, at the same time: it hides that
// each file has to be opened.
const maxAhead = 3

// reader reads a folder as the file that it is sent as: pieces of one unit are read
// ahead, each by a goroutine of its own. It is for one goroutine; Close is for any.
type reader struct {
	f    *Folder
	ctx  context.Context // ends with Close
	stop context.CancelFunc

	pos   int64
	queue []*piece // what follows pos
	ahead int      // how many pieces are worth it: few for who reads little
	spare [][]byte

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // grows under mu, not when closed
}

// piece is some bytes of a folder.
type piece struct {
	off  int64
	buf  []byte
	rest []byte        // what was not given out yet
	done chan struct{} // closed when buf is filled, or err set
	err  error
}

var _ interface {
	io.ReadSeekCloser
	io.ReaderAt
} = (*reader)(nil)

func (f *Folder) open(ctx context.Context) *reader {
	ctx, stop := context.WithCancel(ctx)
	return &reader{f: f, ctx: ctx, stop: stop}
}

func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.ctx.Err() != nil:
		return 0, context.Cause(r.ctx)
	case r.pos >= r.f.manifest.size:
		return 0, io.EOF
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	first := r.queue[0]
	<-first.done
	if first.err != nil {
		return 0, first.err
	}
	n := copy(p, first.rest)
	first.rest = first.rest[n:]
	r.pos += int64(n)
	if len(first.rest) == 0 {
		r.queue = r.queue[1:]
		r.spare = append(r.spare, first.buf)
	}
	return n, nil
}

// fill begins to read pieces, one more each time until there are enough.
func (r *reader) fill() error {
	if len(r.queue) > 0 && len(r.queue) >= r.ahead {
		return nil
	}
	r.ahead = min(r.ahead+1, maxAhead)
	next := r.pos
	if n := len(r.queue); n > 0 {
		last := r.queue[n-1]
		next = last.off + int64(len(last.buf))
	}
	for len(r.queue) < r.ahead && next < r.f.manifest.size {
		p, err := r.begin(next)
		if err != nil {
			return err
		}
		r.queue = append(r.queue, p)
		next += int64(len(p.buf))
	}
	return nil
}

// begin reads from off to the end of the unit.
func (r *reader) begin(off int64) (*piece, error) {
	size := min(sha3tree.UnitSize-off%sha3tree.UnitSize, r.f.manifest.size-off)
	p := &piece{off: off, buf: r.buffer()[:size], done: make(chan struct{})}
	p.rest = p.buf
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, os.ErrClosed
	}
	r.running.Go(func() {
		defer close(p.done)
		p.err = r.f.readAt(r.ctx, p.buf, p.off)
	})
	return p, nil
}

func (r *reader) buffer() []byte {
	if n := len(r.spare); n > 0 {
		last := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return last[:cap(last)]
	}
	return make([]byte, sha3tree.UnitSize)
}

// Seek goes anywhere. What was read ahead is lost, unless nothing moves.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.f.manifest.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to byte %d of a folder", offset)
	}
	if offset != r.pos {
		r.pos, r.queue, r.ahead, r.spare = offset, nil, 0, nil
	}
	return offset, nil
}

// ReadAt reads without reading ahead. It may be called from several goroutines.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("a folder has no bytes before its first")
	}
	n := int(max(min(int64(len(p)), r.f.manifest.size-off), 0))
	if err := r.f.readAt(r.ctx, p[:n], off); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close ends what is being read, and waits for it.
func (r *reader) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.running.Wait()
	return nil
}

// readAt fills p with the bytes of the virtual file from off on: there are as many.
func (f *Folder) readAt(ctx context.Context, p []byte, off int64) error {
	if head := f.manifest.length - off; head > 0 {
		if err := f.Sum(ctx, nil); err != nil {
			return err
		}
		n := copy(p, f.sum.head[off:])
		p, off = p[n:], off+int64(n)
	}
	w, done := f.walk()
	defer done()
	return f.manifest.pieces(p, off, func(i int32, p []byte, off int64) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return sourceError(f.readFile(w, i, p, off))
	})
}
