package membership

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Status is what an account is now.
func (b *Book) Status(a conversation.Account) Status {
	return b.now.standing.of(b.findAccount(a)).status()
}

// Members are all who ever had a status, also those who left or are banned,
// ordered by account.
func (b *Book) Members() (members []MemberStatus) {
	for a, s := range b.now.standing {
		if s.code != 0 {
			members = append(members, MemberStatus{b.accounts[a], s.status(), s.rank})
		}
	}
	slices.SortFunc(members, func(a, b MemberStatus) int { return slices.Compare(a.Account[:], b.Account[:]) })
	return members
}

// Creator is the account of the first entry, zero if there is none.
func (b *Book) Creator() (a conversation.Account) {
	if len(b.accounts) > 0 {
		a = b.accounts[0]
	}
	return a
}

// Mode is the conversation's, for ever.
func (b *Book) Mode() conversation.Mode { return b.mode }

// With is the other account of a one-to-one conversation, zero in others.
func (b *Book) With() (a conversation.Account) {
	if b.mode == conversation.OneToOne {
		a = b.accounts[1]
	}
	return a
}

// Void tells whether a row is void, and why, in words for people.
func (b *Book) Void(row int) (reason string, void bool) {
	why := b.rows[row].why
	return why.String(), why != live
}

// IsRevoked tells whether a device of the account may never write again.
func (b *Book) IsRevoked(a conversation.Account, d peer.ID) bool {
	n := b.findWriter(a, d)
	return n != none && len(b.writers[n].revocations) > 0
}

// May says whether an entry that follows all heads would be valid now. The error
// is that of Judge.
func (b *Book) May(a conversation.Account, d peer.ID, act conversation.Action, target conversation.Account) error {
	_, err := b.Judge(Entry{Parents: b.Heads(), Account: a, Device: d, Action: act, Target: target})
	return err
}
