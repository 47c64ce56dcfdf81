package signalling

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"
)

var epochStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// storeTest is a store with a clock of its own.
type storeTest struct {
	*store
	t   testing.TB
	now time.Time
}

func newStoreTest(t testing.TB, l Limits) *storeTest {
	l, err := l.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return &storeTest{newStore(l), t, epochStart}
}

func (s *storeTest) leave(sender, body string) error {
	_, err := s.put(s.now, letter{inbox: Inbox{1}, body: []byte(body), ttl: time.Minute, sender: peer.ID(sender), source: "of " + sender})
	return err
}

func (s *storeTest) mustLeave(sender, body string) {
	s.t.Helper()
	if err := s.leave(sender, body); err != nil {
		s.t.Fatalf("put %q of %s: %v", body, sender, err)
	}
}

// bodies gives what lies in the inbox.
func (s *storeTest) bodies() (bodies []string) {
	for _, m := range s.inboxes[Inbox{1}].queue {
		bodies = append(bodies, string(m.body))
	}
	return bodies
}

// read gives all that a subscription has not read.
func (s *storeTest) read(sub *subscription) (bodies []string) {
	for b := s.next(s.now, sub); b != nil; b = s.next(s.now, sub) {
		bodies = append(bodies, string(b))
	}
	return bodies
}

func (s *storeTest) mustSubscribe() *subscription {
	s.t.Helper()
	sub, err := s.subscribe(Inbox{1}, "owner")
	if err != nil {
		s.t.Fatal(err)
	}
	return sub
}

func TestStoreQueuesAndPushes(t *testing.T) {
	s := newStoreTest(t, Limits{})
	s.mustLeave("a", "before")
	sub := s.mustSubscribe()
	if got := s.read(sub); !slices.Equal(got, []string{"before"}) {
		t.Errorf("backlog %q", got)
	}
	live, err := s.put(s.now, letter{inbox: Inbox{1}, body: []byte("after"), ttl: time.Minute})
	if live != 1 || err != nil {
		t.Errorf("%d live, %v", live, err)
	}
	select {
	case <-sub.wake:
	default:
		t.Error("the subscriber was not woken")
	}
	if got := s.read(sub); !slices.Equal(got, []string{"after"}) {
		t.Errorf("pushed %q", got)
	}
}

func TestStoreKeepsCopiesOnceAndPushesThemAgain(t *testing.T) {
	s := newStoreTest(t, Limits{})
	sub := s.mustSubscribe()
	for range 20 {
		s.mustLeave("a", "the same")
		if got := s.read(sub); !slices.Equal(got, []string{"the same"}) {
			t.Fatalf("pushed %q", got)
		}
	}
	if held, _ := s.counts(); held != 1 {
		t.Errorf("holds %d", held)
	}
}

func TestStoreExpires(t *testing.T) {
	s := newStoreTest(t, Limits{})
	s.mustLeave("a", "old")
	s.now = s.now.Add(30 * time.Second)
	s.mustLeave("a", "new")
	s.now = s.now.Add(30 * time.Second)
	if got := s.read(s.mustSubscribe()); !slices.Equal(got, []string{"new"}) {
		t.Errorf("after a minute: %q", got)
	}
	s.unsubscribe(s.inboxes[Inbox{1}].sub)
	s.sweep(s.now.Add(time.Minute))
	if len(s.inboxes) != 0 || len(s.sources) != 0 || s.bytes != 0 || s.held != 0 || s.subs != 0 {
		t.Errorf("left behind: %d inboxes, %d sources, %d bytes, %d held, %d subscriptions", len(s.inboxes), len(s.sources), s.bytes, s.held, s.subs)
	}
}

