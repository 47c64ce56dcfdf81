package rerequest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// bookOf holds what it says, or fails as it says.
type bookOf func(conversation, interaction string) (filexfer.File, error)

func (b bookOf) Held(_ context.Context, conversation, interaction string) (filexfer.File, error) {
	return b(conversation, interaction)
}

// The holder's checks, each with its own error, its own word, and nothing sent.
func TestRefusals(t *testing.T) {
	fails := func(err error) Book {
		return bookOf(func(string, string) (filexfer.File, error) {
			return filexfer.File{}, fmt.Errorf("/home/alice/secret: %w", err)
		})
	}
	for _, tt := range []struct {
		name   string
		book   Book
		judged error
		change func(r *Request, alice *testDevice)
		want   error
		word   string
	}{
		{"forged device", nil, nil, func(r *Request, alice *testDevice) { r.Device = alice.id }, ErrDevice, "device"},
		{"other conversation", nil, nil, func(r *Request, _ *testDevice) { r.Conversation = "x" }, ErrUnknownConversation, "unknown-conversation"},
		{"removed member", nil, ErrNotMember, nil, ErrNotMember, "not-a-member"},
		{"revoked device", nil, ErrRevoked, nil, ErrRevoked, "revoked"},
		{"unknown entry", fails(ErrUnknownEntry), nil, nil, ErrUnknownEntry, "unknown-entry"},
		{"entry of another type", fails(ErrNotAFile), nil, nil, ErrNotAFile, "not-a-file"},
		{"not held", nil, nil, func(r *Request, _ *testDevice) { r.Interaction = "x" }, ErrNotHeld, "not-here"},
		{"changed", fails(ErrChanged), nil, nil, ErrChanged, "changed"},
		{"disk trouble", fails(io.ErrUnexpectedEOF), nil, nil, ErrFailed, "failed"},
		{"start beyond the end", nil, nil, func(r *Request, _ *testDevice) { r.Start = 64_001 }, ErrRange, "range"},
		{"end beyond the end", nil, nil, func(r *Request, _ *testDevice) { r.End = 64_001 }, ErrRange, "range"},
		{"end before start", nil, nil, func(r *Request, _ *testDevice) { r.Start, r.End = 9, 8 }, ErrRange, "range"},
		{"huge numbers", nil, nil, func(r *Request, _ *testDevice) { r.Start, r.End = 1<<63-1, 1<<63-1 }, ErrRange, "range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				var text bytes.Buffer
				alice, bob := w.deviceWith("alice", Config{Book: tt.book, Logger: slog.New(slog.NewTextHandler(&text, nil))}), w.bare("bob")
				alice.holds("photo", bytesOf("photo", 64_000))
				alice.connect(bob)
				w.judge(bob, tt.judged)
				r := Request{Conversation: talk, Interaction: "photo", Device: bob.id}
				if tt.change != nil {
					tt.change(&r, alice)
				}
				err := bob.asks(alice, r)
				denial, isDenial := errors.AsType[*Denial](err)
				if !errors.Is(err, tt.want) || !isDenial || *denial != (Denial{Word: tt.word}) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				refused := alice.events.await(t, 1, is(Refused))
				if refused.Device != bob.id || !errors.Is(refused.Err, tt.want) && tt.want != ErrFailed {
					t.Errorf("%+v", refused)
				}
				alice.wantStory("refused bob")
				if strings.Count(text.String(), "\n") != 1 || !strings.Contains(text.String(), tt.word) {
					t.Errorf("logged: %q", &text)
				}
			})
		})
	}
}

// What is not even a request.
func TestGarbage(t *testing.T) {
	long := framed(strings.Repeat("x", MaxRequest+1))
	for name, raw := range map[string][]byte{
		"empty":     framed(""),
		"no JSON":   framed("GET / HTTP/1.1"),
		"oversize":  long,
		"huge":      {0xff, 0xff, 0xff, 0xff},
		"two":       framed(`{}{}`),
		"no fields": framed(`{}`),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.bare("bob")
				alice.connect(bob)
				if err := bob.asksRaw(alice, raw); !errors.Is(err, ErrProtocol) || !errors.Is(err, ErrDenied) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// A request may come byte by byte, and must come in half a minute.
func TestFragments(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		alice.connect(bob)
		raw, _ := Request{Conversation: talk, Interaction: "photo", Device: bob.id}.MarshalBinary()
		s := bob.opens(alice)
		for i := range raw {
			if _, err := s.Write(raw[i : i+1]); err != nil {
				t.Fatal(err)
			}
			settle(10 * time.Millisecond)
		}
		if err := readAnswer(s); !errors.Is(err, ErrNotHeld) {
			t.Errorf("%v", err)
		}
		s.Close()
		s = bob.opens(alice)
		s.Write(raw[:10])
		settle(wireTimeout)
		if err := readAnswer(s); err == nil || errors.Is(err, ErrDenied) {
			t.Errorf("half a request: %v", err)
		}
	})
}

