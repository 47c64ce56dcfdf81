package membership_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	. "github.com/passeur-p2p/passeur/conversation/membership"
)

// permissions is the table of docs/protocol.md: who may do what, and to whom.
var permissions = map[conversation.Action]map[Status]string{
	Data:    {Owner: "-", Admin: "-", Member: "-"},
	Leave:   {Owner: "-", Admin: "-", Member: "-", Invited: "-"},
	Revoke:  {Owner: "-", Admin: "-", Member: "-", Invited: "-"},
	Join:    {Invited: "-"},
	Invite:  {Owner: "stranger left", Admin: "stranger left"},
	Remove:  {Owner: "invited member admin", Admin: "invited member"},
	Ban:     {Owner: "stranger left invited member admin admin-banned", Admin: "stranger left invited member"},
	Unban:   {Owner: "admin-banned owner-banned", Admin: "admin-banned"},
	Promote: {Owner: "member"},
	Demote:  {Owner: "admin"},
	Initial: {},
}

// cast names somebody of each kind, to act and to be acted on.
var cast = map[string]string{
	"owner": "a", "admin": "bc", "member": "mn", "invited": "ij", "left": "kl",
	"admin-banned": "xX", "owner-banned": "yY", "stranger": "sS",
}

func TestWhoMayDoWhatToWhom(t *testing.T) {
	s := castScene(t)
	for action, may := range permissions {
		for _, who := range cast {
			author := account(who[:1])
			allowed := strings.Fields(may[s.book.Status(author)])
			for kind, whom := range cast {
				want := slices.Contains(allowed, "-") || slices.Contains(allowed, kind)
				s.may(want, author, action, account(whom[len(whom)-1:]))
			}
			if !slices.Contains(allowed, "-") {
				s.may(false, author, action, author)
			}
		}
	}
}

func castScene(t *testing.T) *scene {
	s, h := group(t)
	for _, who := range "ijkl" {
		h = s.add("a", Invite, string(who), h)
	}
	h = s.add("k", Leave, "", h)
	h = s.add("b", Remove, "l", h)
	for _, who := range "xX" {
		h = s.add("b", Ban, string(who), h)
	}
	for _, who := range "yY" {
		h = s.add("a", Ban, string(who), h)
	}
	for kind, who := range cast {
		for _, one := range who {
			want := map[string]Status{"stranger": None, "admin-banned": Banned, "owner-banned": Banned}[kind]
			if want == None && kind != "stranger" {
				want = Status(kind)
			}
			s.are(are{string(one): want})
		}
	}
	return s
}

func (s *scene) may(want bool, who Account, action conversation.Action, whom Account) {
	s.t.Helper()
	err := s.book.May(who, "any", action, whom)
	if (err == nil) != want || err != nil && !errors.Is(err, ErrInvalid) {
		s.t.Errorf("%s (%s) %s %s (%s): %v, want it allowed: %v",
			who[:1], s.book.Status(who), action, whom[:1], s.book.Status(whom), err, want)
	}
}