func TestStoreSenderQuota(t *testing.T) {
	s := newStoreTest(t, Limits{})
	for i := range 8 {
		s.mustLeave("a", fmt.Sprint("a", i))
	}
	if err := s.leave("a", "a8"); !errors.Is(err, codeFull) {
		t.Errorf("the ninth: %v", err)
	}
	s.mustLeave("b", "b0")
	// What the owner has makes room.
	s.read(s.mustSubscribe())
	s.mustLeave("a", "a9")
	if got := s.bodies(); slices.Contains(got, "a0") || !slices.Contains(got, "a9") || len(got) != 9 {
		t.Errorf("holds %q", got)
	}
}

func TestStoreInboxQuotaIsFair(t *testing.T) {
	s := newStoreTest(t, Limits{})
	for i := range 64 {
		s.mustLeave(fmt.Sprint("greedy", i/8), fmt.Sprint("m", i))
	}
	s.mustLeave("modest", "hello")
	got := s.bodies()
	if len(got) != 64 || !slices.Contains(got, "hello") || slices.Contains(got, "m0") {
		t.Errorf("holds %d: %q", len(got), got)
	}
	// Seven of one sender are the most that can be had where others have eight.
	for i := range 10 {
		s.leave("modest", fmt.Sprint("more", i))
	}
	if n := len(s.inboxes[Inbox{1}].of("modest")); n < 7 || n > 8 {
		t.Errorf("the newcomer holds %d", n)
	}
	if err := s.leave("greedy0", "again"); s.inboxes[Inbox{1}].of("greedy0") != nil && len(s.bodies()) > 64 {
		t.Errorf("over the limit: %v", err)
	}
}

func TestStoreInboxDropsDeliveredFirst(t *testing.T) {
	s := newStoreTest(t, Limits{InboxMessages: 4})
	for _, name := range []string{"a", "b", "c", "d"} {
		s.mustLeave(name, name)
	}
	sub := s.mustSubscribe()
	for range 3 { // a and b were written, c is being written
		s.next(s.now, sub)
	}
	s.mustLeave("e", "e")
	s.mustLeave("f", "f")
	if err := s.leave("f", "f2"); !errors.Is(err, codeFull) { // the others have no more than f
		t.Errorf("one too many: %v", err)
	}
	if got := s.bodies(); !slices.Equal(got, []string{"c", "d", "e", "f"}) {
		t.Errorf("holds %q", got)
	}
}

func TestStoreMemoryCapIsFairToSources(t *testing.T) {
	const size = 1000
	s := newStoreTest(t, Limits{StoreBytes: 20 * (size + storedOverhead)})
	leave := func(inbox byte, source string, i int) error {
		body := fmt.Sprintf("%s %d ", source, i)
		_, err := s.put(s.now, letter{
			inbox: Inbox{inbox}, body: []byte(body + strings.Repeat("x", size-len(body))), ttl: time.Minute,
			sender: peer.ID(fmt.Sprint(source, i)), source: source,
		})
		return err
	}
	for i := range 30 {
		if err := leave(byte(i), "flood", i); (err == nil) != (i < 20) || i >= 20 && !errors.Is(err, codeBusy) {
			t.Fatalf("message %d of the flood: %v", i, err)
		}
	}
	for i := range 10 {
		if err := leave(byte(100+i), "modest", i); err != nil {
			t.Fatalf("message %d of the modest: %v", i, err)
		}
	}
	if err := leave(200, "modest", 11); !errors.Is(err, codeBusy) {
		t.Errorf("more than the flood's share: %v", err)
	}
	if held, _ := s.counts(); held != 20 || s.bytes > s.limits.StoreBytes {
		t.Errorf("holds %d, %d bytes", held, s.bytes)
	}
	s.now = s.now.Add(time.Minute)
	if err := leave(201, "flood", 40); err != nil || s.held != 1 {
		t.Errorf("after a minute: %v, %d held", err, s.held)
	}
}