// A range ends where it should.
func TestEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.bare("bob")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		alice.connect(bob)
		for _, r := range []Request{{Start: 0, End: 10}, {Start: 10, End: 20}, {Start: 63_990}, {Start: 64_000}} {
			offers := make(chan filexfer.Offer, 1)
			taken := newMemory()
			files, err := filexfer.New(bob, filexfer.Config{Ranges: true, Accept: func(_ context.Context, o filexfer.Offer) (filexfer.Sink, error) {
				offers <- o
				return taken, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			bob.handle[filexfer.ID] = files.HandleStream
			r.Conversation, r.Interaction, r.Device = talk, "photo", bob.id
			if err := bob.asks(alice, r); err != nil {
				t.Fatal(err)
			}
			o := <-offers
			<-taken.committed
			files.Close()
			end := r.End
			if end == 0 {
				end = 64_000
			}
			if o.Offset != r.Start || o.Conversation != talk || o.Interaction != "photo" || !bytes.Equal(taken.Bytes(), content[r.Start:end]) {
				t.Errorf("%d to %d: offer of %d bytes from %d, %d came", r.Start, r.End, o.Size, o.Offset, taken.Len())
			}
		}
	})
}

// memory is a sink for ranges.
type memory struct {
	bytes.Buffer
	committed chan struct{}
}

func newMemory() *memory        { return &memory{committed: make(chan struct{})} }
func (m *memory) Commit() error { close(m.committed); return nil }
func (m *memory) Abort() error  { return nil }

// The same request again, while the file is being sent.
func TestReplayedRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		stop := alice.stops(1000)
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Claimed))
		for _, start := range []int64{0, 0, 1000} {
			err := bob.asks(alice, Request{Conversation: talk, Interaction: "photo", Device: bob.id, Start: start})
			if !errors.Is(err, ErrSending) {
				t.Errorf("%v", err)
			}
		}
		stop.open()
		bob.events.await(t, 1, is(Done))
		bob.got("photo", content)
	})
}

// A thousand requests for one large file, of one device at once: one is served,
// the book is asked once, and one line is logged.
func TestThousandRequests(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var text bytes.Buffer
		alice, bob := w.deviceWith("alice", Config{Logger: slog.New(slog.NewTextHandler(&text, nil))}), w.bare("bob")
		alice.holds("film", bytesOf("film", 8<<20))
		alice.connect(bob)
		bob.handle[filexfer.ID] = func(s network.Stream) { io.Copy(io.Discard, s); s.Reset() } // no GO
		var granted, denied, reset atomic.Int32
		var requests sync.WaitGroup
		for range 10 {
			requests.Go(func() {
				for range 100 {
					err := bob.asks(alice, Request{Conversation: talk, Interaction: "film", Device: bob.id})
					switch {
					case err == nil:
						granted.Add(1)
					case errors.Is(err, ErrSending):
						denied.Add(1)
					default:
						reset.Add(1)
					}
				}
			})
		}
		requests.Wait()
		if granted.Load() != 1 || denied.Load() != 999 || reset.Load() != 0 {
			t.Errorf("%d granted, %d denied, %d reset", granted.Load(), denied.Load(), reset.Load())
		}
		if alice.looks != 1 {
			t.Errorf("the book was asked %d times", alice.looks)
		}
		alice.wantStory("serving bob", "refused bob")
		if strings.Count(text.String(), "\n") != 1 {
			t.Errorf("logged: %q", &text)
		}
	})
}

// Requests that nobody finishes are bounded, and so is what is served.
func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice := w.deviceWith("alice", Config{MaxServing: 5, MaxServingPerPeer: 3})
		var others []*testDevice
		for _, name := range []string{"bob", "carla"} {
			other := w.bare(name)
			other.handle[filexfer.ID] = func(s network.Stream) { io.Copy(io.Discard, s); s.Reset() }
			alice.connect(other)
			others = append(others, other)
		}
		granted := 0
		for i := range 12 {
			name := fmt.Sprint("file ", i)
			alice.holds(name, bytesOf(name, 1000))
			from := others[i/6]
			err := from.asks(alice, Request{Conversation: talk, Interaction: name, Device: from.id})
			switch {
			case err == nil:
				granted++
			case !errors.Is(err, ErrBusy):
				t.Errorf("%v", err)
			}
			if i == 5 && granted != 3 {
				t.Errorf("%d files for one device", granted)
			}
		}
		if granted != 5 {
			t.Errorf("%d files in all", granted)
		}
		bob := others[0]
		var unread int
		for range 100 {
			s := bob.opens(alice)
			s.Write([]byte{0})
			synctest.Wait()
		}
		alice.again.desk.mu.Lock()
		unread = alice.again.desk.listening[bob.id]
		alice.again.desk.mu.Unlock()
		if unread > maxListeningPerPeer+3 {
			t.Errorf("%d requests are listened to", unread)
		}
	})
}

