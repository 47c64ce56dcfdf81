package membership

import (
	"errors"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// ErrInvalid is wrapped by every error that says why an entry is not valid.
// Whoever sent such an entry broke the rules: honest devices pass on only what
// they found valid.
var ErrInvalid = errors.New("entry breaks the rules of the conversation")

// Entry is what the rules read of a conversation.Entry. Entries are named by
// rows: 0, 1, 2 … in order of arrival, in which parents come before children.
type Entry struct {
	// Parents are rows, ascending. Only row 0 has none.
	Parents []int
	Account conversation.Account
	Device  peer.ID
	// Action is conversation.Data for whatever is not control.
	Action conversation.Action
	// Target is whom invite, remove, ban, unban, promote and demote are about.
	Target conversation.Account
	// Revoked is the device of Account that a revoke is about.
	Revoked peer.ID
	// Mode and With are those of the initial entry.
	Mode conversation.Mode
	With conversation.Account
}

// Status is what an account is in a conversation.
type Status string

const (
	None    Status = ""        // never heard of
	Invited Status = "invited" // may read and join
	Member  Status = "member"
	Admin   Status = "admin"
	Owner   Status = "owner" // the account of the first entry
	Left    Status = "left"  // left or was removed, may be invited again
	Banned  Status = "banned"
)

// In tells whether an account of that status may write.
func (s Status) In() bool { return s == Member || s == Admin || s == Owner }

// Rank orders authority: nobody acts on a lower number, or on the same.
type Rank uint8

const (
	RankOwner  Rank = 0
	RankAdmin  Rank = 1
	RankMember Rank = 2 // everybody else
)

// rank of the entries that an account of that status writes.
func (s Status) rank() Rank {
	switch s {
	case Owner:
		return RankOwner
	case Admin:
		return RankAdmin
	}
	return RankMember
}

// MemberStatus is what an account is, and by whose word.
type MemberStatus struct {
	Account conversation.Account
	Status  Status
	// Rank of the entry that decided the status. It counts where somebody is
	// banned: only that rank or a higher one may unban.
	Rank Rank
}

// Verdict is what is decided once about a valid entry, from its ancestors.
type Verdict struct {
	// Rank of the author in the entry's own past.
	Rank Rank
	// Past names the set of control entries among the ancestors. Equal sets have
	// equal numbers as long as the book lives; a new book numbers them anew.
	Past int
	// FirstOfDevice: no ancestor is by this device of this account. Such an entry
	// must carry the device's certificate, and no other may.
	FirstOfDevice bool
}

// Change is what an added entry did to those before it, and to itself.
type Change struct {
	// Void are rows that are void since; the new one is among them if it is born
	// void. Live are rows that were void and count again. Both ascend.
	Void, Live []int
	// State: somebody's status changed.
	State bool
}

const (
	// ControlCap is how many control entries may lie in the past of a control
	// entry, OwnerControlCap how many in that of the owner's. They bound the work
	// that one entry can cause; data is not bound by them.
	ControlCap      = 8192
	OwnerControlCap = 16384
)
