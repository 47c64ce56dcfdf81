package upgrade

import (
	"net"
	"sync"
)

const (
	// recordSize bounds what 16 KiB of text become in a TLS 1.3 record: header,
	// inner type, tag, rounded up (RFC 8446 §5.2).
	recordSize = 16<<10 + 64
	// outSize holds a whole frame of the muxer as records of full size. At the
	// start of a connection crypto/tls makes small ones, which may not fit; then
	// the frame costs a second write.
	outSize = FrameSize/(16<<10)*recordSize + recordSize

	minInSize = 4 << 10
	maxInSize = 256 << 10
)

// buffer is the connection that TLS reads from and writes to. It reads ahead,
// and between cork and uncork it collects what is written.
//
// Uncorked, which is the state during the handshake and for alerts that follow
// no data, every Write goes straight to the connection. Close and the deadlines
// are the connection's own and never wait for a lock here, so they end a Write
// that hangs.
type buffer struct {
	net.Conn

	in readAhead // owned by the one who reads: TLS reads under a lock of its own

	mu     sync.Mutex // held during writes to Conn
	corked bool
	out    *[]byte // nil while empty: an idle connection keeps no memory
	err    error   // the first failed write; TLS cannot go on after it
}

func newBuffer(c net.Conn) *buffer {
	return &buffer{Conn: c, in: readAhead{size: minInSize}}
}

// outBuffers lends write buffers for the time of one frame.
var outBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, outSize)
	return &b
}}

// cork makes the writes that follow wait for uncork.
func (b *buffer) cork() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.corked = true
}

// uncork sends what was collected in one write. The error is that of this write
// or of an earlier one.
func (b *buffer) uncork() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.corked = false
	return b.flushLocked()
}

// Write sends p, or keeps a copy of it while the buffer is corked.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	if !b.corked {
		return b.writeLocked(p)
	}
	return b.collectLocked(p)
}

func (b *buffer) collectLocked(p []byte) (int, error) {
	if b.out != nil && len(*b.out)+len(p) > outSize {
		if err := b.flushLocked(); err != nil {
			return 0, err
		}
	}
	if len(p) > outSize {
		return b.writeLocked(p)
	}
	if b.out == nil {
		b.out = outBuffers.Get().(*[]byte)
	}
	*b.out = append(*b.out, p...)
	return len(p), nil
}

func (b *buffer) flushLocked() error {
	if b.out == nil || b.err != nil {
		b.releaseLocked()
		return b.err
	}
	_, err := b.writeLocked(*b.out)
	b.releaseLocked()
	return err
}

func (b *buffer) releaseLocked() {
	if b.out == nil {
		return
	}
	*b.out = (*b.out)[:0]
	outBuffers.Put(b.out)
	b.out = nil
}

func (b *buffer) writeLocked(p []byte) (int, error) {
	n, err := b.Conn.Write(p)
	b.err = err
	return n, err
}

// Read gives what was read ahead, or reads ahead once.
func (b *buffer) Read(p []byte) (int, error) { return b.in.read(b.Conn, p) }

// readAhead is a read buffer as large as the traffic asks for: it doubles when a
// read fills it and halves when a read leaves most of it empty. A node holds
// hundreds of connections of which few carry a file.
type readAhead struct {
	buf  []byte // what was read and not yet given
	mem  []byte
	size int   // for the next read
	err  error // came with the bytes in buf
}

func (r *readAhead) read(c net.Conn, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.buf) == 0 && r.err == nil {
		r.fill(c)
	}
	if len(r.buf) == 0 {
		err := r.err
		r.err = nil
		return 0, err
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *readAhead) fill(c net.Conn) {
	if len(r.mem) != r.size {
		r.mem = make([]byte, r.size)
	}
	n, err := c.Read(r.mem)
	r.buf, r.err = r.mem[:n], err
	switch {
	case n == r.size && r.size < maxInSize:
		r.size *= 2
	case n < r.size/8 && r.size > minInSize:
		r.size /= 2
	}
}