func TestRefusalsSayWhatIsWrong(t *testing.T) {
	s, h := group(t)
	revoke := s.add("m1", Revoke, "m2", h)
	for want, e := range map[string]Entry{
		"its author (not a member) may not write": entry("z", Data, "", h),
		"its author (member) may not ban":         entry("m", Ban, "n", h),
		"its device was revoked":                  entry("m2", Data, "", revoke),
		"a conversation has one first entry":      entry("a", Initial, "", h),
		"only the first entry has no parents":     entry("a", Data, ""),
		"not known rows in ascending order":       entry("a", Data, "", h, h),
		"are not known rows in ascending order":   entry("a", Data, "", 99),
		"its author (member) may not join":        entry("m", Join, "", h),
		"its author (admin) may not shout":        {Parents: []int{h}, Account: account("b"), Device: "b1", Action: "shout"},
	} {
		if _, err := s.book.Judge(e); err == nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestFirstEntries(t *testing.T) {
	a, b := account("a"), account("b")
	for name, test := range map[string]struct {
		e    Entry
		good bool
	}{
		"group":                       {Entry{Account: a, Action: Initial, Mode: Group}, true},
		"own":                         {Entry{Account: a, Action: Initial, Mode: Own}, true},
		"one-to-one":                  {Entry{Account: a, Action: Initial, Mode: OneToOne, With: b}, true},
		"one-to-one with nobody":      {Entry{Account: a, Action: Initial, Mode: OneToOne}, false},
		"one-to-one with oneself":     {Entry{Account: a, Action: Initial, Mode: OneToOne, With: a}, false},
		"group with somebody":         {Entry{Account: a, Action: Initial, Mode: Group, With: b}, false},
		"own with somebody":           {Entry{Account: a, Action: Initial, Mode: Own, With: b}, false},
		"no mode":                     {Entry{Account: a, Action: Initial}, false},
		"data":                        {Entry{Account: a, Mode: Group}, false},
		"with parents":                {Entry{Account: a, Action: Initial, Mode: Group, Parents: []int{0}}, false},
		"an unknown mode of tomorrow": {Entry{Account: a, Action: Initial, Mode: "public"}, false},
	} {
		book := NewBook()
		_, _, err := book.Add(test.e)
		if (err == nil) != test.good || err != nil && (!errors.Is(err, ErrInvalid) || book.Len() != 0) {
			t.Errorf("%s: %v", name, err)
		}
		if got := Resolve([]Entry{test.e}).Invalid[0]; (got == nil) != test.good {
			t.Errorf("%s: reference: %v", name, got)
		}
	}
}

func TestEmptyBook(t *testing.T) {
	b := NewBook()
	if b.Len() != 0 || len(b.Heads()) != 0 || len(b.Members()) != 0 || b.Status(account("a")) != None {
		t.Error("an empty book holds something")
	}
	if !b.Creator().IsZero() || !b.With().IsZero() || b.Mode() != "" || b.IsRevoked(account("a"), "a1") {
		t.Error("an empty book knows somebody")
	}
	if b.May(account("a"), "a1", Data, Account{}) == nil {
		t.Error("an empty book lets somebody write")
	}
}

func TestOnlyTheFirstEntryOfADeviceInItsPastCarriesACertificate(t *testing.T) {
	s, h := group(t)
	first := func(want bool, who string, after ...int) {
		t.Helper()
		if v, err := s.book.Judge(entry(who, Data, "", after...)); err != nil || v.FirstOfDevice != want {
			t.Errorf("%s after %v: first %v, %v; want %v", who, after, v.FirstOfDevice, err, want)
		}
	}
	first(false, "m1", h)
	first(true, "m2", h)
	here := s.add("m2", Data, "", h)
	first(false, "m2", here)
	first(true, "m2", h)
	there := s.add("m2", Data, "", h)
	other := s.add("n1", Data, "", there)
	first(false, "m2", other)
	first(false, "m2", here, other)
	first(true, "m3", here, other)
	// The same key in the name of another account is another writer.
	v, err := s.book.Judge(Entry{Parents: []int{here}, Account: account("n"), Device: "m2", Action: Data})
	if err != nil || !v.FirstOfDevice {
		t.Errorf("key of another account: %+v, %v", v, err)
	}
}

func TestEqualPastsHaveEqualNumbers(t *testing.T) {
	s, h := group(t)
	one, two := s.add("m", Data, "", h), s.add("n", Data, "", h)
	past := func(after ...int) int {
		v, err := s.book.Judge(entry("m", Data, "", after...))
		if err != nil {
			t.Fatal(err)
		}
		return v.Past
	}
	if past(h) != past(one, two) {
		t.Error("data changed the past")
	}
	invite := s.add("b", Invite, "z", one)
	if past(one) == past(invite) || past(invite) != past(two, invite) {
		t.Error("sets of control entries are confused")
	}
}
