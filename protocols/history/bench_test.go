package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/test/loopback"
)

// connectTCP joins two devices by TCP on the loopback.
func (w *world) connectTCP(a, b *device) {
	w.t.Helper()
	one, two := loopback.TCP(w.t)
	w.join(a, b, one, two)
}

// fill puts n texts after each other into a store, as an own device gives them.
func (d *device) fill(t testing.TB, store *logstore.Store, conv conversation.ID, n int) {
	t.Helper()
	heads, err := store.Heads(conv)
	if err != nil {
		t.Fatal(err)
	}
	head, err := store.Entry(conv, heads[0])
	if err != nil {
		t.Fatal(err)
	}
	parent, batch := head.ID, make([]conversation.Raw, 0, logstore.MaxBatch)
	for i := range n {
		draft := conversation.Draft{
			Conversation: conv, Account: d.person.account.Account(), Parents: []conversation.ID{parent},
			Time: head.Time, Type: conversation.TypeText, Content: fmt.Appendf(nil, "this is message number %d of many", i),
		}
		e, err := draft.Sign(d.key)
		if err != nil {
			t.Fatal(err)
		}
		parent, batch = e.ID, append(batch, e.Raw)
		if len(batch) == cap(batch) || i == n-1 {
			own := logstore.Source{Account: draft.Account, Own: true}
			if r, err := store.Ingest(t.Context(), conv, batch, own); err != nil || len(r.Added) != len(batch) {
				t.Fatal(r, err)
			}
			batch = batch[:0]
		}
	}
}

// BenchmarkCatchUp: a fresh device fetches 100,000 entries over the loopback,
// both ends on the real store. Run it with -benchtime=1x.
func BenchmarkCatchUp(b *testing.B) {
	const n = 100_000
	w := newWorld(b)
	ann := newPerson(b, "ann")
	laptop, full := w.stored("laptop", ann, nil)
	conv := laptop.found(b, full)
	laptop.fill(b, full, conv, n)
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		phone, empty := w.stored(fmt.Sprint("phone ", i), ann, nil)
		w.connectTCP(phone, laptop)
		b.StartTimer()
		began := time.Now()
		phone.sync(b, laptop)
		b.ReportMetric(n/time.Since(began).Seconds(), "entries/s")
		wantEqual(b, conv, full, empty)
	}
}
