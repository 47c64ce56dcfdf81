package logstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// forge signs an entry with any parents and time, without asking a store.
func forge(t *testing.T, a logstore.Author, id conversation.ID, at time.Time, content []byte, parents ...conversation.ID) *conversation.Entry {
	t.Helper()
	e, err := conversation.Draft{Conversation: id, Account: a.Account, Parents: parents, Time: at,
		Type: conversation.TypeText, Content: content}.Sign(a.Device)
	check(t, err)
	return e
}

// two are a founder and a member of a group.
func two(t *testing.T, cfg logstore.Config) (id conversation.ID, founder, member *home) {
	t.Helper()
	founder, member = newPerson(t, 1, 2).open(t, cfg), newPerson(t, 2, 2).open(t, cfg)
	id = founder.group("two")
	join(id, founder, member)
	return id, founder, member
}

// ingest gives raws as the other member would.
func (h *home) ingest(id conversation.ID, from *home, raws ...conversation.Raw) (logstore.Result, error) {
	return h.Ingest(h.t.Context(), id, raws, logstore.Source{Account: from.account(), Last: true})
}

func entriesOf(t *testing.T, h *home, id conversation.ID) int {
	t.Helper()
	sum, err := h.Summary(id)
	check(t, err)
	return sum.Entries
}

func TestAttack14ReplayedAndDoubledEntriesChangeNothing(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	a.say(id, "one")
	a.say(id, "two")
	raws := a.missing(id, b)
	r, err := b.ingest(id, a, raws[0], raws[0], raws[1], raws[1], raws[0])
	if err != nil || len(r.Added) != 2 || r.Known != 3 {
		t.Errorf("doubled in a batch: %+v, %v", r, err)
	}
	before := entriesOf(t, b, id)
	for range 10 {
		if r, err := b.ingest(id, a, raws...); err != nil || len(r.Added) != 0 || r.Known != 2 || r.State {
			t.Errorf("replayed: %+v, %v", r, err)
		}
	}
	if n := entriesOf(t, b, id); n != before {
		t.Errorf("%d entries, %d before", n, before)
	}
	sound(t, b.Store, id)
}

func TestAttack15ChildBeforeParentIsRefusedAndParentsThatNeverComeCostNothing(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	first, second, third := a.say(id, "one"), a.say(id, "two"), a.say(id, "three")
	if r, err := b.ingest(id, a, second.Raw, first.Raw); !errors.Is(err, logstore.ErrParent) || len(r.Added) != 0 {
		t.Errorf("child before parent: %+v, %v", r, err)
	}
	if r, err := b.ingest(id, a, first.Raw, third.Raw, second.Raw); !errors.Is(err, logstore.ErrParent) || len(r.Added) != 1 {
		t.Errorf("what came before the hole is to be kept: %+v, %v", r, err)
	}
	before := entriesOf(t, b, id)
	for i := range 50 {
		orphan := forge(t, a.author(), id, start, fmt.Appendf(nil, "orphan %d", i), conversation.ID{byte(i), 1})
		if _, err := b.ingest(id, a, orphan.Raw); !errors.Is(err, logstore.ErrParent) {
			t.Fatalf("an orphan: %v", err)
		}
	}
	if n := entriesOf(t, b, id); n != before {
		t.Errorf("%d entries, %d before: orphans are kept", n, before)
	}
	a.give(id, b)
	sound(t, b.Store, id)
}

func TestAttack15ConversationsThatAreNotHereCostNothing(t *testing.T) {
	id, a, b := two(t, logstore.Config{Books: 2})
	text := a.say(id, "hello")
	for i := range 100 {
		unknown := conversation.ID{byte(i), 2}
		if _, err := b.ingest(unknown, a, text.Raw); err == nil {
			t.Fatal("an entry of another conversation was taken")
		}
		if _, err := b.Heads(unknown); !errors.Is(err, logstore.ErrUnknownConversation) {
			t.Fatalf("heads: %v", err)
		}
		if _, err := b.Missing(t.Context(), unknown, nil, nil, conversation.ID{}, 1, 1, nil); !errors.Is(err, logstore.ErrUnknownConversation) {
			t.Fatalf("missing: %v", err)
		}
	}
	if all, err := b.Conversations(); err != nil || len(all) != 1 {
		t.Errorf("%d conversations, %v", len(all), err)
	}
	// what is asked for and not here is passed over
	ids := []conversation.ID{{1}, {2}, text.ID}
	if known, err := a.Known(id, ids); err != nil || !slices.Equal(known, ids[2:]) {
		t.Errorf("known %v, %v", known, err)
	}
}

