package logstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// rounds is how often a random test runs: an environment variable, or little.
func rounds(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	check(t, err)
	return n
}

// history is a random conversation: people write after anything that is there,
// also what they may not, which is refused.
type history struct {
	t       *testing.T
	rand    *rand.Rand
	people  []*person
	scribe  *home // a store in which everybody writes
	id      conversation.ID
	entries []*conversation.Entry
}

// keep notes what was written.
func (h *history) keep(id conversation.ID, added []conversation.ID, _ bool) {
	for _, one := range added {
		e, err := h.scribe.Entry(id, one)
		check(h.t, err)
		if !slices.ContainsFunc(h.entries, func(e *conversation.Entry) bool { return e.ID == one }) { // or its body came
			h.entries = append(h.entries, e)
		}
	}
}

var actions = []conversation.Action{
	conversation.Data, conversation.Data, conversation.Data, conversation.Data, conversation.Data, conversation.Invite,
	conversation.Invite, conversation.Join, conversation.Join, conversation.Join, conversation.Leave, conversation.Remove,
	conversation.Ban, conversation.Unban, conversation.Promote, conversation.Promote, conversation.Demote, conversation.Revoke,
}

func newHistory(t *testing.T, seed uint64, entries int) *history {
	h := &history{t: t, rand: rand.New(rand.NewPCG(seed, 1))}
	for i := range uint64(4) {
		h.people = append(h.people, newPerson(t, i+1, 2))
	}
	h.scribe = h.people[0].open(t, logstore.Config{Observe: h.keep})
	h.id = h.scribe.group("random")
	for _, p := range h.people[1:] {
		h.scribe.act(h.id, conversation.Invite, p)
		_, err := h.scribe.Append(t.Context(), h.id, p.author(), conversation.TypeMember, conversation.MemberContent(conversation.Join, conversation.Account{}))
		check(t, err)
	}
	target := h.scribe.say(h.id, "hello")
	h.scribe.write(h.id, conversation.TypeText, conversation.Text{Text: "hello!", Edit: target.ID}.Content())
	last := h.people[len(h.people)-1]
	_, err := h.scribe.Revoke(t.Context(), h.id, last.key, last.author(), idOf(t, last.devices[1].Device))
	check(t, err)
	for len(h.entries) < entries {
		h.step()
	}
	return h
}

// step lets somebody try something.
func (h *history) step() {
	who := h.people[h.rand.IntN(len(h.people))]
	author := who.devices[h.rand.IntN(len(who.devices))]
	h.scribe.clock.add(time.Duration(h.rand.IntN(3)) * time.Millisecond)
	after := h.parents()
	mediaType, content := h.content(who, after)
	_, err := h.scribe.AppendAfter(h.t.Context(), h.id, author, mediaType, content, after)
	if err != nil && !errors.Is(err, logstore.ErrNotAllowed) {
		h.t.Fatal(err)
	}
}

// parents are the heads, or anything.
func (h *history) parents() (after []conversation.ID) {
	if h.rand.IntN(3) > 0 {
		heads, err := h.scribe.Heads(h.id)
		check(h.t, err)
		return heads
	}
	for range 1 + h.rand.IntN(3) {
		id := h.entries[h.rand.IntN(len(h.entries))].ID
		if !slices.Contains(after, id) {
			after = append(after, id)
		}
	}
	return after
}

func (h *history) content(who *person, after []conversation.ID) (mediaType string, content []byte) {
	target := h.people[h.rand.IntN(len(h.people))]
	switch a := actions[h.rand.IntN(len(actions))]; a {
	case conversation.Data:
		return conversation.TypeText, h.text(who).Content()
	case conversation.Join, conversation.Leave:
		return conversation.TypeMember, conversation.MemberContent(a, conversation.Account{})
	case conversation.Revoke:
		content, err := who.key.RevokeContent(h.id, idOf(h.t, who.devices[h.rand.IntN(2)].Device), after)
		check(h.t, err)
		return conversation.TypeDevice, content
	default:
		return conversation.TypeMember, conversation.MemberContent(a, target.account())
	}
}

// text is one of its own, or an edit or a deletion, most often of one's own; what
// passeur writes: it changes no edits. (Where a deletion that takes a body along
// turns void, one who has not got the body any more cannot tell an edit.)
func (h *history) text(who *person) conversation.Text {
	var own []conversation.ID
	for _, e := range h.entries {
		_, edits := e.Edit()
		if !edits && (e.Account == who.account() && e.Type == conversation.TypeText || h.rand.IntN(10) == 0) {
			own = append(own, e.ID)
		}
	}
	if len(own) > 1 {
		some := func() conversation.ID { return own[h.rand.IntN(len(own))] }
		switch h.rand.IntN(4) {
		case 0:
			return conversation.Text{Text: "edited", Edit: some()}
		case 1:
			target := some()
			return conversation.Text{Edit: target, Deleted: true, Also: h.editsOf(target, who)}
		}
	}
	return conversation.Text{Text: fmt.Sprint("text ", h.rand.Uint64())}
}

