package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// byMallory tells whether an entry is mallory's.
func by(d *device) func(*conversation.Entry) bool {
	return func(e *conversation.Entry) bool { return e.Device == d.id }
}

// A flood that is paused does not keep others' entries away, neither those that
// lie behind it nor those to come, and is asked for again later.
func TestPausedFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		small := func(c *Config) { c.Limits.Entries = 10 }
		alice := w.device("alice", newPerson(t, "alice"), small)
		bob := w.device("bob", newPerson(t, "bob"), small)
		mallory := w.bare("mallory", newPerson(t, "mallory"))
		conv := bob.first(t)
		flood := conv
		for i := range 100 {
			e := mallory.after(t, conv, fmt.Sprint("flood ", i), flood)
			bob.log.put(e)
			flood = e.ID
		}
		behind := bob.after(t, conv, "behind", conv)
		bob.log.put(behind)
		alice.log.set(func(l *memLog) { l.pauses = by(mallory) })
		w.connect(alice, bob)
		if err := alice.trySync(t, bob); !errors.Is(err, ErrPaused) {
			t.Errorf("%v", err)
		}
		if got := alice.texts(conv); len(got) != 1 || got[0] != "behind" {
			t.Errorf("alice has %q", got)
		}
		bob.events.await(t, PausedThere)
		alice.events.await(t, Paused)

		// Each further entry of the flood costs one answer in five seconds.
		served := bob.log.given()
		for i := range 50 {
			e := mallory.after(t, conv, fmt.Sprint("flood on ", i), flood)
			bob.log.put(e)
			flood = e.ID
			settle(100 * time.Millisecond)
		}
		if n := bob.log.given() - served; n > 2*10+50 {
			t.Errorf("%d entries of the flood in 5 s", n)
		}
		bob.log.put(bob.after(t, conv, "meanwhile", behind.ID))
		settle(fruitless + time.Second)
		if got := alice.texts(conv); len(got) != 2 || got[1] != "meanwhile" {
			t.Errorf("alice has %q", got)
		}
		alice.log.set(func(l *memLog) { l.pauses = nil })
		settle(2 * time.Minute)
		wantSame(t, conv, alice, bob)
	})
}

// While all is paused, the questions become rare.
func TestPausedIsAskedAgainMoreAndMoreRarely(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := pair(t)
		conv := bob.first(t)
		bob.write(t, conv, "too much")
		alice.log.set(func(l *memLog) {
			l.pauses = func(e *conversation.Entry) bool { return e.Type == conversation.TypeText }
		})
		alice.trySync(t, bob)
		began := alice.log.ingested()
		settle(24 * time.Hour)
		if n := alice.log.ingested() - began; n < 20 || n > 40 {
			t.Errorf("%d times a day", n)
		}
	})
}

// What was paused for long comes at once when it is allowed.
func TestAllowedComesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := pair(t)
		conv := bob.first(t)
		bob.write(t, conv, "too much")
		alice.log.set(func(l *memLog) { l.pauses = by(bob) })
		alice.trySync(t, bob)
		settle(24 * time.Hour)
		alice.log.set(func(l *memLog) { l.pauses = nil })
		alice.service.Retry(conv)
		alice.service.Retry(conversation.ID{1}) // of which nobody has spoken
		settle(time.Second)
		wantSame(t, conv, alice, bob)
	})
}

// Entries of the far future are put off, and what hangs on them, in the same
// answer or another.
func TestDeferred(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		small := func(c *Config) { c.Limits.Entries = 4 }
		alice := w.device("alice", newPerson(t, "alice"), small)
		bob := w.device("bob", newPerson(t, "bob"), small)
		w.connect(alice, bob)
		conv := bob.first(t)
		early := bob.write(t, conv, "2099")
		bob.line(t, conv, 20)
		side := bob.after(t, conv, "beside", conv)
		bob.log.put(side)
		alice.log.set(func(l *memLog) { l.defers = func(e *conversation.Entry) bool { return e.ID == early.ID } })
		if err := alice.trySync(t, bob); !errors.Is(err, ErrDeferred) {
			t.Errorf("%v", err)
		}
		if got := alice.texts(conv); len(got) != 1 || got[0] != "beside" {
			t.Errorf("alice has %q", got)
		}
		if n := alice.events.count(CutOff); n > 0 {
			t.Errorf("%v", alice.events.last())
		}
		alice.log.set(func(l *memLog) { l.defers = nil })
		settle(2 * time.Minute)
		wantSame(t, conv, alice, bob)
	})
}