func TestStoreSubscriptions(t *testing.T) {
	s := newStoreTest(t, Limits{Subscriptions: 16})
	first := s.mustSubscribe()
	second := s.mustSubscribe()
	select {
	case <-first.gone:
	default:
		t.Error("the first subscription still stands")
	}
	s.unsubscribe(first) // as its goroutine does; it must not end the second
	if live, _ := s.put(s.now, letter{inbox: Inbox{1}, body: []byte("x"), ttl: time.Minute}); live != 1 {
		t.Errorf("%d live", live)
	}
	s.unsubscribe(second)
	if live, _ := s.put(s.now, letter{inbox: Inbox{1}, body: []byte("x"), ttl: time.Minute}); live != 0 {
		t.Errorf("%d live after the end", live)
	}
	for i := range 3 {
		if _, err := s.subscribe(Inbox{9, byte(i)}, "one address"); (err == nil) != (i < 2) {
			t.Errorf("subscription %d of an address: %v", i, err)
		}
	}
	for i := range 15 {
		if _, err := s.subscribe(Inbox{8, byte(i)}, fmt.Sprint(i)); (err == nil) != (i < 14) {
			t.Errorf("subscription %d of all: %v", i, err)
		}
	}
}

// Whatever happens, the books are right and the limits hold.
func TestStoreBooks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		limits, err := Limits{InboxMessages: 6, SenderMessages: 3, StoreBytes: 12 * (storedOverhead + 50), Subscriptions: 8}.withDefaults()
		if err != nil {
			r.Fatal(err)
		}
		s, now := newStore(limits), epochStart
		var subs []*subscription
		r.Repeat(map[string]func(*rapid.T){
			"put": func(r *rapid.T) {
				s.put(now, letter{
					inbox: Inbox{rapid.Byte().Draw(r, "inbox") % 4}, ttl: time.Duration(rapid.IntRange(1, 120).Draw(r, "ttl")) * time.Second,
					body:   rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(r, "body"),
					sender: peer.ID(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(r, "sender")),
					source: rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(r, "source"),
				})
			},
			"subscribe": func(r *rapid.T) {
				if sub, err := s.subscribe(Inbox{rapid.Byte().Draw(r, "inbox") % 4}, rapid.SampledFrom([]string{"", "x", "y"}).Draw(r, "source")); err == nil {
					subs = append(subs, sub)
				}
			},
			"unsubscribe": func(r *rapid.T) {
				if len(subs) > 0 {
					s.unsubscribe(rapid.SampledFrom(subs).Draw(r, "subscription"))
				}
			},
			"next": func(r *rapid.T) {
				if len(subs) > 0 {
					s.next(now, rapid.SampledFrom(subs).Draw(r, "subscription"))
				}
			},
			"pass":  func(r *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(r, "s")) * time.Second) },
			"sweep": func(*rapid.T) { s.sweep(now) },
			"":      func(r *rapid.T) { checkBooks(r, s) },
		})
	})
}

func checkBooks(t *rapid.T, s *store) {
	bytes, held, subs := 0, 0, 0
	perSource := make(map[string]int)
	for id, b := range s.inboxes {
		if len(b.queue) == 0 && b.sub == nil || b.id != id || len(b.queue) > s.limits.InboxMessages {
			t.Fatalf("inbox %x holds %d", id[:1], len(b.queue))
		}
		last := uint64(0)
		for _, m := range b.queue {
			if m.box != b || m.seq <= last || len(b.of(m.sender)) > s.limits.SenderMessages {
				t.Fatalf("message %d of %x", m.seq, id[:1])
			}
			last = m.seq
			bytes += m.cost()
			held++
			perSource[m.source] += m.cost()
		}
		if b.sub != nil {
			subs++
		}
	}
	if bytes != s.bytes || held != s.held || subs != s.subs || bytes > s.limits.StoreBytes || subs > s.limits.Subscriptions {
		t.Fatalf("%d/%d bytes, %d/%d held, %d/%d subscriptions", bytes, s.bytes, held, s.held, subs, s.subs)
	}
	for name, x := range s.sources {
		if x.bytes != perSource[name] || x.subs == 0 && x.queue.Len() == 0 {
			t.Fatalf("source %q: %d bytes, not %d", name, x.bytes, perSource[name])
		}
	}
}
