package store_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

func TestHeldFilesSurviveReopening(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	one, two := fullHeld(1), fullHeld(2)
	two.Since, two.Look = one.Since.Add(-time.Hour), store.Look{}
	check(t, s.PutHeld(one, nil), s.PutHeld(two, nil), s.Close())
	s = openStore(t, path)
	assertHeld(t, s, two, one)
	one.Path = "/elsewhere"
	check(t, s.PutHeld(one, nil)) // one place for an entry
	assertHeld(t, s, two, one)
}

func assertHeld(t *testing.T, s *store.Store, want ...store.Held) {
	t.Helper()
	if got, err := s.AllHeld(); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("AllHeld = %+v, %v; want %+v", got, err, want)
	}
	for _, w := range want {
		if got, err := s.Held(w.Conversation, w.Entry); err != nil || got != w {
			t.Fatalf("Held = %+v, %v; want %+v", got, err, w)
		}
	}
}

func TestALookIsForTheFileThatWasLookedAt(t *testing.T) {
	s := openStore(t, newPath(t))
	one, two := fullHeld(1), fullHeld(2)
	two.Since = one.Since.Add(time.Hour)
	look := store.Look{Stamp: store.Stamp{Size: 4, Modified: 3, Changed: 2, Inode: 1}}
	check(t, s.PutHeld(one, nil), s.PutHeld(two, nil), nil)
	check(t, s.LookedAt(one.Conversation, one.Entry, "/where it lay before", look))
	assertHeld(t, s, one, two)
	check(t, s.LookedAt(one.Conversation, one.Entry, one.Path, look))
	one.Look = look
	assertHeld(t, s, one, two)
}

func TestHeldFilesAreForgotten(t *testing.T) {
	s := openStore(t, newPath(t))
	one, two, other := fullHeld(1), fullHeld(2), fullHeld(3)
	two.Since = one.Since.Add(time.Hour)
	other.Conversation, other.Since = conversation.ID{7}, one.Since.Add(2*time.Hour)
	check(t, s.PutHeld(one, nil), s.PutHeld(two, nil), s.PutHeld(other, nil), nil)
	assertHeld(t, s, one, two, other)
	check(t, s.ForgetHeld(one.Conversation), s.ForgetHeld(one.Conversation))
	assertHeld(t, s, other)
	if _, err := s.Held(one.Conversation, one.Entry); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Held = %v, want ErrNotFound", err)
	}
}

// A tree is kept as long as a file with its root is held, and once.
func TestTreesOfHeldFiles(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	one, two := fullHeld(1), fullHeld(2)
	one.Sum = ""
	two.Conversation, two.Since = conversation.ID{7}, one.Since.Add(time.Hour)
	tree := store.Tree{Units: bytes.Repeat([]byte{1}, 64), Manifest: []byte{2}}
	check(t, s.PutHeld(one, &tree), s.PutHeld(two, &tree), s.Close())
	s = openStore(t, path)
	assertHeld(t, s, one, two)
	if got, err := s.Tree(one.Tree); err != nil || !reflect.DeepEqual(got, tree) {
		t.Errorf("%+v, %v", got, err)
	}
	check(t, s.ForgetHeld(one.Conversation))
	if _, err := s.Tree(one.Tree); err != nil {
		t.Errorf("the tree of another held file is gone: %v", err)
	}
	check(t, s.ForgetHeld(two.Conversation))
	if _, err := s.Tree(one.Tree); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}