// Who breaks the rules again is cut off for longer, up to an hour.
func TestBackOff(t *testing.T) {
	var p penalties
	now := time.Unix(1795000000, 0)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := p.add("mallory", now).Sub(now); got != want*time.Minute {
			t.Errorf("cut off for %v, want %v", got, want*time.Minute)
		}
		now = now.Add(want*time.Minute - 1)
		if err := p.check("mallory", now); !errors.Is(err, ErrBackOff) || !strings.Contains(err.Error(), "until 2026") {
			t.Errorf("%v", err)
		}
		now = now.Add(1)
		if err := p.check("mallory", now); err != nil {
			t.Error(err)
		}
	}
	now = now.Add(25 * time.Hour)
	if got := p.add("mallory", now).Sub(now); got != time.Minute {
		t.Errorf("a day later: %v", got)
	}
	for i := range 2 * maxPenalties {
		p.add(peer.ID(fmt.Sprint(i)), now)
	}
	if len(p.was) > maxPenalties {
		t.Errorf("%d are remembered", len(p.was))
	}
}

// An invalid entry ends the stream and is told, with the reason.
func TestInvalidEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, pushed := range []bool{false, true} {
			_, alice, mallory := victim(t, nil)
			conv := mallory.first(t)
			e := mallory.write(t, conv, "forbidden")
			forbidden := errors.New("the rules forbid it")
			alice.log.set(func(l *memLog) {
				l.judge = func(e *conversation.Entry) error {
					if e.Type == conversation.TypeText {
						return forbidden
					}
					return nil
				}
			})
			h := mallory.greeted(t, alice)
			if pushed {
				h.say(fresh{conv, e.Raw})
			} else {
				h.asked(mallory, conv)
				h.say(mallory.entries(conv)...)
				h.say(end{conv, false})
			}
			wantCutOff(t, h, alice, mallory)
			if e := alice.events.await(t, CutOff); !errors.Is(e.Err, forbidden) || !errors.Is(e.Err, ErrInvalid) {
				t.Errorf("%v", e.Err)
			}
		}
	})
}

// Account records come right after HELLO, and whenever one is announced.
func TestRecords(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), func(c *Config) {
			c.Records = func(peer.ID) [][]byte { return [][]byte{[]byte("one"), []byte("two"), nil, make([]byte, MaxRecord+1)} }
		})
		bob := w.device("bob", newPerson(t, "bob"), nil)
		w.connect(alice, bob)
		bob.sync(t, alice)
		if err := alice.service.Announce([]byte("revoked")); err != nil {
			t.Error(err)
		}
		settle(time.Second)
		if got := bytes.Join(bob.records, []byte(" ")); string(got) != "one two revoked" {
			t.Errorf("%q", got)
		}
		for _, bad := range [][]byte{nil, make([]byte, MaxRecord+1)} {
			if alice.service.Announce(bad) == nil {
				t.Errorf("a record of %d bytes is announced", len(bad))
			}
		}
	})
}

// Who loses the right to read hears NO, with the entry that says it, and nothing
// that comes after.
func TestRightToReadEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out atomic.Bool
		var ban *conversation.Entry
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), func(c *Config) {
			c.Reads = func(peer.ID, conversation.ID) bool { return !out.Load() }
			c.Proof = func(peer.ID, conversation.ID) (conversation.Raw, bool) { return ban.Raw, true }
		})
		bob := w.device("bob", newPerson(t, "bob"), nil)
		w.connect(alice, bob)
		conv := alice.first(t)
		bob.sync(t, alice)
		ban = alice.after(t, conv, "banned", conv)
		out.Store(true)
		alice.log.put(ban)
		e := bob.events.await(t, Refused)
		if e.Conversation != conv || e.Proof == nil || e.Proof.ID != ban.ID {
			t.Errorf("%+v", e)
		}
		alice.line(t, conv, 3)
		settle(time.Second)
		bob.sync(t, alice)
		if n := len(bob.log.all(conv)); n != 1 {
			t.Errorf("bob has %d entries", n)
		}
		out.Store(false) // invited again
		alice.service.Changed(conv, nil)
		settle(time.Second)
		wantSame(t, conv, alice, bob)
	})
}

