package logstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// idsOf decodes what was sent.
func idsOf(t *testing.T, raws []conversation.Raw) (ids []conversation.ID) {
	t.Helper()
	for _, raw := range raws {
		e, err := conversation.Decode(raw)
		check(t, err)
		ids = append(ids, e.ID)
	}
	return ids
}

// ask is Missing with what came.
func ask(t *testing.T, h *home, id conversation.ID, want, have []conversation.ID, after conversation.ID, entries, bytes int) ([]conversation.ID, bool) {
	t.Helper()
	var raws []conversation.Raw
	more, err := h.Missing(t.Context(), id, want, have, after, entries, bytes, func(raw conversation.Raw) error { raws = append(raws, raw); return nil })
	check(t, err)
	return idsOf(t, raws), more
}

func TestMissingIsWhatIsBehindOneAndNotBehindTheOther(t *testing.T) {
	a := newPerson(t, 1, 1).open(t, logstore.Config{})
	id := a.group("branches")
	var all []conversation.ID
	add := func(parents ...conversation.ID) conversation.ID {
		e, err := a.AppendAfter(t.Context(), id, a.author(), conversation.TypeText, fmt.Append(nil, len(all)), parents)
		check(t, err)
		all = append(all, e.ID)
		return e.ID
	}
	l1 := add(id)
	l2 := add(l1)
	r1 := add(id)
	r2 := add(r1)
	join := add(l2, r2)
	top := add(join)
	unknown := conversation.ID{7}
	for _, c := range []struct {
		name       string
		want, have []conversation.ID
		get        []conversation.ID
	}{
		{"all", []conversation.ID{top}, nil, []conversation.ID{id, l1, l2, r1, r2, join, top}},
		{"nothing", []conversation.ID{top}, []conversation.ID{top}, nil},
		{"the other branch", []conversation.ID{top}, []conversation.ID{l2}, []conversation.ID{r1, r2, join, top}},
		{"between", []conversation.ID{l2, r2}, []conversation.ID{r1}, []conversation.ID{l1, l2, r2}},
		{"of what is not here", []conversation.ID{unknown}, nil, nil},
		{"with what is not here", []conversation.ID{unknown, l1}, []conversation.ID{unknown, id}, []conversation.ID{l1}},
		{"less than asked", []conversation.ID{l1}, []conversation.ID{top}, nil},
	} {
		if got, more := ask(t, a, id, c.want, c.have, conversation.ID{}, 100, 1<<20); !slices.Equal(got, c.get) || more {
			t.Errorf("%s: %v, more %v; want %v", c.name, got, more, c.get)
		}
	}
}

func TestMissingGoesOnWhereItEnded(t *testing.T) {
	id, a, _ := two(t, logstore.Config{})
	for i := range 70 {
		a.say(id, fmt.Sprint(i))
	}
	heads, err := a.Heads(id)
	check(t, err)
	whole, _ := ask(t, a, id, heads, nil, conversation.ID{}, 1<<20, 1<<30)
	for _, limit := range []struct{ entries, bytes int }{{1, 1 << 20}, {7, 1 << 20}, {64, 1 << 20}, {65, 1 << 20}, {1000, 1}, {1000, 5000}} {
		var got []conversation.ID
		after, more := conversation.ID{}, true
		for more {
			var part []conversation.ID
			part, more = ask(t, a, id, heads, nil, after, limit.entries, limit.bytes)
			if len(part) == 0 || len(part) > limit.entries || limit.bytes == 1 && len(part) != 1 {
				t.Fatalf("%+v: %d at once", limit, len(part))
			}
			got, after = append(got, part...), part[len(part)-1]
		}
		if !slices.Equal(got, whole) {
			t.Errorf("%+v: %d of %d", limit, len(got), len(whole))
		}
	}
	if got, more := ask(t, a, id, heads, nil, conversation.ID{9}, 10, 1<<20); len(got) != 10 || !more || got[0] != id {
		t.Errorf("after an unknown one: %v", got)
	}
	if got, more := ask(t, a, id, heads, nil, conversation.ID{}, 0, 1<<20); len(got) != 0 || !more {
		t.Errorf("none: %v, more %v", got, more)
	}
}

