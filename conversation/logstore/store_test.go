package logstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

func TestEverythingSurvivesReopening(t *testing.T) {
	path := newPath(t)
	a := newPerson(t, 1, 2).openAt(t, path, logstore.Config{})
	b := newPerson(t, 2, 1)
	id := a.group("the name")
	a.act(id, conversation.Invite, b)
	text := a.say(id, "hello")
	a.write(id, conversation.TypeText, conversation.Text{Text: "hello!", Edit: text.ID}.Content())
	_, err := a.Revoke(t.Context(), id, a.key, a.author(), idOf(t, a.devices[1].Device))
	check(t, err, a.SetCommon("peer", id, []conversation.ID{text.ID}))
	before := everything(t, a, id)
	check(t, a.Close())
	a = a.person.openAt(t, path, logstore.Config{})
	after := everything(t, a, id)
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before\n%+v\nafter\n%+v", before, after)
	}
	want := logstore.Summary{ID: id, Mode: conversation.Group, Creator: a.account(), Name: "the name", Entries: 5, Heads: 1,
		Last: start.Add(3 * time.Millisecond), Me: membership.Owner}
	if got, err := a.Summary(id); err != nil || got != want {
		t.Errorf("summary %+v, %v; want %+v", got, err, want)
	}
	a.say(id, "again")
	sound(t, a.Store, id)
}

// everything is what a store says of a conversation.
func everything(t *testing.T, h *home, id conversation.ID) []any {
	t.Helper()
	sum, err := h.Summary(id)
	members, err2 := h.Members(id)
	heads, err3 := h.Heads(id)
	locator, err4 := h.Locator(id)
	list, err5 := h.Messages(id, logstore.Page{All: true})
	common, err6 := h.Common("peer", id)
	devices, err7 := h.Devices(id, h.account())
	check(t, err, err2, err3, err4, err5, err6, err7)
	return []any{sum, members, heads, locator, list, common, devices}
}

func TestStatusesAndWhoMayRead(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	c, stranger := newPerson(t, 3, 1), newPerson(t, 4, 1)
	a.act(id, conversation.Invite, c)
	for _, one := range []struct {
		*person
		status membership.Status
		reads  bool
	}{{a.person, membership.Owner, true}, {b.person, membership.Member, true}, {c, membership.Invited, true}, {stranger, membership.None, false}} {
		device := idOf(t, one.devices[0].Device)
		status, err := a.Status(id, one.account())
		reads, err2 := a.MayRead(id, one.account(), device)
		if check(t, err, err2); status != one.status || reads != one.reads {
			t.Errorf("status %q, reads %v; want %q, %v", status, reads, one.status, one.reads)
		}
	}
	device := idOf(t, b.author().Device)
	for _, step := range []struct {
		action conversation.Action
		reads  bool
	}{{conversation.Ban, false}, {conversation.Unban, false}, {conversation.Invite, true}, {conversation.Remove, false}} {
		a.act(id, step.action, b.person)
		if reads, err := a.MayRead(id, b.account(), device); err != nil || reads != step.reads {
			t.Errorf("after %s: reads %v, %v", step.action, reads, err)
		}
	}
	if reads, err := a.MayRead(conversation.ID{1}, a.account(), device); err != nil || reads {
		t.Errorf("an unknown conversation: %v, %v", reads, err)
	}
	if status, err := a.Status(conversation.ID{1}, a.account()); err != nil || status != membership.None {
		t.Errorf("an unknown conversation: %v, %v", status, err)
	}
}

func TestRevokedDeviceIsOutEverywhereAndForGood(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	other := a.group("another")
	b.device = 1
	b.say(id, "with the second device")
	b.give(id, a)
	stolen := idOf(t, b.devices[1].Device)
	unseen := b.say(id, "unseen by the revoker")
	b.device = 0
	_, err := a.Revoke(t.Context(), id, b.key, b.author(), stolen) // b's other device, as it were
	check(t, err)
	for what, f := range map[string]func() (bool, error){
		"revoked":         func() (bool, error) { return a.IsRevoked(b.account(), stolen) },
		"other device":    func() (bool, error) { return a.IsRevoked(b.account(), idOf(t, b.devices[0].Device)) },
		"other account":   func() (bool, error) { return a.IsRevoked(a.account(), stolen) },
		"no device":       func() (bool, error) { return a.IsRevoked(b.account(), peer.ID("nonsense")) },
		"may read":        func() (bool, error) { return a.MayRead(id, b.account(), stolen) },
		"the other reads": func() (bool, error) { return a.MayRead(id, b.account(), idOf(t, b.devices[0].Device)) },
	} {
		want := what == "revoked" || what == "the other reads"
		if is, err := f(); err != nil || is != want {
			t.Errorf("%s: %v, %v", what, is, err)
		}
	}
	if r, err := a.ingest(id, b, unseen.Raw); err != nil || r.Void != 1 {
		t.Errorf("what the revoker had not seen: %+v, %v", r, err)
	}
	if _, err := a.Append(t.Context(), id, b.devices[1], conversation.TypeText, []byte("back")); !errors.Is(err, logstore.ErrNotAllowed) {
		t.Errorf("a revoked device writes: %v", err)
	}
	check(t, a.Forget(t.Context(), other))
	sound(t, a.Store, id)
}

