package membership_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	. "github.com/passeur-p2p/passeur/conversation/membership"
)

// talk is a long conversation of entries that all follow each other: controls
// control entries, that invite and remove one account for ever, spread over data
// entries by 20 members with two devices each.
type talk struct {
	book    *Book
	entries []Entry
	ranks   []Rank
}

func newTalk(tb testing.TB, data, controls int) *talk {
	c := &talk{book: NewBook()}
	c.add(tb, Entry{Account: account("a"), Device: "a1", Action: Initial, Mode: Group})
	for i := range 20 {
		c.add(tb, c.by("a", 0, Invite, speaker(i)))
		c.add(tb, c.by(speaker(i), 0, Join, ""))
	}
	every := max(1, data/max(1, controls-41))
	for i := 0; c.book.Len() < data+controls; i++ {
		if i%every == 0 && i/every < controls-41 {
			c.add(tb, c.by("a", 0, []conversation.Action{Invite, Remove}[i/every%2], "z"))
		}
		if i < data {
			c.add(tb, c.by(speaker(i%20), i/20%2, Data, ""))
		}
	}
	return c
}

func speaker(i int) string { return fmt.Sprint("speaker ", i) }

// by is an entry that follows the last one.
func (c *talk) by(who string, device int, action conversation.Action, whom string) Entry {
	e := Entry{Account: account(who), Device: peer.ID(fmt.Sprint(who, device)), Action: action, Parents: []int{c.book.Len() - 1}}
	if whom != "" {
		e.Target = account(whom)
	}
	return e
}

func (c *talk) add(tb testing.TB, e Entry) Change {
	tb.Helper()
	v, err := c.book.Judge(e)
	if err != nil {
		tb.Fatal(err)
	}
	_, change, err := c.book.Add(e)
	if err != nil {
		tb.Fatal(err)
	}
	c.entries, c.ranks = append(c.entries, e), append(c.ranks, v.Rank)
	return change
}

func (c *talk) restore() *Book {
	b := NewBook()
	for i, e := range c.entries {
		b.Restore(e, Verdict{Rank: c.ranks[i]})
	}
	b.Settle()
	return b
}

func BenchmarkAddData(b *testing.B) {
	c := newTalk(b, 100_000, 1000)
	b.ResetTimer()
	for i := range b.N {
		e := c.by(speaker(i%20), 0, Data, "")
		e.Parents = c.book.Heads()
		if _, _, err := c.book.Add(e); err != nil {
			b.Fatal(err)
		}
	}
}

// Data that merges a different old branch each time, as a vandal's may.
func BenchmarkAddDataOnOldParents(b *testing.B) {
	c := newTalk(b, 100_000, 1000)
	b.ResetTimer()
	for i := range b.N {
		e := c.by(speaker(i%20), 1, Data, "")
		e.Parents = []int{50_000 + i*7919%50_000}
		if _, _, err := c.book.Add(e); err != nil {
			b.Fatal(err)
		}
	}
}

// The owner bans and unbans a speaker, whose every 20th entry it is.
func BenchmarkAddControl(b *testing.B) {
	for _, controls := range []int{1000, 8192} {
		b.Run(fmt.Sprintf("after all of %d", controls), func(b *testing.B) {
			c := newTalk(b, 100_000, controls)
			b.ResetTimer()
			for i := range min(b.N, OwnerControlCap-controls) {
				e := c.by("a", 0, []conversation.Action{Ban, Unban}[i%2], speaker(3))
				if _, _, err := c.book.Add(e); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("beside the last of %d", controls), func(b *testing.B) {
			c := newTalk(b, 100_000, controls)
			beside := c.book.Len() * 9 / 10
			b.ResetTimer()
			for i := range b.N {
				e := c.by("a", 0, Ban, fmt.Sprint("stranger ", i))
				e.Parents = []int{beside}
				if _, _, err := c.book.Add(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRestore(b *testing.B) {
	c := newTalk(b, 100_000, 1000)
	b.ResetTimer()
	for b.Loop() {
		c.restore()
	}
	b.StopTimer()
	b.ReportMetric(bytesPerRow(c), "B/row")
}

func bytesPerRow(c *talk) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	book := c.restore()
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := float64(after.HeapAlloc - before.HeapAlloc)
	runtime.KeepAlive(c)
	return size / float64(book.Len())
}
