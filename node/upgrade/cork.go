package upgrade

import (
	"net"
	"sync"
)

const (
	// recordSize bounds what 16 KiB of text become in a TLS 1.3 record: header,
	// inner type, tag (RFC 8446 §5.2), rounded up.
	recordSize = 16<<10 + 64
	// corkSize is how much is collected before it goes out all the same: four full
	// records. More is not better: the bytes leave the processor's caches before
	// the kernel copies them, and the other end waits longer for the first of them
	// (docs/performance.md).
	corkSize = 4 * recordSize
)

// cork is the connection that TLS writes to. Between begin and end it collects
// records, so that a write(2) carries several of them.
//
// Before the first begin, which is during the handshake, and after an end, as for
// alerts, every Write goes straight to the connection. Close and the deadlines
// are the connection's own and never wait for a lock here, so they end a Write
// that hangs.
type cork struct {
	net.Conn

	mu   sync.Mutex // held during writes to Conn
	in   bool       // between begin or hold and end
	all  bool       // between hold and end
	kept *[]byte    // nil while empty: an idle connection keeps no memory
	err  error      // the first failed write; TLS cannot go on after it
}

// corkBuffers lends memory for the time of one frame.
var corkBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, corkSize)
	return &b
}}

// hold makes the writes that follow wait for end, however many they are.
func (c *cork) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in, c.all = true, true
}

// begin makes the writes that follow wait for end, or for corkSize bytes.
func (c *cork) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in = true
}

// end sends what is kept. The error is that of this write or of an earlier one.
func (c *cork) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in, c.all = false, false
	return c.flushLocked()
}

// Write sends p, or keeps a copy of it between begin and end.
func (c *cork) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.all && c.kept != nil && len(*c.kept)+len(p) > corkSize {
		c.flushLocked() // its error stays
	}
	if c.err != nil {
		return 0, c.err
	}
	if !c.in || !c.all && len(p) > corkSize {
		return c.writeLocked(p)
	}
	if c.kept == nil {
		c.kept = corkBuffers.Get().(*[]byte)
	}
	*c.kept = append(*c.kept, p...)
	return len(p), nil
}

func (c *cork) flushLocked() error {
	if c.kept == nil {
		return c.err
	}
	if c.err == nil {
		c.writeLocked(*c.kept)
	}
	*c.kept = (*c.kept)[:0]
	corkBuffers.Put(c.kept)
	c.kept = nil
	return c.err
}

func (c *cork) writeLocked(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.err = err
	return n, err
}
