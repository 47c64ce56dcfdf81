package node

import (
	"errors"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Where the accounts of two members begin alike, their beginning names neither.
func TestTheBeginningOfTwoAccountsNamesNeither(t *testing.T) {
	alike := [2]conversation.Account{{1, 2, 3, 4}, {1, 2, 3, 5}}
	other := conversation.Account{9}
	members := []membership.MemberStatus{{Account: alike[0]}, {Account: other}, {Account: alike[1]}}
	beginning := alike[0].String()[:len(conversation.AccountScheme)+minPrefix]
	if a, err := findMember(members, beginning); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("%s names %s, %v", beginning, a, err)
	}
	for _, who := range []string{alike[1].String()[:len(beginning)+4], other.String()[:len(beginning)]} {
		if a, err := findMember(members, who); err != nil || a == alike[0] {
			t.Errorf("%s names %s, %v", who, a, err)
		}
	}
	for _, who := range []string{beginning[:len(beginning)-1], conversation.Account{8}.String(), ""} {
		if a, err := findMember(members, who); !errors.Is(err, ErrUnknownContact) {
			t.Errorf("%q names %s, %v", who, a, err)
		}
	}
}