// editsOf are what an honest author names when he deletes.
func (h *history) editsOf(target conversation.ID, who *person) (edits []conversation.ID) {
	for _, e := range h.entries {
		if edit, ok := e.Edit(); ok && !edit.Deletes && edit.Target == target && e.Account == who.account() {
			edits = append(edits, e.ID)
		}
	}
	return edits
}

// shuffled gives the entries in another order in which parents come first.
func (h *history) shuffled() (raws []conversation.Raw) {
	waiting, there := slices.Clone(h.entries), map[conversation.ID]bool{}
	for len(waiting) > 0 {
		i := h.rand.IntN(len(waiting))
		e := waiting[i]
		if slices.ContainsFunc(e.Parents, func(id conversation.ID) bool { return !there[id] }) {
			continue
		}
		there[e.ID] = true
		raws = append(raws, e.Raw)
		waiting = slices.Delete(waiting, i, i+1)
	}
	return raws
}

// state works out from scratch what the rules say of the entries, in the order
// in which a store has them.
func (h *history) state() (membership.State, []*conversation.Entry) {
	rows, rules := map[conversation.ID]int{}, []membership.Entry{}
	for i, e := range h.entries {
		rows[e.ID] = i
		r := membership.Entry{Account: e.Account, Device: e.Device}
		for _, p := range e.Parents {
			r.Parents = append(r.Parents, rows[p])
		}
		slices.Sort(r.Parents)
		if c := e.Control; c != nil {
			r.Action, r.Target, r.Revoked, r.Mode, r.With = c.Action, c.Target, c.Device, c.Mode, c.With
		}
		rules = append(rules, r)
	}
	return membership.Resolve(rules), h.entries
}

// Whatever the order in which entries come: what a store derives from them is
// what the rules say from scratch.
func TestDerivedColumnsAreWhatTheRulesSayFromScratch(t *testing.T) {
	for seed := range uint64(rounds(t, "PASSEUR_LOGSTORE_HISTORIES", 3)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := newHistory(t, seed, 32)
			sound(t, h.scribe.Store, h.id)
			h.compare(h.scribe)
			other := h.people[1].open(t, logstore.Config{})
			h.ingest(other, h.shuffled())
			sound(t, other.Store, h.id)
			h.compare(other)
			h.compareMessages(h.scribe, other)
			check(t, other.Rebuild(t.Context(), h.id))
			h.compare(other)
		})
	}
}

// ingest gives entries in batches of any size.
func (h *history) ingest(to *home, raws []conversation.Raw) {
	for len(raws) > 0 {
		n := 1 + h.rand.IntN(min(12, len(raws)))
		r, err := to.Ingest(h.t.Context(), h.id, raws[:n], logstore.Source{Own: true, Last: h.rand.IntN(2) == 0})
		check(h.t, err)
		if len(r.Added) != n {
			h.t.Fatalf("%d of %d were taken: %+v", len(r.Added), n, r)
		}
		raws = raws[n:]
	}
}

// compare holds a store against the rules.
func (h *history) compare(s *home) {
	h.t.Helper()
	state, entries := h.state()
	members, err := s.Members(h.id)
	check(h.t, err)
	if !reflect.DeepEqual(members, state.Members) {
		h.t.Errorf("members %v, want %v", members, state.Members)
	}
	var heads []conversation.ID
	for _, row := range state.Heads {
		heads = append(heads, entries[row].ID)
	}
	got, err := s.Heads(h.id)
	check(h.t, err)
	if !sameSet(got, heads) {
		h.t.Errorf("heads %v, want %v", got, heads)
	}
	h.compareVoid(s, state, entries)
}

func (h *history) compareVoid(s *home, state membership.State, entries []*conversation.Entry) {
	h.t.Helper()
	why := map[conversation.ID]string{}
	for row, e := range entries {
		if state.Invalid[row] != nil {
			h.t.Errorf("the store took %s: %v", e.ID, state.Invalid[row])
		}
		why[e.ID] = state.Void[row]
	}
	list, err := s.Messages(h.id, logstore.Page{All: true, Limit: 500})
	check(h.t, err)
	if len(list) != len(entries) {
		h.t.Fatalf("%d of %d entries", len(list), len(entries))
	}
	for _, m := range list {
		if m.Reason != why[m.Entry.ID] || m.Void != (m.Reason != "") {
			h.t.Errorf("%s is void %v: %q, want %q", m.Entry.ID, m.Void, m.Reason, why[m.Entry.ID])
		}
	}
}