func TestThingsAreFoundByTheirFirstDigits(t *testing.T) {
	path := newPath(t)
	a, b := newPerson(t, 1, 1).openAt(t, path, logstore.Config{}), newPerson(t, 2, 1).open(t, logstore.Config{})
	id := a.group("found")
	join(id, a, b)
	other := a.group("other")
	text := a.say(id, "hello")
	for _, ref := range []string{id.String(), id.String()[:4], strings.ToUpper(id.String()[:7])} {
		if got, err := a.Find(ref); err != nil || got != id {
			t.Errorf("%s: %s, %v", ref, got, err)
		}
	}
	if got, err := a.FindEntry(id, text.ID.String()[:8]); err != nil || got != text.ID {
		t.Errorf("%s, %v", got, err)
	}
	for _, ref := range []string{"", "abc", "xyzw", id.String() + "0", "'; --", "%%%%"} {
		if _, err := a.Find(ref); !errors.Is(err, logstore.ErrUnknownConversation) {
			t.Errorf("%q: %v", ref, err)
		}
		if _, err := a.FindEntry(id, ref); !errors.Is(err, logstore.ErrUnknownEntry) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, err := a.FindEntry(other, text.ID.String()); !errors.Is(err, logstore.ErrUnknownEntry) {
		t.Errorf("an entry of another conversation: %v", err)
	}
	if _, err := a.Entry(other, text.ID); !errors.Is(err, logstore.ErrUnknownEntry) {
		t.Errorf("an entry of another conversation: %v", err)
	}
	if e, err := a.Entry(id, text.ID); err != nil || !reflect.DeepEqual(e, text) {
		t.Errorf("%+v, %v", e, err)
	}
	next := b.say(id, "next")
	b.give(id, a)
	check(t, a.Close()) // two that begin alike are rare, so they are made
	vandalise(t, path, fmt.Sprintf("UPDATE entry SET id = CAST(x'%s' || substr(id, 3) AS BLOB) WHERE id = x'%s'", text.ID.String()[:4], next.ID))
	a = a.person.openAt(t, path, logstore.Config{})
	if _, err := a.FindEntry(id, text.ID.String()[:4]); !errors.Is(err, logstore.ErrAmbiguous) {
		t.Errorf("two begin alike: %v", err)
	}
	if got, err := a.FindEntry(id, text.ID.String()); err != nil || got != text.ID {
		t.Errorf("%s, %v", got, err)
	}
}

func TestObserverIsToldWhatIsOnTheDisk(t *testing.T) {
	path := newPath(t)
	var a *home
	var told []string
	a = newPerson(t, 1, 1).openAt(t, path, logstore.Config{Observe: func(id conversation.ID, added []conversation.ID, state bool) {
		for _, one := range added {
			if _, err := a.Entry(id, one); err != nil {
				t.Error(err)
			}
		}
		told = append(told, fmt.Sprint(len(added), " ", state))
	}})
	b := newPerson(t, 2, 1).open(t, logstore.Config{})
	id := a.group("told")
	a.say(id, "hello")
	a.act(id, conversation.Invite, b.person)
	a.give(id, b)
	b.act(id, conversation.Join, nil)
	text := b.say(id, "hello")
	b.give(id, a)
	_, err := a.ingest(id, b, text.Raw)
	check(t, err)
	_, err = a.Revoke(t.Context(), id, a.key, a.author(), idOf(t, newPerson(t, 1, 2).devices[1].Device)) // which wrote nothing
	check(t, err)
	if want := []string{"1 true", "1 false", "1 true", "2 true", "1 true"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestForgottenConversationIsGoneAndMayComeAgain(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	b.say(id, "hello")
	meet(id, a, b)
	check(t, b.SetCommon("peer", id, []conversation.ID{id}), b.Forget(t.Context(), id))
	if _, err := b.Summary(id); !errors.Is(err, logstore.ErrUnknownConversation) {
		t.Errorf("summary: %v", err)
	}
	if err := b.Forget(t.Context(), id); !errors.Is(err, logstore.ErrUnknownConversation) {
		t.Errorf("again: %v", err)
	}
	if all, err := b.Conversations(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	other := b.group("takes its number")
	a.give(id, b)
	for _, one := range []conversation.ID{id, other} {
		sound(t, b.Store, one)
	}
	if common, err := b.Common("peer", id); err != nil || len(common) != 0 {
		t.Errorf("common %v, %v", common, err)
	}
}

// More conversations than are held in memory, all in use.
func TestBooksAreLoadedAgain(t *testing.T) {
	a := newPerson(t, 1, 1).open(t, logstore.Config{Books: 2})
	var ids []conversation.ID
	for i := range 6 {
		ids = append(ids, a.group(fmt.Sprint(i)))
	}
	for range 3 {
		for _, id := range ids {
			a.say(id, "hello")
			a.act(id, conversation.Invite, newPerson(t, uint64(10+entriesOf(t, a, id)), 0))
		}
	}
	for _, id := range ids {
		sound(t, a.Store, id)
		if n := entriesOf(t, a, id); n != 7 {
			t.Errorf("%d entries", n)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	a := newPerson(t, 1, 1).open(t, logstore.Config{Books: 2})
	b := newPerson(t, 2, 1)
	ids := []conversation.ID{a.group("0"), a.group("1"), a.group("2")}
	var wg sync.WaitGroup
	for worker := range 6 {
		id := ids[worker%len(ids)]
		wg.Go(func() {
			for i := range 4 {
				_, err := a.Append(t.Context(), id, a.author(), conversation.TypeText, fmt.Append(nil, worker, i))
				_, err2 := a.Messages(id, logstore.Page{All: true})
				_, err3 := a.Conversations()
				_, err4 := a.MayRead(id, b.account(), "x")
				heads, err5 := a.Heads(id)
				_, err6 := a.Missing(t.Context(), id, heads, nil, conversation.ID{}, 5, 1<<20, func(conversation.Raw) error { return nil })
				_, err7 := a.Ingest(t.Context(), id, rawsOf(t, a, id, heads...), logstore.Source{})
				if err := errors.Join(err, err2, err3, err4, err5, err6, err7, a.SetCommon("peer", id, heads)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if n := entriesOf(t, a, id); n != 9 {
			t.Errorf("%d entries", n)
		}
		sound(t, a.Store, id)
	}
}

func TestFilesThatAreNotOursAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	check(t, os.WriteFile(text, []byte("no database, but long enough to be one: "+strings.Repeat("x", 4096)), 0o600))
	newer := filepath.Join(dir, "newer.db")
	check(t, newPerson(t, 1, 1).openAt(t, newer, logstore.Config{}).Close())
	vandalise(t, newer, "PRAGMA user_version = 9999")
	foreign := filepath.Join(dir, "foreign.db")
	vandalise(t, foreign, "CREATE TABLE other (n)")
	for path, want := range map[string]error{text: database.ErrCorrupt, newer: database.ErrNewer, foreign: database.ErrForeign} {
		_, err := logstore.Open(path, logstore.Config{})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v; want %v, with the path", err, want)
		}
	}
}

func TestTheZeroConfigWorks(t *testing.T) {
	s, err := logstore.Open(newPath(t), logstore.Config{})
	check(t, err)
	defer s.Close()
	p := newPerson(t, 1, 1)
	sum, err := s.Create(t.Context(), p.author(), conversation.Own, conversation.Account{}, "")
	check(t, err)
	_, err = s.Append(t.Context(), sum.ID, p.author(), conversation.TypeContact, []byte(`{}`))
	check(t, err)
	if list, err := s.Messages(sum.ID, logstore.Page{All: true, Type: conversation.TypeContact}); err != nil || len(list) != 1 {
		t.Errorf("%d notes, %v", len(list), err)
	}
	if list, err := s.Messages(sum.ID, logstore.Page{}); err != nil || len(list) != 1 {
		t.Errorf("%d shown, %v", len(list), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Conversations(); err == nil {
		t.Error("a closed store answers")
	}
}
