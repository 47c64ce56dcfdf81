package logstore_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

func TestFirstEntryOfADeviceAndNoOtherCarriesItsCertificate(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	for i, want := range []bool{true, false, false} {
		b.device = 1
		if e := b.say(id, "second device"); (e.Certificate != nil) != want {
			t.Errorf("entry %d: certificate %v", i, e.Certificate)
		}
	}
	b.give(id, a)
	sound(t, a.Store, id)
}

func TestTimeNeverGoesBack(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	b.clock.add(time.Hour)
	late := b.say(id, "an hour ahead")
	b.give(id, a)
	next := a.say(id, "after it")
	if !next.Time.Equal(late.Time) || !slices.Contains(next.Parents, late.ID) {
		t.Errorf("written at %v, after %v", next.Time, late.Time)
	}
	list, err := a.Messages(id, logstore.Page{Limit: 2})
	check(t, err)
	if list[0].Entry.ID != late.ID || list[1].Entry.ID != next.ID {
		t.Error("a child is shown before its parent")
	}
	// what is shown as the time is no later than when it was seen
	if got := list[0].Time(); got.After(a.clock.Now()) {
		t.Errorf("shown as of %v, now is %v", got, a.clock.Now())
	}
}

func TestTheRulesSayNo(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	before := entriesOf(t, b, id)
	for what, content := range map[string][]byte{
		"ban of the owner": conversation.MemberContent(conversation.Ban, a.account()),
		"own promotion":    conversation.MemberContent(conversation.Promote, b.account()),
		"second join":      conversation.MemberContent(conversation.Join, conversation.Account{}),
	} {
		_, err := b.Append(t.Context(), id, b.author(), conversation.TypeMember, content)
		if !errors.Is(err, logstore.ErrNotAllowed) || !errors.Is(err, membership.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := b.Append(t.Context(), id, b.author(), conversation.TypeMember, []byte("nonsense")); !errors.Is(err, conversation.ErrEntry) {
		t.Errorf("nonsense: %v", err)
	}
	if _, err := b.Append(t.Context(), conversation.ID{1}, b.author(), conversation.TypeText, nil); !errors.Is(err, logstore.ErrUnknownConversation) {
		t.Errorf("nowhere: %v", err)
	}
	if _, err := b.AppendAfter(t.Context(), id, b.author(), conversation.TypeText, nil, []conversation.ID{{9}}); !errors.Is(err, logstore.ErrUnknownEntry) {
		t.Errorf("after nothing: %v", err)
	}
	if n := entriesOf(t, b, id); n != before {
		t.Errorf("%d entries, %d before", n, before)
	}
	b.say(id, "still works")
	sound(t, b.Store, id)
}

// A ban that leaves out what the banned wrote after an entry, and keeps all else.
func TestBanFromAnEntryOn(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	c := newPerson(t, 3, 1).open(t, logstore.Config{})
	join(id, a, c)
	meet(id, a, b, c)
	good := b.say(id, "good")
	meet(id, a, b, c)
	other := c.say(id, "unrelated")
	bad := b.say(id, "bad")
	meet(id, a, b, c)
	answer := a.say(id, "answer to the bad one")
	after, err := a.Cut(t.Context(), id, b.account(), good.ID)
	check(t, err)
	ban, err := a.AppendAfter(t.Context(), id, a.author(), conversation.TypeMember, conversation.MemberContent(conversation.Ban, b.account()), after)
	check(t, err)
	if !slices.Equal(ban.Parents, sortedIDs(other.ID)) { // it follows good
		t.Errorf("the ban follows %v", ban.Parents)
	}
	for _, one := range []struct {
		id   conversation.ID
		void bool
	}{{good.ID, false}, {other.ID, false}, {bad.ID, true}, {answer.ID, false}, {ban.ID, false}} {
		if m, err := a.Message(id, one.id); err != nil || m.Void != one.void {
			t.Errorf("%q: void %v, %v", m.Text, m.Void, err)
		}
	}
	if _, err := a.Cut(t.Context(), id, b.account(), conversation.ID{9}); !errors.Is(err, logstore.ErrUnknownEntry) {
		t.Errorf("an unknown entry: %v", err)
	}
	none, err := a.Cut(t.Context(), id, c.account(), conversation.ID{})
	check(t, err)
	for _, head := range none {
		if e, err := a.Entry(id, head); err != nil || e.Account == c.account() {
			t.Errorf("the cut leaves %v, %v", e, err)
		}
	}
	sound(t, a.Store, id)
}

func sortedIDs(ids ...conversation.ID) []conversation.ID {
	slices.SortFunc(ids, conversation.ID.Compare)
	return ids
}

// Who is only invited cannot join branches: the invitation goes first.
func TestInvitedJoinsThoughThereAreManyHeads(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	c := newPerson(t, 3, 1).open(t, logstore.Config{})
	heads, err := a.Heads(id)
	check(t, err)
	var raws []conversation.Raw
	for i := range 40 {
		raws = append(raws, forge(t, b.author(), id, start.Add(time.Minute), []byte{byte(i)}, heads...).Raw)
	}
	a.act(id, conversation.Invite, c.person)
	_, err = a.ingest(id, b, raws...)
	check(t, err)
	a.give(id, c)
	join, err := c.Append(t.Context(), id, c.author(), conversation.TypeMember, conversation.MemberContent(conversation.Join, conversation.Account{}))
	check(t, err)
	if len(join.Parents) != conversation.MaxParents {
		t.Errorf("%d parents", len(join.Parents))
	}
	if status, err := c.Status(id, c.account()); err != nil || status != membership.Member {
		t.Errorf("status %q, %v", status, err)
	}
	sound(t, c.Store, id)
}