// Attack 2: the conversation is signed.
func TestAttack2EntryOfAnotherConversationIsRefused(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	other := a.group("other")
	text := a.say(other, "secret")
	if _, err := b.ingest(id, a, text.Raw); !errors.Is(err, logstore.ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
}

// flood is entries of one author that hang on the last one of the log.
func flood(t *testing.T, from *home, id conversation.ID, n, size int) (raws []conversation.Raw) {
	t.Helper()
	heads, err := from.Heads(id)
	check(t, err)
	for i := range n {
		e := forge(t, from.author(), id, start.Add(time.Hour), append(fmt.Appendf(nil, "%d ", i), make([]byte, size)...), heads...)
		raws, heads = append(raws, e.Raw), []conversation.ID{e.ID}
	}
	return raws
}

func TestAttack17FloodIsPausedAtTheQuotaAndNobodyElseIs(t *testing.T) {
	quotas := logstore.Quotas{Entries: 50, Bytes: 100_000}
	id, a, b := two(t, logstore.Config{Quotas: quotas})
	c := newPerson(t, 3, 1).open(t, logstore.Config{Quotas: quotas})
	join(id, a, c)
	meet(id, a, b, c)
	seen, err := a.Heads(id)
	check(t, err)
	for _, wave := range [][]conversation.Raw{flood(t, b, id, 100, 10), flood(t, b, id, 20, 20_000)} {
		r, err := a.ingest(id, b, wave...)
		check(t, err)
		if !r.Paused || len(r.Added) >= len(wave) || len(r.Pauses) != 1 || r.Pauses[0].Account != b.account() {
			t.Errorf("a flood of %d: %d taken, paused %v %v", len(wave), len(r.Added), r.Paused, r.Pauses)
		}
	}
	if paused, err := a.Paused(id); err != nil || len(paused) != 1 || paused[0].Account != b.account() || paused[0].String() == "" {
		t.Errorf("paused %v, %v", paused, err)
	}
	// What others write meanwhile, and what the flooder's victims write, is taken.
	a.say(id, "still here")
	theirs := forge(t, c.author(), id, start.Add(time.Second), []byte("me too"), seen...)
	if r, err := a.ingest(id, c, theirs.Raw); err != nil || len(r.Added) != 1 || r.Paused {
		t.Errorf("another member: %+v, %v", r, err)
	}
	check(t, a.Allow(id, b.account()))
	more := flood(t, b, id, 100, 10)
	if r, err := a.ingest(id, b, more...); err != nil || len(r.Added) == 0 || !r.Paused {
		t.Errorf("once more is allowed: %d, %v, %v", len(r.Added), r.Paused, err)
	}
	sound(t, a.Store, id)
}

func TestAttack17ConversationMayNotFillTheDisk(t *testing.T) {
	id, a, b := two(t, logstore.Config{Quotas: logstore.Quotas{Total: 50_000}})
	raws := flood(t, b, id, 10, 10_000)
	r, err := a.ingest(id, b, raws...)
	if err != nil || len(r.Added) != 4 || !r.Paused || r.Pauses[0].Reason != logstore.PauseTotal {
		t.Errorf("%d taken, %v, %v", len(r.Added), r.Pauses, err)
	}
	check(t, a.Allow(id, b.account()))
	if r, err := a.ingest(id, b, raws...); err != nil || len(r.Added) != 5 || !r.Paused {
		t.Errorf("once more: %d taken, %v, %v", len(r.Added), r.Pauses, err)
	}
	if r, err := a.Ingest(t.Context(), id, raws, logstore.Source{Own: true}); err != nil || r.Paused || len(r.Added) != 1 {
		t.Errorf("by an own device: %+v, %v", r, err)
	}
	a.say(id, "one's own words are taken")
	sound(t, a.Store, id)
}

func TestAttack17BanEndsTheFlood(t *testing.T) {
	id, a, b := two(t, logstore.Config{Quotas: logstore.Quotas{Entries: 50}})
	_, err := a.ingest(id, b, flood(t, b, id, 60, 10)...)
	check(t, err)
	a.act(id, conversation.Ban, b.person)
	before := entriesOf(t, a, id)
	for range 3 {
		r, err := a.ingest(id, b, flood(t, b, id, 100, 10)...)
		if err != nil || len(r.Added) != 0 || r.Paused || r.Void != 100 {
			t.Errorf("after the ban: %d taken, %d void, paused %v, %v", len(r.Added), r.Void, r.Paused, err)
		}
	}
	if n := entriesOf(t, a, id); n != before {
		t.Errorf("%d entries, %d before", n, before)
	}
	if paused, err := a.Paused(id); err != nil || len(paused) != 0 {
		t.Errorf("paused %v, %v", paused, err)
	}
	sound(t, a.Store, id)
}

// Attacks 5 and 6: what the banned wrote is stored only for the sake of what
// counts and hangs on it.
func TestAttack5VoidEntriesAreStoredOnlyWhereLiveOnesHangOnThem(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	c := newPerson(t, 3, 1).open(t, logstore.Config{})
	join(id, a, c)
	meet(id, a, b, c)
	seen, err := b.Heads(id)
	check(t, err)
	a.act(id, conversation.Ban, b.person)
	bad := forge(t, b.author(), id, start.Add(time.Minute), []byte("unseen"), seen...)
	worse := forge(t, b.author(), id, start.Add(time.Minute), []byte("unseen too"), seen...)
	if r, err := a.ingest(id, b, bad.Raw, worse.Raw); err != nil || len(r.Added) != 0 || r.Void != 2 {
		t.Errorf("leaves: %+v, %v", r, err)
	}
	if known, err := a.Known(id, []conversation.ID{bad.ID, worse.ID}); err != nil || len(known) != 0 {
		t.Errorf("known %v, %v", known, err)
	}
	answer := forge(t, c.author(), id, start.Add(2*time.Minute), []byte("I had seen it"), bad.ID)
	r, err := a.ingest(id, c, bad.Raw, worse.Raw, answer.Raw)
	if err != nil || !slices.Equal(r.Added, []conversation.ID{bad.ID, answer.ID}) {
		t.Errorf("with an answer: %+v, %v", r, err)
	}
	if m, err := a.Message(id, bad.ID); err != nil || !m.Void || m.Reason == "" || m.Text != "unseen" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := a.Message(id, answer.ID); err != nil || m.Void {
		t.Errorf("the answer is void: %+v, %v", m, err)
	}
	sound(t, a.Store, id)
	// and once it is known that more follows, everything is taken
	parts := a.missing(id, b)
	for _, raw := range append(parts, worse.Raw) {
		_, err := b.Ingest(t.Context(), id, []conversation.Raw{raw}, logstore.Source{Account: a.account()})
		check(t, err)
	}
	if known, err := b.Known(id, []conversation.ID{worse.ID}); err != nil || len(known) != 1 {
		t.Errorf("known %v, %v", known, err)
	}
	sound(t, b.Store, id)
}

// A void entry that was not stored, and counts later, is asked for again.
func TestAttack10WhatWasLeftOutForABanComesWhenTheBanIsVoid(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	c := newPerson(t, 3, 1).open(t, logstore.Config{})
	join(id, a, c)
	meet(id, a, b, c)
	a.act(id, conversation.Promote, c.person)
	meet(id, a, b, c)
	seen, err := a.Heads(id)
	check(t, err)
	ban := c.act(id, conversation.Ban, b.person) // the vandal's
	text := b.say(id, "concurrent")
	c.give(id, a)
	if r, err := a.ingest(id, b, text.Raw); err != nil || r.Void != 1 {
		t.Errorf("while banned: %+v, %v", r, err)
	}
	// The owner's ban leaves the vandal's out.
	cut, err := a.AppendAfter(t.Context(), id, a.author(), conversation.TypeMember, conversation.MemberContent(conversation.Ban, c.account()), seen)
	check(t, err)
	if status, err := a.Status(id, b.account()); err != nil || status != membership.Member {
		t.Errorf("status %q, %v", status, err)
	}
	if r, err := a.ingest(id, b, text.Raw); err != nil || len(r.Added) != 1 {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
	sound(t, a.Store, id)
	// all of it in one batch: what is void when it is read counts at the end
	if r, err := b.ingest(id, a, ban.Raw, cut.Raw); err != nil || r.Void != 1 || len(r.Added) != 1 {
		t.Errorf("the vandal's ban carries nothing: %+v, %v", r, err)
	}
	d := newPerson(t, 4, 1).open(t, logstore.Config{})
	raws := append(c.missing(id, d), text.Raw, cut.Raw)
	if r, err := d.ingest(id, a, raws...); err != nil || !slices.Contains(r.Added, text.ID) || slices.Contains(r.Added, ban.ID) {
		t.Errorf("in one batch: %+v, %v", r, err)
	}
	sound(t, d.Store, id)
}

func TestAttack20BodyThatIsNotTheSignedOneIsRefused(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := a.say(id, "the true text")
	for name, body := range map[string][]byte{
		"another": bytes.Repeat([]byte{1}, len(text.Raw.Body)), "longer": append(bytes.Clone(text.Raw.Body), 0),
		"shorter": text.Raw.Body[:len(text.Raw.Body)-1], "empty": {},
	} {
		wrong := text.Raw
		wrong.Body = body
		r, err := b.ingest(id, a, wrong)
		if !errors.Is(err, logstore.ErrInvalid) || !errors.Is(err, conversation.ErrBody) || len(r.Added) != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	act := a.act(id, conversation.Invite, newPerson(t, 9, 0))
	control := act.Raw
	control.Body = nil
	if _, err := b.ingest(id, a, text.Raw, control); !errors.Is(err, logstore.ErrInvalid) {
		t.Errorf("a control entry without its body: %v", err)
	}
	a.give(id, b)
	if m, err := b.Message(id, text.ID); err != nil || m.Text != "the true text" {
		t.Errorf("%+v, %v", m, err)
	}
}

// That a body was deleted is believed of nobody: it is asked for elsewhere, and
// what hangs on the entry is not held up.
func TestAttack20BodyWithheldThoughNotDeletedIsAskedForElsewhere(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := a.say(id, "the text")
	next := a.say(id, "the next")
	bare := text.Raw
	bare.Body = nil
	r, err := b.ingest(id, a, bare, next.Raw)
	if err != nil || len(r.Added) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if m, err := b.Message(id, text.ID); err != nil || m.Deleted || !m.Unreadable {
		t.Errorf("what is not here is shown as %+v, %v", m, err)
	}
	lacking(t, b, id, text.ID)
	if r, err := b.ingest(id, a, bare); err != nil || r.Known != 1 || len(r.Filled) != 0 {
		t.Errorf("withheld again: %+v, %v", r, err)
	}
	raws := rawsOf(t, a, id, text.ID)
	if r, err := b.ingest(id, a, raws...); err != nil || len(r.Filled) != 1 || r.Filled[0] != text.ID {
		t.Errorf("from another: %+v, %v", r, err)
	}
	lacking(t, b, id)
	if m, err := b.Message(id, text.ID); err != nil || m.Text != "the text" {
		t.Errorf("%+v, %v", m, err)
	}
	sound(t, b.Store, id)
}

func TestAttack20BodyThatWasDeletedNeedNotComeAndIsNotTaken(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := a.say(id, "the text")
	edit := a.write(id, conversation.TypeText, conversation.Text{Text: "the other text", Edit: text.ID}.Content())
	a.write(id, conversation.TypeText, conversation.Text{Edit: text.ID, Deleted: true, Also: []conversation.ID{edit.ID}}.Content())
	raws := a.missing(id, b)
	if raws[0].Body != nil || raws[1].Body != nil || raws[2].Body == nil {
		t.Fatal("a deleted body is served, or the deletion is not")
	}
	r, err := b.ingest(id, a, raws...)
	if err != nil || len(r.Added) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	lacking(t, b, id)
	if r, err := b.ingest(id, a, text.Raw, edit.Raw); err != nil || len(r.Filled) != 0 {
		t.Errorf("a deleted body was taken: %+v, %v", r, err)
	}
	for _, h := range []*home{a, b} {
		list, err := h.Messages(id, logstore.Page{Limit: 1})
		if err != nil || list[0].Entry.ID != text.ID || !list[0].Deleted || list[0].Text != "" {
			t.Errorf("%+v, %v", list, err)
		}
		sound(t, h.Store, id)
	}
}

// lacking wants exactly these to be asked for.
// What a void control entry says is served: others need it to judge what hangs on it.
func TestVoidControlEntriesAreServedWithTheirBodies(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	leave := b.act(id, conversation.Leave, nil)
	a.act(id, conversation.Ban, b.person)
	_, err := a.Ingest(t.Context(), id, []conversation.Raw{leave.Raw}, logstore.Source{Account: b.account()})
	check(t, err)
	if m, err := a.Message(id, leave.ID); err != nil || !m.Void {
		t.Fatalf("the leave counts: %+v, %v", m, err)
	}
	for _, raw := range rawsOf(t, a, id, leave.ID) {
		if _, err := conversation.Decode(raw); err != nil {
			t.Error(err)
		}
	}
}

func lacking(t *testing.T, h *home, id conversation.ID, want ...conversation.ID) {
	t.Helper()
	ids, err := h.Lacking(id, conversation.ID{}, 100)
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("lacking %v, %v; want %v", ids, err, want)
	}
}

func rawsOf(t *testing.T, h *home, id conversation.ID, ids ...conversation.ID) (raws []conversation.Raw) {
	t.Helper()
	check(t, h.Raws(t.Context(), id, ids, func(raw conversation.Raw) error { raws = append(raws, raw); return nil }))
	return raws
}

func TestAttack24TwoConversationsOfOnePairAreShownAsOne(t *testing.T) {
	a, b := newPerson(t, 1, 1).open(t, logstore.Config{}), newPerson(t, 2, 1).open(t, logstore.Config{})
	one, err := a.Create(t.Context(), a.author(), conversation.OneToOne, b.account(), "")
	check(t, err)
	b.clock.add(time.Millisecond)
	two, err := b.Create(t.Context(), b.author(), conversation.OneToOne, a.account(), "")
	check(t, err)
	a.give(one.ID, b)
	b.give(two.ID, a)
	b.act(one.ID, conversation.Join, nil)
	a.act(two.ID, conversation.Join, nil)
	meet(one.ID, a, b)
	meet(two.ID, a, b)
	for i := range 6 {
		[]*home{a, b}[i%2].say([]conversation.ID{one.ID, two.ID}[i%2], fmt.Sprint(i))
		meet(one.ID, a, b)
		meet(two.ID, a, b)
	}
	smaller := one.ID
	if two.ID.Compare(one.ID) < 0 {
		smaller = two.ID
	}
	var views [2][]string
	for i, h := range []*home{a, b} {
		pair, err := h.Pair([]*home{b, a}[i].account())
		if err != nil || len(pair) != 2 || pair[0].ID != smaller {
			t.Fatalf("pair %v, %v", pair, err)
		}
		views[i] = h.pages(t, []conversation.ID{pair[0].ID, pair[1].ID})
	}
	if !slices.Equal(views[0], views[1]) || len(views[0]) != 10 {
		t.Errorf("one sees\n%v\nthe other\n%v", views[0], views[1])
	}
	if pair, err := a.Pair(newPerson(t, 3, 0).account()); err != nil || len(pair) != 0 {
		t.Errorf("a stranger: %v, %v", pair, err)
	}
}

// pages reads everything in pages of 3, and wants it in order.
func (h *home) pages(t *testing.T, ids []conversation.ID) (all []string) {
	t.Helper()
	var last time.Time
	for page := (logstore.Page{Limit: 3}); ; {
		list, err := h.PairMessages(ids, page)
		check(t, err)
		if len(list) == 0 {
			break
		}
		var texts []string
		for i, m := range list {
			texts = append(texts, m.Entry.ID.String())
			if i > 0 && m.Entry.Time.Before(list[i-1].Entry.Time) {
				t.Errorf("%v after %v", m.Entry.Time, list[i-1].Entry.Time)
			}
		}
		if end := list[len(list)-1].Entry.Time; !last.IsZero() && end.After(last) {
			t.Errorf("the page before ends at %v, after %v", end, last)
		}
		last, page.Before = list[0].Entry.Time, list[0].Entry.ID
		all = append(texts, all...)
	}
	return all
}

func TestAttack25ClockAYearAheadIsDeferredAndToldAndPoisonsNoOrder(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	const year = 365 * 24 * time.Hour
	b.clock.add(year)
	ahead := b.say(id, "from next year")
	child := b.say(id, "from next year, too")
	r, err := a.ingest(id, b, ahead.Raw, child.Raw)
	if err != nil || !r.Deferred || len(r.Added) != 0 || r.Ahead < year-time.Hour {
		t.Errorf("%+v, %v", r, err)
	}
	if known, err := a.Known(id, []conversation.ID{ahead.ID}); err != nil || len(known) != 0 {
		t.Errorf("known %v, %v", known, err)
	}
	// A colluder's entry with an honest time cannot carry it.
	colluder := forge(t, a.devices[0], id, start.Add(time.Hour), []byte("carrier"), child.ID)
	if r, err := a.ingest(id, b, ahead.Raw, child.Raw, colluder.Raw); err != nil || !r.Deferred || len(r.Added) != 0 {
		t.Errorf("hung on a deferred one: %+v, %v", r, err)
	}
	// Once the clock is right, the writer is heard again: what it writes follows
	// only what others take.
	b.clock.set(start.Add(time.Minute))
	a.say(id, "where are you?")
	a.give(id, b)
	right := b.say(id, "here")
	if right.Time.After(start.Add(time.Hour)) || slices.Contains(right.Parents, child.ID) {
		t.Errorf("written at %v after %v", right.Time, right.Parents)
	}
	raws := slices.DeleteFunc(b.missing(id, a), func(raw conversation.Raw) bool {
		return bytes.Equal(raw.Header, ahead.Raw.Header) || bytes.Equal(raw.Header, child.Raw.Header)
	})
	if r, err := a.ingest(id, b, raws...); err != nil || !slices.Contains(r.Added, right.ID) {
		t.Errorf("%+v, %v", r, err)
	}
	// and after a year they are taken
	a.clock.add(year)
	if r, err := a.ingest(id, b, ahead.Raw, child.Raw); err != nil || len(r.Added) != 2 || r.Deferred {
		t.Errorf("a year later: %+v, %v", r, err)
	}
	sound(t, a.Store, id)
}

func TestAttack25ClockAYearBehindFollowsItsParents(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	b.clock.add(-365 * 24 * time.Hour)
	text := b.say(id, "from last year")
	parent, err := b.Entry(id, text.Parents[0])
	check(t, err)
	if text.Time.Before(parent.Time) {
		t.Errorf("written at %v after %v", text.Time, parent.Time)
	}
	if r, err := a.ingest(id, b, text.Raw); err != nil || len(r.Added) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	early := forge(t, b.author(), id, start.Add(-time.Hour), []byte("before its parents"), text.Parents...)
	if _, err := a.ingest(id, b, early.Raw); !errors.Is(err, logstore.ErrInvalid) {
		t.Errorf("earlier than its parents: %v", err)
	}
	// The one that is behind puts off what others write, and can tell.
	b.clock.set(start.Add(-365 * 24 * time.Hour))
	late := a.say(id, "now")
	if r, err := b.ingest(id, a, late.Raw); err != nil || !r.Deferred || r.Ahead < 364*24*time.Hour {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAttack1WrongSignatureIsRefusedAndWhatCameBeforeIsKept(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	for range 5 {
		a.say(id, "fine")
	}
	raws := a.missing(id, b)
	bad := raws[3]
	bad.Signature = bytes.Clone(bad.Signature)
	bad.Signature[7] ^= 1
	r, err := b.ingest(id, a, raws[0], raws[1], raws[2], bad, raws[4])
	if !errors.Is(err, logstore.ErrInvalid) || !errors.Is(err, conversation.ErrSignature) || len(r.Added) != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	sound(t, b.Store, id)
	a.give(id, b)
	sound(t, b.Store, id)
	if n := entriesOf(t, b, id); n != entriesOf(t, a, id) {
		t.Errorf("%d entries", n)
	}
}

// Attacks 3 and 4 at the door: the rules say no, nothing is stored.
func TestAttack4StrangersAndUncertifiedDevicesAreRefused(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	heads, err := a.Heads(id)
	check(t, err)
	stranger := newPerson(t, 9, 1)
	for name, e := range map[string]*conversation.Entry{
		"a stranger":                      forge(t, stranger.author(), id, start.Add(time.Hour), []byte("hi"), heads...),
		"a device without certificate":    forge(t, b.devices[1], id, start.Add(time.Hour), []byte("hi"), heads...),
		"a certificate for the 2nd time":  signed(t, b.author(), id, heads, &b.devices[0].Certificate),
		"another account's certification": forge(t, logstore.Author{Device: stranger.author().Device, Account: b.account()}, id, start.Add(time.Hour), []byte("hi"), heads...),
	} {
		r, err := a.ingest(id, b, e.Raw)
		if !errors.Is(err, logstore.ErrInvalid) || len(r.Added) != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	second := signed(t, b.devices[1], id, heads, &b.devices[1].Certificate)
	if r, err := a.ingest(id, b, second.Raw); err != nil || len(r.Added) != 1 {
		t.Errorf("a second device: %+v, %v", r, err)
	}
	devices, err := a.Devices(id, b.account())
	if err != nil || len(devices) != 2 {
		t.Errorf("devices %v, %v", devices, err)
	}
	sound(t, a.Store, id)
}

func signed(t *testing.T, a logstore.Author, id conversation.ID, parents []conversation.ID, cert *conversation.Certificate) *conversation.Entry {
	t.Helper()
	e, err := conversation.Draft{Conversation: id, Account: a.Account, Parents: parents, Time: start.Add(time.Hour),
		Type: conversation.TypeText, Content: []byte("hi"), Certificate: cert}.Sign(a.Device)
	check(t, err)
	return e
}

// Attack 16: a fan of many heads, and a comb, are joined by and by.
func TestAttack16ManyHeadsAreJoined(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	heads, err := b.Heads(id)
	check(t, err)
	const fan = 70
	var raws []conversation.Raw
	for i := range fan {
		raws = append(raws, forge(t, b.author(), id, start.Add(time.Second), fmt.Appendf(nil, "%d", i), heads...).Raw)
	}
	_, err = a.ingest(id, b, raws...)
	check(t, err)
	text := a.say(id, "in the middle")
	if len(text.Parents) != conversation.MaxParents {
		t.Errorf("%d parents", len(text.Parents))
	}
	act := a.act(id, conversation.Remove, b.person)
	if status, err := a.Status(id, b.account()); err != nil || status != membership.Left {
		t.Errorf("status %q, %v", status, err)
	}
	got, err := a.Heads(id)
	if err != nil || len(got) != 1 || got[0] != act.ID {
		t.Errorf("%d heads, %v", len(got), err)
	}
	list, err := a.Messages(id, logstore.Page{All: true, Limit: 500})
	check(t, err)
	for _, m := range list {
		if m.Void {
			t.Errorf("%s is void: the act did not follow everything seen", m.Entry.ID)
		}
	}
	sound(t, a.Store, id)
}

// Attack 18: the quota of control entries is a separate one.
func TestAttack18ControlStormIsPausedApart(t *testing.T) {
	id, a, b := two(t, logstore.Config{Quotas: logstore.Quotas{Control: 10}})
	a.act(id, conversation.Promote, b.person)
	a.give(id, b)
	for i := range 20 {
		b.act(id, conversation.Invite, newPerson(t, uint64(100+i), 0))
	}
	raws := b.missing(id, a)
	r, err := a.ingest(id, b, raws...)
	if err != nil || !r.Paused || r.Pauses[0].Reason != logstore.PauseControl || len(r.Added) >= 20 {
		t.Errorf("%d taken, %+v, %v", len(r.Added), r.Pauses, err)
	}
	heads, err := a.Heads(id)
	check(t, err)
	if r, err := a.ingest(id, b, forge(t, b.author(), id, start.Add(time.Minute), []byte("data goes on"), heads...).Raw); err != nil || len(r.Added) != 1 {
		t.Errorf("data: %+v, %v", r, err)
	}
	sound(t, a.Store, id)
}
