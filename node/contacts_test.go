package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

func newBook(t *testing.T) *contactBook {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), stateFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b, err := openContacts(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// person gives the account of the nth person.
func person(t *testing.T, n int) conversation.Account {
	t.Helper()
	seed := make([]byte, 32)
	copy(seed, fmt.Sprintf("person %d", n))
	key, err := conversation.AccountKeyFromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	return key.Account()
}

func set(b *contactBook, a conversation.Account, name string, state ContactState) error {
	_, err := b.change(a, func(c *Contact) error {
		c.Name, c.State = name, state
		return nil
	})
	return err
}

func TestAliasesAreUniqueWhateverTheCase(t *testing.T) {
	b := newBook(t)
	if err := set(b, person(t, 1), "Bob", Accepted); err != nil {
		t.Fatal(err)
	}
	if err := set(b, person(t, 2), "bob", Requested); !errors.Is(err, ErrNameTaken) {
		t.Errorf("second bob: %v", err)
	}
	if err := set(b, person(t, 1), "bob", Accepted); err != nil {
		t.Errorf("renaming bob to himself: %v", err)
	}
	for _, bad := range []string{"", "a b", "$(reboot)", "a/b", "é", "-o", "--json", string(make([]byte, 65))} {
		if err := set(b, person(t, 3), bad, Requested); !errors.Is(err, ErrBadName) {
			t.Errorf("name %q: %v", bad, err)
		}
	}
}

func TestStrangerCannotTakeAnAlias(t *testing.T) {
	b := newBook(t)
	if err := set(b, person(t, 1), "bob", Pending); err != nil {
		t.Fatal(err)
	}
	if _, err := b.find("bob"); !errors.Is(err, ErrUnknownContact) {
		t.Errorf("a stranger who calls himself bob is found as bob: %v", err)
	}
	if err := set(b, person(t, 2), "bob", Accepted); err != nil {
		t.Errorf("the real bob: %v", err)
	}
	if c, err := b.find("BOB"); err != nil || c.Account != person(t, 2) {
		t.Errorf("bob is %v, %v", c, err)
	}
	if c, err := b.find(person(t, 1).String()); err != nil || c.State != Pending {
		t.Errorf("by account: %v, %v", c, err)
	}
}

func TestPendingRequestsAreBounded(t *testing.T) {
	b := newBook(t)
	for i := range maxPending {
		if err := set(b, person(t, i), "me", Pending); err != nil {
			t.Fatal(err)
		}
	}
	if err := set(b, person(t, maxPending), "me", Pending); err == nil {
		t.Errorf("request %d was kept", maxPending+1)
	}
	if err := set(b, person(t, 0), "me again", Pending); err != nil {
		t.Errorf("one that waits already asks again: %v", err)
	}
	if err := set(b, person(t, maxPending), "friend", Requested); err != nil {
		t.Errorf("our own request: %v", err)
	}
}

func TestFailedChangeChangesNothing(t *testing.T) {
	b := newBook(t)
	a := person(t, 1)
	if err := set(b, a, "bob", Requested); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if _, err := b.change(a, func(c *Contact) error { c.State = Accepted; return no }); !errors.Is(err, no) {
		t.Errorf("error is %v", err)
	}
	if c, _ := b.get(a); c.State != Requested {
		t.Errorf("state became %s", c.State)
	}
}