// compareMessages wants the same shown on both, in the same order, once each
// has the bodies that it dropped for a deletion that does not count any more.
func (h *history) compareMessages(a, b *home) {
	h.t.Helper()
	h.fill(a, b)
	h.fill(b, a)
	for _, all := range []bool{false, true} {
		one, err := a.Messages(h.id, logstore.Page{All: all, Limit: 500})
		check(h.t, err)
		two, err := b.Messages(h.id, logstore.Page{All: all, Limit: 500})
		check(h.t, err)
		for i := range max(len(one), len(two)) {
			if one, two := shown(one, i), shown(two, i); one != two {
				h.t.Errorf("all %v: one shows %s\nthe other %s", all, one, two)
			}
		}
	}
}

// fill asks one store for the bodies that the other lacks.
func (h *history) fill(from, to *home) {
	h.t.Helper()
	ids, err := to.Lacking(h.id, conversation.ID{}, 500)
	check(h.t, err)
	var raws []conversation.Raw
	check(h.t, from.Raws(h.t.Context(), h.id, ids, func(raw conversation.Raw) error { raws = append(raws, raw); return nil }))
	r, err := to.Ingest(h.t.Context(), h.id, raws, logstore.Source{Own: true})
	if err != nil || len(raws) != len(ids) || len(r.Added) > 0 {
		h.t.Errorf("%d of %d lacking: %+v, %v", len(raws), len(ids), r, err)
	}
}

// shown is a line about the i-th message. What a void one said may be gone.
func shown(list []logstore.Message, i int) string {
	if i >= len(list) {
		return "nothing"
	}
	m := list[i]
	if m.Void {
		return fmt.Sprintf("%s depth %d void: %s", m.Entry.ID, m.Depth, m.Reason)
	}
	return fmt.Sprintf("%s depth %d text %q unreadable %v edited %v deleted %v by %s edits %v",
		m.Entry.ID, m.Depth, m.Text, m.Unreadable, m.Edited, m.Deleted, m.By, m.Edits)
}

func sameSet(a, b []conversation.ID) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, conversation.ID.Compare)
	slices.SortFunc(b, conversation.ID.Compare)
	return slices.Equal(a, b)
}

func TestRebuildRepairsWhatWasVandalised(t *testing.T) {
	path := newPath(t)
	h := newHistory(t, 7, 24)
	s := h.people[1].openAt(t, path, logstore.Config{})
	h.ingest(s, h.shuffled())
	for _, harm := range []string{
		"UPDATE entry SET void = 1 - void, depth = depth + 1, rank = 0", "UPDATE entry SET shown = 0",
		"DELETE FROM head", "UPDATE conversation SET creator = 999, name = 'x', mode = 'own', other = 1", "UPDATE member SET status = 'owner'", "DELETE FROM member", "DELETE FROM link", "UPDATE usage SET bytes = 0",
		"DELETE FROM revoked", "DELETE FROM device", "DELETE FROM entry WHERE n % 2 = 0", "DELETE FROM entry",
		"UPDATE entry SET parents = x'00', account = 999, time = 0", "INSERT INTO head SELECT n FROM entry WHERE true ON CONFLICT DO NOTHING",
	} {
		vandalise(t, path, harm)
		findings, err := s.Check(t.Context(), h.id)
		if err != nil || len(findings) == 0 {
			t.Errorf("%s: %v, %v; want findings", harm, findings, err)
		}
		check(t, s.Rebuild(t.Context(), h.id))
		sound(t, s.Store, h.id)
	}
	h.compare(s)
}

// Bytes that are damaged are not rebuilt from; nothing gets worse by trying.
func TestRebuildFromDamagedBytesChangesNothing(t *testing.T) {
	path := newPath(t)
	h := newHistory(t, 8, 16)
	s := h.people[1].openAt(t, path, logstore.Config{})
	h.ingest(s, h.shuffled())
	vandalise(t, path, "UPDATE raw SET signature = zeroblob(64) WHERE n = (SELECT max(n) FROM raw)")
	if findings, err := s.Check(t.Context(), h.id); err != nil || len(findings) != 1 {
		t.Errorf("a wrong signature: %v, %v", findings, err)
	}
	vandalise(t, path, "UPDATE raw SET header = zeroblob(200) WHERE n = (SELECT max(n) FROM raw)")
	if err := s.Rebuild(t.Context(), h.id); err == nil {
		t.Error("rebuilt from nonsense")
	}
	if findings, err := s.Check(t.Context(), h.id); err != nil || len(findings) == 0 {
		t.Errorf("nonsense: %v, %v", findings, err)
	}
	if members, err := s.Members(h.id); err != nil || len(members) == 0 {
		t.Errorf("members %v, %v", members, err)
	}
}

// vandalise changes the file behind the store's back.
func vandalise(t *testing.T, path, harm string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(30000)")
	check(t, err)
	defer db.Close()
	_, err = db.ExecContext(context.Background(), harm)
	check(t, err)
}
