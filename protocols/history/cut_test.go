package history

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/passeur-p2p/passeur/conversation"
)

// scissors cut each stream of a device in the middle of the frame after the
// first left ones that the device writes.
type scissors struct {
	mu   sync.Mutex
	left int  // frames until the cut; negative: no cut
	used bool // a stream was cut
}

func (s *scissors) set(frames int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.used = frames, false
}

func (s *scissors) cut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

func (s *scissors) away() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left < 0
}

// wrap is a device's wrap.
func (s *scissors) wrap(in network.Stream) network.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &cutStream{Stream: in, left: s.left, scissors: s}
}

// cutStream counts the frames that are written.
type cutStream struct {
	network.Stream
	scissors *scissors
	left     int // frames that pass
	within   int // bytes left of the present frame
}

func (c *cutStream) Write(p []byte) (int, error) {
	if c.left < 0 || c.scissors.away() {
		return c.Stream.Write(p)
	}
	for n := 0; n < len(p); {
		if c.within == 0 {
			size, prefix := uvarint(p[n:])
			if c.left == 0 {
				half := n + (size+prefix)/2
				c.Stream.Write(p[:min(half, len(p))])
				c.scissors.mu.Lock()
				c.scissors.used = true
				c.scissors.mu.Unlock()
				c.Stream.Reset()
				return 0, errors.New("cut")
			}
			c.left--
			c.within = size + prefix
		}
		step := min(c.within, len(p)-n)
		c.within -= step
		n += step
	}
	return c.Stream.Write(p)
}

// uvarint reads a length; in these tests none is split between two writes.
func uvarint(p []byte) (value, size int) {
	for i, b := range p {
		value |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			return value, i + 1
		}
	}
	return 0, len(p)
}

// diverged makes two devices that have a conversation in common, and since then
// 8 entries each of their own; answers hold 5.
func diverged(t *testing.T, alices, bobs *scissors) (alice, bob *device, conv conversation.ID) {
	w := newWorld(t)
	small := func(c *Config) { c.Limits.Entries = 5 }
	alice = w.device("alice", newPerson(t, "alice"), small)
	bob = w.device("bob", newPerson(t, "bob"), small)
	alice.wrap, bob.wrap = alices.wrap, bobs.wrap
	alices.set(-1)
	bobs.set(-1)
	w.connect(alice, bob)
	conv = alice.first(t)
	alice.line(t, conv, 3)
	bob.sync(t, alice)
	w.part(alice, bob)
	settle(time.Second)
	alice.line(t, conv, 8)
	bob.line(t, conv, 8)
	w.connect(alice, bob)
	return alice, bob, conv
}

// A stream that is cut in any frame of either side is gone on with by the next,
// which gives little again of what has come.
func TestAttack19CutInEveryFrame(t *testing.T) {
	for side, who := range []string{"who syncs", "the other"} {
		frames := 0
		for ; ; frames++ {
			cut := true
			bubble(t, func(t *testing.T) {
				knives := []*scissors{{}, {}}
				alice, bob, conv := diverged(t, knives[1], knives[0])
				before := alice.log.served + bob.log.served
				knives[side].set(frames)
				err := bob.trySync(t, alice)
				if err == nil { // the cut may come behind all that matters
					wantSame(t, conv, alice, bob)
				}
				settle(time.Second)
				if cut = knives[side].cut(); !cut && err != nil {
					t.Errorf("%s, not cut: %v", who, err)
				}
				knives[side].set(-1)
				bob.sync(t, alice)
				wantSame(t, conv, alice, bob)
				// The locator finds the place within a factor of two.
				if given := alice.log.served + bob.log.served - before; given > 2*16+2*5 {
					t.Errorf("%s, cut in frame %d: %d entries given for 16", who, frames, given)
				}
			})
			if !cut || t.Failed() {
				break
			}
		}
		if frames < 15 {
			t.Errorf("%s: cut in %d frames only", who, frames)
		}
	}
}

// Streams that are all cut after some frames bring it about in the end, if they
// live long enough for one answer.
func TestAttack19CutAgainAndAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, conv := diverged(t, &scissors{}, &scissors{left: -1})
		knife := &scissors{left: 9} // HELLO, HEADS, 5 ENTRYs, END
		alice.wrap = knife.wrap
		times := 0
		for bob.trySync(t, alice) != nil {
			settle(time.Second)
			if times++; times > 20 {
				t.Fatal("no end")
			}
		}
		wantSame(t, conv, alice, bob)
		if times == 0 {
			t.Error("never cut")
		}
	})
}

