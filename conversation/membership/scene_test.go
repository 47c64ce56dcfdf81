package membership_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	. "github.com/passeur-p2p/passeur/conversation/membership"
)

type Account = conversation.Account

const (
	Data    = conversation.Data
	Initial = conversation.Initial
	Invite  = conversation.Invite
	Join    = conversation.Join
	Leave   = conversation.Leave
	Remove  = conversation.Remove
	Ban     = conversation.Ban
	Unban   = conversation.Unban
	Promote = conversation.Promote
	Demote  = conversation.Demote
	Revoke  = conversation.Revoke

	Group    = conversation.Group
	OneToOne = conversation.OneToOne
	Own      = conversation.Own
)

// scene tells a story to a book. People are named by one letter, devices by the
// person's letter and a digit; "m" speaks from device "m1".
type scene struct {
	t       *testing.T
	book    *Book
	entries []Entry
}

func account(name string) (a Account) {
	copy(a[:], name)
	return a
}

func entry(who string, act conversation.Action, whom string, after ...int) Entry {
	device := who
	if len(who) == 1 {
		device = who + "1"
	}
	e := Entry{Parents: slices.Sorted(slices.Values(after)), Account: account(who[:1]), Device: peer.ID(device), Action: act}
	switch {
	case act == Revoke:
		e.Revoked = peer.ID(whom)
	case act == Initial && whom != "":
		e.Mode, e.With = OneToOne, account(whom)
	case act == Initial:
		e.Mode = conversation.Group
	case whom != "":
		e.Target = account(whom)
	}
	return e
}

// add is an entry that the rules allow.
func (s *scene) add(who string, act conversation.Action, whom string, after ...int) int {
	s.t.Helper()
	e := entry(who, act, whom, after...)
	row, _, err := s.book.Add(e)
	if err != nil {
		s.t.Fatalf("%s %s %s: %v", who, act, whom, err)
	}
	s.entries = append(s.entries, e)
	return row
}

// refused is an entry that they do not allow.
func (s *scene) refused(who string, act conversation.Action, whom string, after ...int) {
	s.t.Helper()
	before := s.book.Len()
	if _, _, err := s.book.Add(entry(who, act, whom, after...)); !errors.Is(err, ErrInvalid) {
		s.t.Errorf("%s %s %s: got %v, want it refused", who, act, whom, err)
	}
	if s.book.Len() != before {
		s.t.Error("a refused entry is in the book")
	}
}

// are checks statuses: "b banned m member".
func (s *scene) are(want map[string]Status) {
	s.t.Helper()
	for who, status := range want {
		if got := s.book.Status(account(who)); got != status {
			s.t.Errorf("%s is %q, want %q", who, got, status)
		}
	}
	s.agrees()
}

func (s *scene) live(rows ...int) {
	s.t.Helper()
	for _, row := range rows {
		if why, void := s.book.Void(row); void {
			s.t.Errorf("row %d is void (%s), want it live", row, why)
		}
	}
}

func (s *scene) void(rows ...int) {
	s.t.Helper()
	for _, row := range rows {
		if why, void := s.book.Void(row); !void || why == "" {
			s.t.Errorf("row %d: void %v, reason %q; want it void for a reason", row, void, why)
		}
	}
}

// agrees holds the book against the reference.
func (s *scene) agrees() {
	s.t.Helper()
	compare(s.t, s.book, Resolve(s.entries))
}

// fatalist is what a testing.T and a rapid.T have in common.
type fatalist interface {
	Helper()
	Fatalf(format string, args ...any)
}

// compare holds a book against what was worked out from scratch.
func compare(t fatalist, b *Book, want State) {
	t.Helper()
	if got := b.Members(); !slices.Equal(got, want.Members) {
		t.Fatalf("members are\n%v, want\n%v", got, want.Members)
	}
	if got := b.Heads(); !slices.Equal(got, want.Heads) {
		t.Fatalf("heads are %v, want %v", got, want.Heads)
	}
	for row, reason := range want.Void {
		if got, void := b.Void(row); got != reason || void != (reason != "") {
			t.Fatalf("row %d is void %v %q, want %q", row, void, got, reason)
		}
	}
}

// group is a conversation of the owner a, the admins b and c and the members m
// and n. It returns the last row.
func group(t *testing.T) (s *scene, last int) {
	s = &scene{t: t, book: NewBook()}
	last = s.add("a", Initial, "")
	for _, who := range []string{"b", "c", "m", "n"} {
		last = s.add("a", Invite, who, last)
		last = s.add(who, Join, "", last)
	}
	last = s.add("a", Promote, "b", last)
	last = s.add("a", Promote, "c", last)
	return s, last
}
