package dialogue

import (
	"bytes"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// player is one side of a stream.
type player struct {
	stream   network.Stream
	rest     []byte // of the script
	piece    int    // how many bytes are written at once; 0: all
	repeated int    // bytes said by repeat
	steps    int    // done
	writes   int    // done
	began    time.Time

	more chan struct{} // holds something when heard or isOver has changed

	mu     sync.Mutex
	hears  *sync.Cond // isDeaf has changed
	isDeaf bool
	heard  int
	isOver bool // the other side says no more
}

// Play plays script on s, and then, unless the script resets it, is silent for up to 12
// minutes of the bubble's clock. It returns when s is reset and nobody reads it any more,
// and tells whether the other side had ended its direction by then.
func Play(s network.Stream, script []byte) (ended bool) {
	p := &player{stream: s, rest: script, began: time.Now(), more: make(chan struct{}, 1)}
	p.hears = sync.NewCond(&p.mu)
	var reading sync.WaitGroup
	reading.Go(p.listen)
	stuck := time.AfterFunc(24*patience, func() { s.Reset() })
	for p.lasts() && p.step() {
	}
	p.await(1 << 62)
	ended = p.over()
	stuck.Stop()
	s.Reset()
	p.setDeaf(false)
	reading.Wait()
	return ended
}

// lasts tells whether there is more, and it is not too much.
func (p *player) lasts() bool {
	p.steps++
	return len(p.rest) > 0 && p.steps <= maxSteps && p.writes <= maxWrites && time.Since(p.began) < 3*patience
}

// step does what comes next, and tells whether to go on.
func (p *player) step() bool {
	switch p.number(1) & 7 {
	case say:
		return p.say(p.bytes(p.number(2)))
	case repeat:
		count := min(p.number(3), maxRepeated-p.repeated)
		p.repeated += count
		return p.say(bytes.Repeat([]byte{byte(p.number(1))}, count))
	case await:
		p.await(p.number(3))
	case pause:
		<-time.After(time.Duration(p.number(1)) * second)
	case closing:
		p.stream.CloseWrite()
	case reset:
		p.stream.Reset()
		p.rest = nil
	case pieces:
		p.piece = p.number(1)
	case deaf:
		p.setDeaf(true)
	}
	return true
}

// number takes an operand of so many bytes.
func (p *player) number(size int) (n int) {
	for range size {
		n <<= 8
		if len(p.rest) > 0 {
			n, p.rest = n|int(p.rest[0]), p.rest[1:]
		}
	}
	return n
}

func (p *player) bytes(n int) []byte {
	n = min(n, len(p.rest))
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

// say tells whether the stream still takes what is said.
func (p *player) say(b []byte) bool {
	size := len(b)
	if p.piece > 0 {
		size = max(p.piece, len(b)/256) // some hundred pieces are enough
	}
	for len(b) > 0 {
		n := min(size, len(b))
		p.writes++
		if _, err := p.stream.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

func (p *player) await(count int) {
	p.setDeaf(false)
	late := time.After(patience)
	for goal := p.count() + count; p.count() < goal && !p.over(); {
		select {
		case <-p.more:
		case <-late:
			return
		}
	}
}

func (p *player) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}

func (p *player) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isOver
}

func (p *player) setDeaf(isDeaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isDeaf = isDeaf
	p.hears.Broadcast()
}

// listen reads until the stream ends.
func (p *player) listen() {
	for buffer := make([]byte, 4096); ; {
		p.mu.Lock()
		for p.isDeaf {
			p.hears.Wait()
		}
		p.mu.Unlock()
		n, err := p.stream.Read(buffer)
		p.hear(n, err != nil)
		if err != nil {
			return
		}
	}
}

func (p *player) hear(n int, isOver bool) {
	p.mu.Lock()
	p.heard += n
	p.isOver = isOver
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// Say is the script of who says these, waiting for something to be heard after each.
func Say(all ...[]byte) (script []byte) {
	for _, b := range all {
		script = append(script, say, byte(len(b)>>8), byte(len(b)))
		script = append(append(script, b...), await, 0, 0, 1)
	}
	return script
}
