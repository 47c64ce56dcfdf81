package logstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

func texts(t *testing.T, h *home, id conversation.ID, p logstore.Page) (lines []string) {
	t.Helper()
	list, err := h.Messages(id, p)
	check(t, err)
	for _, m := range list {
		text := m.Text
		switch {
		case m.Deleted:
			text = "(deleted)"
		case m.Entry.Control != nil:
			text = string(m.Entry.Control.Action)
		case m.Unreadable:
			text = m.Entry.Type
		}
		lines = append(lines, text)
	}
	return lines
}

func TestPagesGoBackToTheFirst(t *testing.T) {
	id, a, _ := two(t, logstore.Config{})
	for _, text := range []string{"one", "two", "three", "four"} {
		a.say(id, text)
	}
	for _, c := range []struct {
		page logstore.Page
		want []string
	}{
		{logstore.Page{}, []string{"initial", "invite", "join", "one", "two", "three", "four"}},
		{logstore.Page{Limit: 2}, []string{"three", "four"}},
		{logstore.Page{Type: conversation.TypeText, Limit: 3}, []string{"two", "three", "four"}},
		{logstore.Page{Type: conversation.TypeMember}, []string{"invite", "join"}},
		{logstore.Page{Type: "image/none", All: true}, nil},
		{logstore.Page{Before: id}, nil},
		{logstore.Page{Before: conversation.ID{9}, Limit: 1}, []string{"four"}},
	} {
		if got := texts(t, a, id, c.page); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.page, got, c.want)
		}
	}
	if got := a.pages(t, []conversation.ID{id}); len(got) != 7 {
		t.Errorf("%d in pages", len(got))
	}
	if _, err := a.Messages(conversation.ID{1}, logstore.Page{}); !errors.Is(err, logstore.ErrUnknownConversation) {
		t.Errorf("%v", err)
	}
	if _, err := a.Message(id, conversation.ID{1}); !errors.Is(err, logstore.ErrUnknownEntry) {
		t.Errorf("%v", err)
	}
}

func TestEditsAndDeletionsAreWorkedIn(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := a.say(id, "helo")
	a.say(id, "keep")
	a.write(id, conversation.TypeText, conversation.Text{Text: "hello", Edit: text.ID}.Content())
	a.write(id, "application/x-unknown", []byte{1, 2, 3})
	a.write(id, conversation.TypeMerge, nil)
	a.give(id, b)
	b.write(id, conversation.TypeText, conversation.Text{Text: "not yours", Edit: text.ID}.Content())
	b.give(id, a)
	var edits []conversation.ID
	for _, h := range []*home{a, b} {
		if got := texts(t, h, id, logstore.Page{Limit: 3}); !slices.Equal(got, []string{"hello", "keep", "application/x-unknown"}) {
			t.Errorf("%q", got)
		}
		m, err := h.Message(id, text.ID)
		if edits = m.Edits; err != nil || !m.Edited || len(edits) != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	}
	a.write(id, conversation.TypeText, conversation.Text{Edit: text.ID, Deleted: true, Also: edits}.Content())
	a.give(id, b)
	for _, h := range []*home{a, b} {
		if got := texts(t, h, id, logstore.Page{Limit: 3}); !slices.Equal(got, []string{"(deleted)", "keep", "application/x-unknown"}) {
			t.Errorf("%q", got)
		}
		sound(t, h.Store, id)
	}
	all, err := a.Messages(id, logstore.Page{All: true})
	check(t, err)
	if n := entriesOf(t, a, id); len(all) != n {
		t.Errorf("%d of %d entries", len(all), n)
	}
}

// What was taken back is on no part of the disk any more.
func TestDeletedTextIsOverwritten(t *testing.T) {
	path := newPath(t)
	a := newPerson(t, 1, 1).openAt(t, path, logstore.Config{})
	id := a.group("secret")
	text := a.say(id, "the first secret words")
	edit := a.write(id, conversation.TypeText, conversation.Text{Text: "the second secret words", Edit: text.ID}.Content())
	a.write(id, conversation.TypeText, conversation.Text{Edit: text.ID, Deleted: true, Also: []conversation.ID{edit.ID}}.Content())
	check(t, a.Close())
	files, err := filepath.Glob(path + "*")
	check(t, err)
	for _, file := range files {
		if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, []byte("secret words")) {
			t.Errorf("%s still holds it (%v)", file, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

// A deletion by somebody who is banned without having seen the ban does not
// count; the text that was dropped for it is asked for again.
func TestTextComesBackWhenItsDeletionDoesNotCount(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := b.say(id, "said")
	meet(id, a, b)
	seen, err := a.Heads(id)
	check(t, err)
	b.write(id, conversation.TypeText, conversation.Text{Edit: text.ID, Deleted: true}.Content())
	b.give(id, a)
	if got := texts(t, a, id, logstore.Page{Limit: 1}); got[0] != "(deleted)" {
		t.Errorf("%q", got)
	}
	_, err = a.AppendAfter(t.Context(), id, a.author(), conversation.TypeMember, conversation.MemberContent(conversation.Ban, b.account()), seen)
	check(t, err)
	lacking(t, a, id, text.ID)
	if r, err := a.ingest(id, b, text.Raw); err != nil || len(r.Filled) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := texts(t, a, id, logstore.Page{Type: conversation.TypeText, Limit: 1}); got[0] != "said" {
		t.Errorf("%q", got)
	}
	sound(t, a.Store, id)
}
