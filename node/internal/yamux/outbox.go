package yamux

import (
	"math"
	"sync"
	"time"
)

const (
	// maxWaiting bounds the frames and streams that wait to be sent when the peer
	// opens another stream: a peer that causes so many answers does not read.
	maxWaiting = 4096
	// maxPongs bounds the answers to pings that wait to be sent; pings beyond
	// have none.
	maxPongs = 32
	// maxKept bounds what small writes of all streams leave to be sent later.
	maxKept = 1 << 20
)

// outbox is what waits to be sent. Frames that are not data go first, in order;
// then streams that have something to send take turns of one frame.
type outbox struct {
	mu     sync.Mutex
	work   sync.Cond // on mu
	pack   packer
	ctl    []item
	pongs  int
	ready  []*Stream
	cur    frame
	kept   int // bytes in the keep of all streams
	nextID uint32

	pinged time.Time // when the last ping went into a record

	stopped bool
	code    uint32 // of the go-away frame that is the last
}

// item is a frame that is not data: a header, or credit of a stream, of which the
// amount is known when it is sent.
type item struct {
	head   header
	credit *Stream
}

// frame is the data frame whose header has gone out and whose payload has not.
type frame struct {
	st     *Stream
	rest   []byte
	direct bool // rest is memory of the caller of Write
}

func (o *outbox) init(b Batcher, even bool) {
	o.work.L = &o.mu
	o.pack.out = b
	o.nextID = 1
	if even {
		o.nextID = 2
	}
}

// control queues a frame that is not data.
func (o *outbox) control(h header) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.controlLocked(h)
}

func (o *outbox) controlLocked(h header) {
	o.ctl = append(o.ctl, item{head: h})
	o.work.Signal()
}

// pong queues the answer to a ping.
func (o *outbox) pong(id uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pongs < maxPongs {
		o.pongs++
		o.controlLocked(encode(typePing, flagACK, 0, id))
	}
}

// open gives st the next id and queues the frame that opens it.
func (o *outbox) open(st *Stream) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.nextID >= math.MaxUint32-1 {
		return ErrStreamsExhausted
	}
	st.id = o.nextID
	o.nextID += 2
	o.controlLocked(encode(typeWindowUpdate, flagSYN, st.id, 0))
	return nil
}

// grant queues credit of n bytes, together with what already waits for st.
func (o *outbox) grant(st *Stream, n uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if st.grants == 0 {
		o.ctl = append(o.ctl, item{credit: st})
		o.work.Signal()
	}
	st.grants += n
}

// waiting tells how many frames and streams wait.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ctl) + len(o.ready)
}

// readyLocked gives st its turn if it has something that may be sent.
func (o *outbox) readyLocked(st *Stream) {
	if st.queued || !st.sendable() {
		return
	}
	st.queued = true
	o.ready = append(o.ready, st)
	o.work.Signal()
}

// stop makes the send loop end after the frame it is in, and after a go-away
// frame unless code is goAwayNormal.
func (o *outbox) stop(code uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped, o.code = true, code
	o.work.Signal()
}

// end lets go of all that waits, when the send loop has ended.
func (o *outbox) end(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctl, o.cur = nil, frame{}
	for _, st := range o.ready {
		st.endWriteLocked(err)
	}
	o.ready = nil
}

// fill buffers up to batchSize bytes. It waits until there are some, and returns
// false when there will be no more.
func (o *outbox) fill(frameSize int) (more bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.stopped && o.idleLocked() {
		o.work.Wait()
	}
	part := records.Get().(*[]byte)
	defer records.Put(part)
	o.pack.part = (*part)[:0]
	for o.pack.room() >= headerSize || o.cur.st != nil && o.pack.room() > 0 {
		if o.stopped && o.cur.st == nil {
			return false, o.leaveLocked()
		}
		if o.idleLocked() {
			break
		}
		if err := o.nextLocked(frameSize); err != nil {
			return false, err
		}
	}
	return true, o.pack.finish()
}

// records lends the packer's memory while it is used.
var records = sync.Pool{New: func() any {
	b := make([]byte, 0, recordSize)
	return &b
}}

func (o *outbox) idleLocked() bool {
	return o.cur.st == nil && len(o.ctl) == 0 && len(o.ready) == 0
}

// nextLocked buffers one frame or a piece of one.
func (o *outbox) nextLocked(frameSize int) error {
	switch {
	case o.cur.st != nil:
		return o.pieceLocked()
	case len(o.ctl) > 0:
		return o.controlFrameLocked()
	default:
		return o.beginLocked(frameSize)
	}
}

func (o *outbox) controlFrameLocked() error {
	it := o.ctl[0]
	o.ctl[0] = item{}
	if o.ctl = o.ctl[1:]; len(o.ctl) == 0 {
		o.ctl = nil
	}
	h := it.head
	switch {
	case it.credit != nil:
		h = encode(typeWindowUpdate, 0, it.credit.id, it.credit.grants)
		it.credit.grants = 0
	case h.kind() == typePing && h.has(flagACK):
		o.pongs--
	case h.kind() == typePing:
		o.pinged = time.Now()
	}
	return o.pack.add(h[:])
}

// beginLocked starts the next frame of the stream whose turn it is.
func (o *outbox) beginLocked(frameSize int) error {
	st := o.ready[0]
	o.ready[0] = nil
	if o.ready = o.ready[1:]; len(o.ready) == 0 {
		o.ready = nil
	}
	st.queued = false
	h, ok := st.nextFrameLocked(frameSize)
	if o.cur.st == nil {
		o.readyLocked(st)
	}
	if !ok {
		return nil
	}
	return o.pack.add(h[:])
}

// pieceLocked buffers what fits of the frame's payload.
func (o *outbox) pieceLocked() error {
	c := &o.cur
	n := min(o.pack.room(), len(c.rest))
	err := o.pack.add(c.rest[:n])
	c.rest = c.rest[n:]
	if c.direct {
		c.st.advanceLocked(n)
	}
	if len(c.rest) == 0 {
		c.st.frameSentLocked()
		o.cur = frame{}
	}
	return err
}

// leaveLocked buffers the last frame of the session.
func (o *outbox) leaveLocked() error {
	if o.code == goAwayNormal {
		return nil
	}
	h := encode(typeGoAway, 0, 0, o.code)
	if err := o.pack.add(h[:]); err != nil {
		return err
	}
	return o.pack.finish()
}
