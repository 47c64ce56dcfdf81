package yamux

import "net"

// batchSize is the most that is buffered between two calls of Flush: four full
// records of TLS. More leaves the processor's caches before it is sent on.
const batchSize = 64 << 10

// Batcher is a connection that can take bytes without waiting for the network.
// Both methods are called by one goroutine only; Write is not called meanwhile.
type Batcher interface {
	// Buffer takes p, at most 64 KiB between two calls of Flush. It does not wait
	// for the network and keeps nothing of p's memory.
	Buffer(p []byte) error
	// Flush sends what was taken. It ends early when the connection is closed or
	// its write deadline comes; the connection is of no more use then.
	Flush() error
}

// copied makes a Batcher of any connection.
type copied struct {
	conn net.Conn
	kept []byte
}

func (c *copied) Buffer(p []byte) error {
	if c.kept == nil {
		c.kept = make([]byte, 0, batchSize)
	}
	c.kept = append(c.kept, p...)
	return nil
}

func (c *copied) Flush() error {
	if len(c.kept) == 0 {
		return nil
	}
	_, err := c.conn.Write(c.kept)
	c.kept = c.kept[:0]
	return err
}

func batcherOf(c net.Conn) Batcher {
	if b, ok := c.(Batcher); ok {
		return b
	}
	return &copied{conn: c}
}

// recordSize is the text of a full TLS record.
const recordSize = 16 << 10

// packer cuts what it is given at multiples of recordSize, so that headers and
// small frames share records with what follows them. Only what does not fill a
// record is copied.
type packer struct {
	out  Batcher
	part []byte // the beginning of a record
	n    int    // bytes given since the last flush
}

func (k *packer) room() int { return batchSize - k.n }

// add gives at most room bytes.
func (k *packer) add(p []byte) error {
	k.n += len(p)
	if len(k.part) > 0 {
		n := min(len(p), recordSize-len(k.part))
		k.part = append(k.part, p[:n]...)
		p = p[n:]
		if len(k.part) == recordSize {
			if err := k.buffer(); err != nil {
				return err
			}
		}
	}
	if whole := len(p) / recordSize * recordSize; whole > 0 {
		if err := k.out.Buffer(p[:whole]); err != nil {
			return err
		}
		p = p[whole:]
	}
	k.part = append(k.part, p...)
	return nil
}

func (k *packer) buffer() error {
	err := k.out.Buffer(k.part)
	k.part = k.part[:0]
	return err
}

// finish hands over what is left, for a Flush.
func (k *packer) finish() error {
	k.n = 0
	if len(k.part) == 0 {
		return nil
	}
	return k.buffer()
}