// An invitation that nobody has accepted is refused, and fetched once it is.
func TestAcceptedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var yes atomic.Bool
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), nil)
		bob := w.device("bob", newPerson(t, "bob"), func(c *Config) {
			c.Accepts = func(peer.ID, conversation.ID) bool { return yes.Load() }
		})
		w.connect(alice, bob)
		conv := alice.first(t)
		bob.sync(t, alice)
		alice.events.await(t, Refused)
		alice.line(t, conv, 3)
		settle(time.Second)
		if n := len(bob.log.all(conv)); n != 0 {
			t.Errorf("bob has %d entries", n)
		}
		yes.Store(true)
		bob.service.Changed(conv, nil)
		settle(time.Second)
		wantSame(t, conv, alice, bob)
	})
}

// A device that is dropped hears why, then the stream ends.
func TestDrop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out atomic.Bool
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), nil)
		bob := w.device("bob", newPerson(t, "bob"), nil)
		w.connect(alice, bob)
		conv := alice.first(t)
		bob.sync(t, alice)
		alice.service.cfg.Reads = func(peer.ID, conversation.ID) bool { return !out.Load() }
		alice.service.cfg.SourceOf = func(peer.ID) (Source, bool) { return Source{}, !out.Load() }
		out.Store(true)
		alice.service.Drop(bob.id)
		if e := bob.events.await(t, Refused); e.Conversation != conv {
			t.Errorf("%+v", e)
		}
		bob.events.await(t, Disconnected)
		if e := alice.events.await(t, Disconnected); !errors.Is(e.Err, ErrRefused) {
			t.Errorf("%v", e.Err)
		}
		if err := bob.trySync(t, alice); !errors.Is(err, ErrRefused) {
			t.Errorf("bob: %v", err)
		}
		alice.service.Drop(bob.id) // there is none
	})
}

// Both open a stream at the same moment, over and over: one stands, and both
// catch up.
func TestBothOpenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for i := range 20 {
			w := newWorld(t)
			alice := w.device("alice", newPerson(t, "alice"), nil)
			bob := w.device("bob", newPerson(t, "bob"), nil)
			w.connect(alice, bob)
			conv := alice.first(t)
			alice.line(t, conv, i)
			var both sync.WaitGroup
			both.Go(func() { alice.sync(t, bob) })
			if i%2 == 1 {
				settle(0)
			}
			both.Go(func() { bob.sync(t, alice) })
			both.Wait()
			wantSame(t, conv, alice, bob)
			settle(time.Minute)
			if a, b := len(alice.service.Connected()), len(bob.service.Connected()); a != 1 || b != 1 {
				t.Errorf("%d and %d streams", a, b)
			}
			if n := alice.events.count(Disconnected) + bob.events.count(Disconnected); n > 0 {
				t.Errorf("%d times disconnected", n)
			}
			w.close()
		}
	})
}

// Both have opened before either hears the other: the lesser peer ID's stands.
func TestLesserPeerIDWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		alice := w.device("alice", newPerson(t, "alice"), nil)
		bob := w.device("bob", newPerson(t, "bob"), nil)
		w.connect(alice, bob)
		var opened sync.WaitGroup
		opened.Add(2)
		for _, d := range []*device{alice, bob} {
			d.open = func(ctx context.Context, p peer.ID) (network.Stream, error) {
				muxed, err := d.links[p].mux.OpenStream(ctx)
				opened.Done()
				opened.Wait()
				return d.stream(d.links[p], muxed), err
			}
		}
		lesser, greater := alice, bob
		if bob.id < alice.id {
			lesser, greater = bob, alice
		}
		conv := greater.first(t)
		var both sync.WaitGroup
		both.Go(func() { alice.sync(t, bob) })
		both.Go(func() { bob.sync(t, alice) })
		both.Wait()
		wantSame(t, conv, alice, bob)
		if c := lesser.session(t, greater); c.number == 0 || c.stream.Stat().Direction == network.DirInbound {
			t.Errorf("%+v", c.stream.Stat())
		}
		if lesser.events.count(Connected) != 1 || greater.events.count(Connected) != 1 {
			t.Error("not connected once")
		}
	})
}

