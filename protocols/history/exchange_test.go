package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// pair is two devices, connected, of two persons.
func pair(t testing.TB) (w *world, alice, bob *device) {
	w = newWorld(t)
	alice = w.device("alice", newPerson(t, "alice"), nil)
	bob = w.device("bob", newPerson(t, "bob"), nil)
	w.connect(alice, bob)
	return w, alice, bob
}

func TestFreshDeviceCatchesUp(t *testing.T) {
	for _, n := range []int{0, 1, 6, 7, 8, 30} { // and the first entry
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, alice, bob := pair(t)
				alice.service.cfg.Limits.Entries = 8
				conv := alice.first(t)
				alice.line(t, conv, n)
				bob.sync(t, alice)
				wantSame(t, conv, alice, bob)
			})
		})
	}
}

// Who opens the stream does not matter: both take what the other has.
func TestBothWays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, alice, bob := pair(t)
		conv := alice.first(t)
		alice.sync(t, bob)
		wantSame(t, conv, alice, bob)
		w.part(alice, bob)
		alice.line(t, conv, 70)
		bob.line(t, conv, 90)
		w.connect(alice, bob)
		bob.sync(t, alice)
		wantSame(t, conv, alice, bob)
		if n := len(alice.texts(conv)); n != 160 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestManyConversations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := pair(t)
		for i := range 40 {
			d := []*device{alice, bob}[i%2]
			d.line(t, d.first(t), i)
		}
		alice.sync(t, bob)
		if n := len(bob.log.conversations()); n != 40 {
			t.Errorf("%d conversations", n)
		}
		for _, conv := range alice.log.conversations() {
			wantSame(t, conv, alice, bob)
		}
	})
}

// While a stream stands, what is written appears on the other side.
func TestWrittenWhileConnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := pair(t)
		conv := alice.first(t)
		alice.sync(t, bob)
		for i := range 20 {
			d := []*device{alice, bob}[i%2]
			d.write(t, conv, fmt.Sprint(i))
			settle(time.Second)
			wantSame(t, conv, alice, bob)
		}
	})
}

// One entry is pushed at once; a burst is told of once, 100 ms later.
func TestPushAndCoalesce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), nil)
		bob := w.bare("bob", newPerson(t, "bob"))
		w.connect(alice, bob)
		conv := alice.first(t)
		h := bob.greeted(t, alice)
		h.say(want{kind: wantNothing, conv: expect[heads](h).conv})

		began := time.Now()
		e := alice.write(t, conv, "hello")
		if m := h.next().(fresh); m.conv != conv || string(m.raw.Header) != string(e.Raw.Header) {
			t.Errorf("%+v", m)
		}
		if d := time.Since(began); d > 10*time.Millisecond {
			t.Errorf("after %v", d)
		}
		began = time.Now()
		alice.log.set(func(l *memLog) { l.silent = true })
		var burst []conversation.ID
		for range 5 {
			burst = append(burst, alice.write(t, conv, "more").ID)
		}
		for i := range burst {
			alice.service.Changed(conv, burst[i:])
		}
		m := h.next().(heads)
		if d := time.Since(began); m.total != 1 || m.ids[0] != burst[4] || d < 100*time.Millisecond || d > 200*time.Millisecond {
			t.Errorf("%d heads after %v", m.total, d)
		}
		settle(time.Second)
	})
}

// What one has of another reaches a third.
func TestRelay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), nil)
		bob := w.device("bob", newPerson(t, "bob"), nil)
		carol := w.device("carol", newPerson(t, "carol"), nil)
		w.connect(alice, bob)
		conv := alice.first(t)
		alice.line(t, conv, 10)
		bob.sync(t, alice)
		w.part(alice, bob) // alice is gone
		w.connect(bob, carol)
		carol.sync(t, bob)
		wantSame(t, conv, alice, bob, carol)

		w.connect(alice, bob) // and here again: now all through bob
		alice.sync(t, bob)
		for i := range 10 {
			d := []*device{alice, carol, bob}[i%3]
			d.write(t, conv, fmt.Sprint(i))
			settle(time.Second)
			wantSame(t, conv, alice, bob, carol)
		}
		carol.line(t, conv, 60)
		settle(time.Second)
		wantSame(t, conv, alice, bob, carol)
	})
}

// A conversation that changes again when HEADS of it are due, before the writer has
// come to them, is told all the same.
func TestChangeWhileHeadsAreOverdue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var slow conversation.ID
		busy := make(chan struct{}, 1) // full: the writer waits where it asks who reads slow
		alice := w.device("alice", newPerson(t, "alice"), func(c *Config) {
			c.Reads = func(_ peer.ID, conv conversation.ID) bool {
				if conv == slow {
					busy <- struct{}{}
					<-busy
				}
				return true
			}
		})
		bob := w.device("bob", newPerson(t, "bob"), nil)
		w.connect(alice, bob)
		slow = alice.first(t)
		alice.sync(t, bob)

		due := alice.service.cfg.Limits.Coalesce
		alice.service.Changed(slow, nil)
		busy <- struct{}{}
		settle(due / 2)
		conv := alice.first(t)
		settle(2 * due)
		alice.write(t, conv, "more")
		<-busy
		settle(time.Second)
		wantSame(t, conv, alice, bob)
	})
}
