package sha3tree

import (
	"errors"
	"io"
	"runtime"
	"sync"
)

// pipeline hashes units in several goroutines and gives their sums in the order in
// which they were read. Only the goroutines are its own: whoever owns it calls its
// methods from one, and stop in the end.
type pipeline struct {
	ring       []unit // unit n is in n % len(ring)
	first, end int    // of the units in the ring, counted from the beginning
	work       chan *unit
	hashers    sync.WaitGroup
}

// unit is a buffer and what it holds.
type unit struct {
	buffer *[UnitSize]byte // nil: not used yet
	n      int             // bytes in the buffer
	sum    Sum
	hashed chan struct{} // has an element when sum is that of the buffer
}

var buffers = sync.Pool{New: func() any { return new([UnitSize]byte) }}

// startPipeline starts as many goroutines as help for this many units.
func startPipeline(i *implementation, units int64) *pipeline {
	hashers := min(i.hashers, runtime.GOMAXPROCS(0), int(min(units, int64(i.hashers))))
	p := &pipeline{ring: make([]unit, hashers+ahead), work: make(chan *unit, hashers+ahead)}
	for n := range p.ring {
		p.ring[n].hashed = make(chan struct{}, 1)
	}
	for range hashers {
		p.hashers.Go(func() {
			for u := range p.work {
				u.sum = i.unit(u.buffer[:u.n])
				u.hashed <- struct{}{}
			}
		})
	}
	return p
}

// stop waits for the units that are being hashed, and gives the buffers back.
func (p *pipeline) stop() {
	close(p.work)
	p.hashers.Wait()
	for _, u := range p.ring {
		if u.buffer != nil {
			buffers.Put(u.buffer)
		}
	}
}

func (p *pipeline) hasRoom() bool { return p.end-p.first < len(p.ring) }

// read takes the next unit, n bytes, from r and lets it be hashed; there must be
// room.
func (p *pipeline) read(r io.Reader, n int) error {
	u := &p.ring[p.end%len(p.ring)]
	if u.buffer == nil {
		u.buffer = buffers.Get().(*[UnitSize]byte)
	}
	u.n = n
	if _, err := io.ReadFull(r, u.buffer[:n]); errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	p.end++
	p.work <- u
	return nil
}

// isNextReady tells whether next would not wait.
func (p *pipeline) isNextReady() bool {
	return p.first < p.end && len(p.ring[p.first%len(p.ring)].hashed) > 0
}

// next waits for the sum of the oldest unit in the ring, and takes it out; there
// must be one.
func (p *pipeline) next() (sum Sum, n int) {
	u := &p.ring[p.first%len(p.ring)]
	<-u.hashed
	p.first++
	return u.sum, u.n
}