func TestMissingEndsWithItsReceiver(t *testing.T) {
	id, a, _ := two(t, logstore.Config{})
	heads, err := a.Heads(id)
	check(t, err)
	gone := errors.New("gone")
	if _, err := a.Missing(t.Context(), id, heads, nil, conversation.ID{}, 9, 1<<20, func(conversation.Raw) error { return gone }); err != gone {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Missing(ctx, id, heads, nil, conversation.ID{}, 9, 1<<20, func(conversation.Raw) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What was judged and not stored leaves holes in the book, and none elsewhere.
func TestMissingWithEntriesThatWereNotStored(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	seen, err := b.Heads(id)
	check(t, err)
	a.act(id, conversation.Ban, b.person)
	for i := range 5 {
		a.say(id, fmt.Sprint(i))
		bad := forge(t, b.author(), id, start.Add(time.Minute), []byte{byte(i)}, seen...)
		if r, err := a.ingest(id, b, bad.Raw); err != nil || r.Void != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	heads, err := a.Heads(id)
	check(t, err)
	got, more := ask(t, a, id, heads, nil, conversation.ID{}, 100, 1<<20)
	if len(got) != entriesOf(t, a, id) || more || got[len(got)-1] != heads[0] {
		t.Errorf("%d of %d", len(got), entriesOf(t, a, id))
	}
	half, _ := ask(t, a, id, heads, got[:5], got[6], 100, 1<<20)
	if !slices.Equal(half, got[7:]) {
		t.Errorf("%v, want %v", half, got[7:])
	}
	c := newPerson(t, 3, 1).open(t, logstore.Config{})
	a.give(id, c)
	sound(t, c.Store, id)
	sound(t, a.Store, id)
}

func TestBodiesOfVoidEntriesAreNotServed(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	seen, err := b.Heads(id)
	check(t, err)
	text := b.say(id, "unseen by the one who bans")
	b.give(id, a)
	_, err = a.AppendAfter(t.Context(), id, a.author(), conversation.TypeMember, conversation.MemberContent(conversation.Ban, b.account()), seen)
	check(t, err)
	raws := rawsOf(t, a, id, text.ID)
	if len(raws) != 1 || raws[0].Body != nil {
		t.Errorf("served %v", raws)
	}
	if m, err := a.Message(id, text.ID); err != nil || !m.Void || m.Text == "" {
		t.Errorf("here it is still shown, struck out: %+v, %v", m, err)
	}
	c := newPerson(t, 3, 1).open(t, logstore.Config{})
	a.give(id, c)
	lacking(t, c, id)
}

func TestLocatorReachesBackInGrowingSteps(t *testing.T) {
	a := newPerson(t, 1, 1).open(t, logstore.Config{})
	id := a.group("long")
	all := []conversation.ID{id}
	for i := range 40 {
		got, err := a.Locator(id)
		if err != nil || len(got) > 32 || got[0] != all[i] || got[len(got)-1] != id {
			t.Fatalf("of %d: %v, %v", len(all), got, err)
		}
		for k, back := range []int{0, 1, 3, 7, 15, 31} {
			if i > back && got[k] != all[i-back] {
				t.Errorf("step %d of %d is not %d back", k, len(all), back)
			}
		}
		all = append(all, a.say(id, fmt.Sprint(i)).ID)
	}
}

func TestCommonHeadsAreRememberedForEachDevice(t *testing.T) {
	id, a, _ := two(t, logstore.Config{})
	ids := make([]conversation.ID, 70)
	for i := range ids {
		ids[i][0] = byte(i)
	}
	for device, heads := range map[peer.ID][]conversation.ID{"one": ids[:1], "two": ids, "three": nil} {
		check(t, a.SetCommon(device, id, ids[5:6]), a.SetCommon(device, id, heads), a.SetCommon(device, id, heads))
		if got, err := a.Common(device, id); err != nil || !slices.Equal(got, heads[:min(64, len(heads))]) {
			t.Errorf("%s: %v, %v", device, got, err)
		}
	}
	if got, err := a.Common("four", id); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	check(t, a.SetCommon("one", conversation.ID{3}, ids))
}

func TestBatchesAreBounded(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := a.say(id, "hello")
	many := slices.Repeat([]conversation.Raw{text.Raw}, logstore.MaxBatch+1)
	if _, err := b.ingest(id, a, many...); !errors.Is(err, logstore.ErrBatch) {
		t.Errorf("%d entries: %v", len(many), err)
	}
	if r, err := b.ingest(id, a, many[1:]...); err != nil || len(r.Added) != 1 || r.Known != logstore.MaxBatch-1 {
		t.Errorf("%+v, %v", r, err)
	}
	big := conversation.Raw{Header: make([]byte, 2<<20)}
	if _, err := b.ingest(id, a, big); !errors.Is(err, logstore.ErrBatch) {
		t.Errorf("2 MiB: %v", err)
	}
	if r, err := b.ingest(id, a); err != nil || len(r.Added) != 0 {
		t.Errorf("nothing: %+v, %v", r, err)
	}
}

// The rate counts per account, after a burst, and not in the first catch-up.
func TestRateIsHeldAfterTheFirstCatchUp(t *testing.T) {
	quotas := logstore.Quotas{Rate: 10, Burst: 20}
	a, b := newPerson(t, 1, 1).open(t, logstore.Config{}), newPerson(t, 2, 1).open(t, logstore.Config{Quotas: quotas})
	id := a.group("fast")
	for i := range 50 {
		a.say(id, fmt.Sprint(i))
	}
	if r := a.give(id, b); r.Paused {
		t.Errorf("in the first catch-up: %+v", r)
	}
	for i := range 50 {
		a.say(id, fmt.Sprint(i))
	}
	raws := a.missing(id, b)
	r, err := b.ingest(id, a, raws...)
	if err != nil || len(r.Added) != 20 || !r.Paused || r.Pauses[0].Reason != logstore.PauseRate {
		t.Errorf("%d taken, %+v, %v", len(r.Added), r.Pauses, err)
	}
	if wait := r.Pauses[0].Until.Sub(b.clock.Now()); wait != 100*time.Millisecond {
		t.Errorf("the next after %v", wait)
	}
	b.clock.add(time.Second)
	if r, err := b.ingest(id, a, raws...); err != nil || len(r.Added) != 10 {
		t.Errorf("a second later: %d, %v", len(r.Added), err)
	}
	b.clock.add(time.Hour)
	if r, err := b.ingest(id, a, raws...); err != nil || len(r.Added) != 20 {
		t.Errorf("an hour later: %d, %v", len(r.Added), err)
	}
	// own devices are exempt
	own, err := b.Ingest(t.Context(), id, raws, logstore.Source{Own: true})
	if err != nil || own.Paused || len(a.missing(id, b)) != 0 {
		t.Errorf("%+v, %v", own, err)
	}
	sound(t, b.Store, id)
}