// Who does not read costs little, and nobody else a moment.
func TestAttack19SlowReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), nil)
		carol := w.device("carol", newPerson(t, "carol"), nil)
		mallory := w.bare("mallory", newPerson(t, "mallory"))
		w.connect(alice, mallory)
		w.connect(alice, carol)
		conv := alice.first(t)
		for range 30 {
			alice.write(t, alice.first(t), string(make([]byte, 60_000)))
		}
		h := mallory.greeted(t, alice)
		alice.sync(t, carol)
		// Mallory asks for more than the windows hold, and does not read.
		for _, c := range alice.log.conversations() {
			h.say(want{kind: wantHistory, conv: c})
		}
		settle(time.Second)
		for i := range 300 {
			alice.write(t, conv, fmt.Sprint(i))
			alice.service.Announce(make([]byte, MaxRecord))
			if i%100 == 0 {
				settle(time.Second)
				wantSame(t, conv, alice, carol)
			}
		}
		settle(time.Second)
		wantSame(t, conv, alice, carol)
		c := alice.session(t, mallory)
		c.mu.Lock()
		if len(c.records) > maxRecords || len(c.talks) > 31 || len(c.queue) > 31 || len(c.wants) > 31 {
			t.Errorf("%d records, %d talks, %d in the queue, %d WANTs wait", len(c.records), len(c.talks), len(c.queue), len(c.wants))
		}
		c.mu.Unlock()
		settle(6 * time.Minute)
		if e := alice.events.await(t, Disconnected); !errors.Is(e.Err, ErrStalled) {
			t.Errorf("%v", e.Err)
		}
	})
}

// Who writes a byte at a time is heard, and delays nobody.
func TestAttack19SlowWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, alice, mallory := victim(t, nil)
		carol := w.device("carol", newPerson(t, "carol"), nil)
		w.connect(alice, carol)
		conv := alice.first(t)
		alice.sync(t, carol)
		h := mallory.greeted(t, alice)
		e := mallory.after(t, conv, "slowly", conv)
		wire, err := encode(fresh{conv, e.Raw})
		if err != nil {
			t.Fatal(err)
		}
		prefix := []byte{byte(len(wire)) | 0x80, byte(len(wire) >> 7)}
		for i, b := range append(prefix, wire...) {
			if _, err := h.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
			settle(time.Second)
			if i%100 == 0 {
				began := time.Now()
				alice.write(t, conv, fmt.Sprint(i))
				for len(carol.texts(conv)) < i/100+1 {
					settle(10 * time.Millisecond)
				}
				if d := time.Since(began); d > time.Second {
					t.Errorf("carol waits for %v", d)
				}
			}
		}
		settle(time.Second)
		if n := len(alice.texts(conv)); n != 5 {
			t.Errorf("%d texts", n)
		}
	})
}

// Who owes an answer and keeps silent is given up after five minutes; who owes
// nothing may be silent for a day.
func TestSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := mallory.first(t)
		h := mallory.greeted(t, alice)
		settle(24 * time.Hour)
		if alice.events.count(Disconnected) > 0 {
			t.Fatal("ended for no reason")
		}
		h.asked(mallory, conv)
		settle(5*time.Minute - time.Second)
		if alice.events.count(Disconnected) > 0 {
			t.Fatal("ended early")
		}
		h.wantReset(codeStalled)
		h = mallory.speak(t, alice) // and HELLO may take 30 s
		began := time.Now()
		h.wantReset(codeStalled)
		if d := time.Since(began); d < 30*time.Second || d > 31*time.Second {
			t.Errorf("HELLO may take %v", d)
		}
	})
}

// That there is something to say to it each minute does not make up for its silence.
func TestSilenceIsNotBroken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := alice.first(t)
		h := mallory.greeted(t, alice)
		began := time.Now()
		for alice.events.count(Disconnected) == 0 && time.Since(began) < time.Hour {
			alice.write(t, conv, "are you there?")
			settle(time.Minute)
		}
		if d := time.Since(began); d > 7*time.Minute {
			t.Errorf("given up after %v", d)
		}
		h.wantReset(codeStalled)
	})
}

// A log that cannot be written to ends the stream without blame.
func TestLogFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, op := range []string{"heads", "known", "missing", "ingest"} {
			w := newWorld(t)
			alice := w.device("alice", newPerson(t, "alice"), nil)
			bob := w.device("bob", newPerson(t, "bob"), nil)
			w.connect(alice, bob)
			conv := alice.first(t)
			broken := map[bool]*device{true: alice, false: bob}[op == "missing"]
			full := errors.New("the disk is full")
			broken.log.set(func(l *memLog) {
				l.fails = func(failing string) error {
					if failing == op {
						return full
					}
					return nil
				}
			})
			if err := bob.trySync(t, alice); !errors.Is(err, ErrLog) {
				t.Errorf("%s: %v", op, err)
			}
			settle(time.Second)
			broken.log.set(func(l *memLog) { l.fails = nil })
			bob.sync(t, alice)
			wantSame(t, conv, alice, bob)
			if n := alice.events.count(CutOff) + bob.events.count(CutOff); n > 0 {
				t.Errorf("%s: %d are cut off", op, n)
			}
			w.close()
		}
	})
}

var _ Host = (*device)(nil)
