package logstore_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// longLog makes a conversation of n entries without a store, every so many of
// them a control entry.
func longLog(t testing.TB, n, every int) (owner *person, id conversation.ID, log []conversation.Raw) {
	t.Helper()
	owner = newPerson(t, 1, 1)
	a := owner.author()
	first, err := conversation.Draft{Account: a.Account, Time: start, Type: conversation.TypeInitial,
		Content: conversation.InitialContent(conversation.Group, conversation.Account{}, "long"), Certificate: &a.Certificate}.Sign(a.Device)
	check(t, err)
	log = append(log, first.Raw)
	parent := first.ID
	for i := 1; i < n; i++ {
		d := conversation.Draft{Conversation: first.ID, Account: a.Account, Parents: []conversation.ID{parent},
			Time: start.Add(time.Duration(i) * time.Millisecond), Type: conversation.TypeText,
			Content: fmt.Appendf(nil, "message %d, which is about as long as messages are", i)}
		if i%every == 0 {
			d.Type, d.Content = conversation.TypeMember, conversation.MemberContent(conversation.Invite, newPerson(t, uint64(1000+i), 0).account())
		}
		e, err := d.Sign(a.Device)
		check(t, err)
		parent, log = e.ID, append(log, e.Raw)
	}
	return owner, first.ID, log
}

// BenchmarkLongLog measures a conversation of 100,000 entries (or as many as
// PASSEUR_LOGSTORE_ENTRIES says), 1,000 of them control entries, step by step.
// It is one run, whatever -benchtime says.
func BenchmarkLongLog(b *testing.B) {
	entries := 100_000
	if text := os.Getenv("PASSEUR_LOGSTORE_ENTRIES"); text != "" {
		entries, _ = strconv.Atoi(text)
	}
	owner, id, log := longLog(b, entries, 100)
	path := newPath(b)
	other := newPerson(b, 2, 1)
	h := other.openAt(b, path, logstore.Config{})
	measure(b, "ingest", len(log), func() {
		for i := 0; i < len(log); i += logstore.MaxBatch {
			_, err := h.Ingest(b.Context(), id, log[i:min(i+logstore.MaxBatch, len(log))], logstore.Source{})
			check(b, err)
		}
	})
	measure(b, "close", 1, func() { check(b, h.Close()) })
	info, err := os.Stat(path)
	check(b, err)
	b.Logf("file: %d MiB", info.Size()>>20)
	measure(b, "open", 1, func() { h = owner.openAt(b, path, logstore.Config{}) })
	measure(b, "list of conversations", 1, func() {
		_, err := h.Conversations()
		check(b, err)
	})
	measure(b, "newest page of 50", 1, func() { page(b, h, id) })
	measure(b, "the same again", 1, func() { page(b, h, id) })
	measure(b, "load the rules, append", 1, func() { h.say(id, "first") })
	appendMany(b, h, id)
	heads, err := h.Heads(id)
	check(b, err)
	measure(b, "missing, all at once", len(log), func() { drain(b, h, id, heads, 1<<30) })
	measure(b, "missing, 512 at once", len(log), func() { drain(b, h, id, heads, logstore.MaxBatch) })
	measure(b, "check", len(log), func() { sound(b, h.Store, id) })
}

func page(b *testing.B, h *home, id conversation.ID) {
	list, err := h.Messages(id, logstore.Page{})
	check(b, err)
	if len(list) != 50 {
		b.Fatalf("%d messages", len(list))
	}
}

func appendMany(b *testing.B, h *home, id conversation.ID) {
	const n = 500
	var worst time.Duration
	measure(b, "append", n, func() {
		for range n {
			begin := time.Now()
			h.say(id, "next")
			worst = max(worst, time.Since(begin))
		}
	})
	b.Logf("append, the slowest: %v", worst)
}

func drain(b *testing.B, h *home, id conversation.ID, heads []conversation.ID, most int) {
	var after conversation.ID
	for more := true; more; {
		var last conversation.Raw
		var err error
		more, err = h.Missing(b.Context(), id, heads, nil, after, most, 1<<30, func(raw conversation.Raw) error {
			last = raw
			return nil
		})
		check(b, err)
		e, err := conversation.Decode(last)
		check(b, err)
		after = e.ID
	}
}

// measure logs how long n steps took by the clock, and how much they cost the
// processors, which is what counts on a busy machine.
func measure(b *testing.B, what string, n int, f func()) {
	b.Helper()
	cpu, begin := cpuTime(), time.Now()
	f()
	took, cost := time.Since(begin), cpuTime()-cpu
	b.Logf("%-24s %8d  %12v (%v each, %.0f/s)  CPU %v (%v each)", what, n, took.Round(time.Microsecond),
		(took / time.Duration(n)).Round(100*time.Nanosecond), float64(n)/took.Seconds(), cost, cost/time.Duration(n))
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
