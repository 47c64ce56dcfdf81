package logstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// longLog makes a conversation of n entries, 1 in every controls of them a
// control entry, without a store, so that only what is measured costs.
func longLog(t testing.TB, n, control int) (owner *person, id conversation.ID, log []conversation.Raw) {
	t.Helper()
	owner = newPerson(t, 1, 1)
	a := owner.author()
	d := conversation.Draft{Account: a.Account, Time: start, Type: conversation.TypeInitial,
		Content: conversation.InitialContent(conversation.Group, conversation.Account{}, "long"), Certificate: &a.Certificate}
	first, err := d.Sign(a.Device)
	check(t, err)
	id, log = first.ID, append(log, first.Raw)
	parent := first.ID
	for i := 1; i < n; i++ {
		d := conversation.Draft{Conversation: id, Account: a.Account, Parents: []conversation.ID{parent},
			Time: start.Add(time.Duration(i) * time.Millisecond), Type: conversation.TypeText, Content: fmt.Appendf(nil, "message number %d, of the usual length", i)}
		if control > 0 && i%(n/control) == 0 {
			d.Type = conversation.TypeMember
			d.Content = conversation.MemberContent(conversation.Invite, newPerson(t, uint64(1000+i), 0).account())
		}
		e, err := d.Sign(a.Device)
		check(t, err)
		parent, log = e.ID, append(log, e.Raw)
	}
	return owner, id, log
}

func TestMeasure(t *testing.T) {
	owner, id, log := longLog(t, 20_000, 200)
	path := newPath(t)
	other := newPerson(t, 2, 1)
	h := other.openAt(t, path, logstore.Config{})
	begin := time.Now()
	for i := 0; i < len(log); i += 512 {
		batch := log[i:min(i+512, len(log))]
		_, err := h.Ingest(t.Context(), id, batch, logstore.Source{Own: true})
		check(t, err)
	}
	d := time.Since(begin)
	t.Logf("ingest %d in %v: %.0f/s", len(log), d, float64(len(log))/d.Seconds())
	begin = time.Now()
	check(t, h.Close())
	t.Logf("close %v", time.Since(begin))
	begin = time.Now()
	h = owner.openAt(t, path, logstore.Config{})
	t.Logf("open %v", time.Since(begin))
	begin = time.Now()
	list, err := h.Messages(id, logstore.Page{})
	check(t, err)
	t.Logf("last page %v (%d)", time.Since(begin), len(list))
	begin = time.Now()
	list, err = h.Messages(id, logstore.Page{})
	check(t, err)
	t.Logf("last page again %v", time.Since(begin))
	begin = time.Now()
	h.say(id, "first")
	t.Logf("load and first append %v", time.Since(begin))
	var worst, sum time.Duration
	for range 200 {
		begin := time.Now()
		h.say(id, "next")
		d := time.Since(begin)
		worst, sum = max(worst, d), sum+d
	}
	t.Logf("append mean %v worst %v", sum/200, worst)
	begin = time.Now()
	n := 0
	heads, _ := h.Heads(id)
	_, err = h.Missing(t.Context(), id, heads, nil, conversation.ID{}, 1<<30, 1<<30, func(conversation.Raw) error { n++; return nil })
	check(t, err)
	t.Logf("missing, %d streamed: %v", n, time.Since(begin))
	begin = time.Now()
	var after conversation.ID
	n = 0
	for more := true; more; {
		more, err = h.Missing(t.Context(), id, heads, nil, after, 512, 1<<20, func(r conversation.Raw) error {
			n++
			e, err := conversation.Decode(r)
			after = e.ID
			return err
		})
		check(t, err)
	}
	t.Logf("missing, %d in 512s: %v", n, time.Since(begin))
	begin = time.Now()
	sound(t, h.Store, id)
	t.Logf("check %v", time.Since(begin))
}