// A device that opens another stream has given up the one before; one that says
// a lesser number comes too late.
func TestNewerStreamStands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		one := mallory.speak(t, alice)
		one.say(hello{number: 5, entries: 1, bytes: 1})
		one.wantHello()
		two := mallory.speak(t, alice)
		two.say(hello{number: 4, entries: 1, bytes: 1})
		two.wantReset(codeReplaced)
		three := mallory.speak(t, alice)
		three.say(hello{number: 6, entries: 1, bytes: 1})
		three.wantHello()
		one.wantReset(codeReplaced)
		if alice.events.count(Connected) != 1 || alice.events.count(Disconnected) != 0 {
			t.Errorf("%v", alice.events.all)
		}
	})
}

func TestGreetingStreamsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		for i := range maxGreeting + 1 {
			h := mallory.speak(t, alice)
			h.Write([]byte{200}) // the beginning of a length
			settle(time.Second)
			if i == maxGreeting {
				h.wantReset(codeBusy)
			}
		}
	})
}

func TestCloseEndsAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := pair(t)
		_, carol, mallory := victim(t, nil)
		alice.line(t, alice.first(t), 3)
		bob.sync(t, alice)
		held := make(chan struct{})
		alice.log.set(func(l *memLog) {
			l.writing = func(ctx context.Context) error { close(held); <-ctx.Done(); return ctx.Err() }
		})
		bob.write(t, bob.log.conversations()[0], "held")
		<-held
		alice.service.Close()
		alice.service.Close()
		if err := alice.trySync(t, bob); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
		h := mallory.speak(t, carol)
		h.Write([]byte{1})
		settle(time.Second)
		carol.service.Close()
		h.wantReset(codeShutdown)
	})
}

func TestUnjoinable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, alice, bob := pair(t)
		w.part(alice, bob)
		if err := alice.trySync(t, bob); !errors.Is(err, ErrUnjoinable) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("changed my mind")
		alice.open = func(ctx context.Context, _ peer.ID) (network.Stream, error) {
			cancel(why)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		if err := alice.service.Sync(ctx, bob.id); !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	source := func(peer.ID) (Source, bool) { return Source{}, false }
	d := &device{}
	for field, cfg := range map[string]Config{
		"Config.Log":                  {SourceOf: source},
		"Config.SourceOf":             {Log: newMemLog()},
		"Config.Limits.Entries":       {Log: newMemLog(), SourceOf: source, Limits: Limits{Entries: 1 << 16}},
		"Config.Limits.Bytes":         {Log: newMemLog(), SourceOf: source, Limits: Limits{Bytes: -1}},
		"Config.Limits.Conversations": {Log: newMemLog(), SourceOf: source, Limits: Limits{Conversations: -1}},
		"Config.Limits.Streams":       {Log: newMemLog(), SourceOf: source, Limits: Limits{Streams: -1}},
		"Config.Limits.Coalesce":      {Log: newMemLog(), SourceOf: source, Limits: Limits{Coalesce: -1}},
		"Config.Limits.Retry":         {Log: newMemLog(), SourceOf: source, Limits: Limits{Retry: -1}},
		"Config.Limits.Stall":         {Log: newMemLog(), SourceOf: source, Limits: Limits{Stall: -1}},
		"Config.Limits.Hello":         {Log: newMemLog(), SourceOf: source, Limits: Limits{Hello: -1}},
	} {
		if _, err := New(d, cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := New(nil, Config{}); err == nil {
		t.Error("without a host")
	}
	// The least that works shares nothing.
	s, err := New(d, Config{Log: newMemLog(), SourceOf: source})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.cfg.Reads("x", conversation.ID{}) || s.cfg.Accepts("x", conversation.ID{}) || s.ID() != "/passeur/history/1.0.0" {
		t.Error("shares something")
	}
}