// What is told of refusals is bounded, and told again in an hour.
func TestOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.bare("bob")
		alice.connect(bob)
		ask := func(n int) {
			for i := range n {
				bob.asks(alice, Request{Conversation: talk, Interaction: fmt.Sprint(i), Device: bob.id})
			}
		}
		ask(10)
		ask(10)
		if n := len(alice.events.those(is(Refused))); n != 10 {
			t.Errorf("%d refusals were told of", n)
		}
		ask(1000)
		if n := len(alice.events.those(is(Refused))); n != maxOnce {
			t.Errorf("%d refusals were told of", n)
		}
		settle(onceFor)
		ask(1)
		if n := len(alice.events.those(is(Refused))); n != maxOnce+1 {
			t.Errorf("%d refusals were told of", n)
		}
		var o once
		for i := range 3 * maxOncePeer {
			o.first(peer.ID(fmt.Sprint(i)), "busy", key{})
		}
		if len(o.peers) > maxOncePeer {
			t.Errorf("%d devices are remembered", len(o.peers))
		}
	})
}

// Two streams of one device at once, for two files: both are served.
func TestTwoStreamsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		for _, name := range []string{"one", "two"} {
			alice.holds(name, bytesOf(name, 64_000))
		}
		alice.meets(bob)
		bob.wants("one")
		bob.wants("two")
		bob.events.await(t, 2, is(Done))
		bob.wantFolder("one", "two")
	})
}

// Of a file with a tree so many ranges are sent at a time, over the connection
// that asked; they cost a look into the book each, and nobody else his place.
func TestManyRanges(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.hasTrees = true
		alice, bob, carla := w.device("alice"), w.bare("bob"), w.bare("carla")
		for i := range 5 {
			alice.holds(fmt.Sprint("film ", i), bytesOf("film", 16<<20))
		}
		offered := make(chan network.Conn, 100)
		for _, d := range []*testDevice{bob, carla} {
			alice.connect(d)
			d.handle[filexfer.ID] = func(s network.Stream) { offered <- s.Conn(); io.Copy(io.Discard, s); s.Reset() }
		}
		asks := func(d *testDevice, film string, start, end int64) error {
			return d.asks(alice, Request{Conversation: talk, Interaction: film, Device: d.id, Start: start, End: end})
		}
		for i := range int64(20) {
			err := asks(bob, "film 0", mib(i%16), mib(i%16+1))
			if i < maxRanges && err != nil || i >= maxRanges && !errors.Is(err, ErrSending) {
				t.Errorf("range %d: %v", i, err)
			}
		}
		settle(time.Second)
		bobs := bob.links[alice][0]
		for range maxRanges {
			if c := <-offered; c != network.Conn(bobs) {
				t.Error("offered over another connection")
			}
		}
		if alice.looks != maxRanges {
			t.Errorf("%d looks into the book", alice.looks)
		}
		if err := asks(carla, "film 0", 0, 0); err != nil {
			t.Errorf("another device: %v", err)
		}
		if err := asks(carla, "film 0", 5, 0); !errors.Is(err, ErrSending) { // not by its tree
			t.Errorf("within a unit: %v", err)
		}
		for i := range int64(maxRanges) {
			if err := asks(bob, "film 1", mib(i), mib(i+1)); err != nil {
				t.Errorf("another file: %v", err)
			}
		}
		if err := asks(bob, "film 2", 0, mib(1)); !errors.Is(err, ErrBusy) {
			t.Errorf("a third file: %v", err)
		}
	})
}

// A range of one unit after the other, for as long as one likes: never more than
// a few at a time, nothing is hashed, and nothing stays.
func TestEndlessRanges(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.hasTrees = true
		alice, bob := w.device("alice"), w.bare("bob")
		alice.holds("film", bytesOf("film", 2<<20))
		alice.connect(bob)
		bob.handle[filexfer.ID] = func(s network.Stream) { s.Write([]byte("NGO\n")); s.Close() }
		for i := range int64(200) {
			err := bob.asks(alice, Request{Conversation: talk, Interaction: "film", Device: bob.id, Start: mib(i % 2), End: mib(i%2 + 1)})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		alice.again.desk.mu.Lock()
		defer alice.again.desk.mu.Unlock()
		if d := alice.again.desk; d.files+d.sends+d.listeners+len(d.serving)+len(d.listening) != 0 {
			t.Errorf("%d files, %d ranges, %d requests", d.files, d.sends, d.listeners)
		}
	})
}
