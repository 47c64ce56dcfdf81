package membership

import (
	"fmt"

	"github.com/passeur-p2p/passeur/conversation"
)

// question is an entry with what its own past says about those it names.
type question struct {
	Entry
	mode conversation.Mode
	// creator and with are the accounts of the first entry.
	creator, with conversation.Account
	// author and target are what the past says of the author and the target,
	// bannedBy the rank that banned the target.
	author, target Status
	bannedBy       Rank
	// revoked: the past holds a revocation of the author's device.
	revoked bool
	// controls is how many control entries the past holds.
	controls int
}

// permit says whether the entry is allowed, as a function of its past.
func (q question) permit() error {
	if q.revoked {
		return fmt.Errorf("%w: its device was revoked", ErrInvalid)
	}
	if err := q.limit(); err != nil {
		return err
	}
	if !q.allowed() {
		return fmt.Errorf("%w: %s", ErrInvalid, q.refusal())
	}
	return nil
}

// limit bounds the control entries in the past of a control entry.
func (q question) limit() error {
	most := ControlCap
	if q.author == Owner {
		most = OwnerControlCap
	}
	if q.Action == conversation.Data || q.controls <= most {
		return nil
	}
	return fmt.Errorf("%w: it follows %d control entries, %d are allowed: renew the conversation", ErrInvalid, q.controls, most)
}

func (q question) allowed() bool {
	switch q.mode {
	case conversation.Own:
		return q.author == Owner && (q.Action == conversation.Data || q.Action == conversation.Revoke)
	case conversation.OneToOne:
		return q.allowedBetweenTwo()
	}
	return q.allowedInGroup()
}

// allowedBetweenTwo: nobody is above the other.
func (q question) allowedBetweenTwo() bool {
	switch q.Action {
	case conversation.Invite:
		return q.author.In() && q.invitable() && (q.Target == q.creator || q.Target == q.with)
	case conversation.Remove, conversation.Ban, conversation.Unban, conversation.Promote, conversation.Demote:
		return false
	}
	return q.allowedForOneself()
}

func (q question) allowedInGroup() bool {
	switch q.Action {
	case conversation.Invite:
		return q.moderates() && q.invitable()
	case conversation.Remove:
		return q.touchable() && q.mayRemove()
	case conversation.Ban:
		return q.touchable() && q.mayBan()
	case conversation.Unban:
		return q.moderates() && q.target == Banned && q.author.rank() <= q.bannedBy
	case conversation.Promote:
		return q.author == Owner && q.target == Member
	case conversation.Demote:
		return q.author == Owner && q.touchable() && q.target == Admin
	}
	return q.allowedForOneself()
}

// allowedForOneself covers what names nobody else.
func (q question) allowedForOneself() bool {
	switch q.Action {
	case conversation.Data:
		return q.author.In()
	case conversation.Join:
		return q.author == Invited
	case conversation.Leave, conversation.Revoke:
		return q.author.In() || q.author == Invited
	}
	return false
}

func (q question) moderates() bool { return q.author == Admin || q.author == Owner }
func (q question) invitable() bool { return q.target == None || q.target == Left }

// touchable: nobody removes, bans or demotes the creator or himself.
func (q question) touchable() bool { return q.Target != q.creator && q.Target != q.Account }

func (q question) mayRemove() bool {
	switch q.target {
	case Invited, Member:
		return q.moderates()
	case Admin:
		return q.author == Owner
	}
	return false
}

// mayBan: the owner may ban whom an admin banned, which draws the line anew.
func (q question) mayBan() bool {
	switch q.target {
	case Banned:
		return q.author == Owner && q.bannedBy > RankOwner
	case Admin:
		return q.author == Owner
	}
	return q.moderates()
}

func (q question) refusal() string {
	switch q.Action {
	case conversation.Data:
		return fmt.Sprintf("its author (%s) may not write", name(q.author))
	case conversation.Join, conversation.Leave, conversation.Revoke:
		return fmt.Sprintf("its author (%s) may not %s", name(q.author), q.Action)
	case conversation.Initial:
		return "a conversation has one first entry"
	}
	return fmt.Sprintf("its author (%s) may not %s %s (%s)", name(q.author), q.Action, q.Target, name(q.target))
}

func name(s Status) string {
	if s == None {
		return "not a member"
	}
	return string(s)
}

// checkFirst judges the entry that founds a conversation.
func checkFirst(e Entry) error {
	if e.Action != conversation.Initial || len(e.Parents) != 0 {
		return fmt.Errorf("%w: a conversation begins with an initial entry without parents", ErrInvalid)
	}
	switch e.Mode {
	case conversation.OneToOne:
		if e.With.IsZero() || e.With == e.Account {
			return fmt.Errorf("%w: a one-to-one conversation names another account", ErrInvalid)
		}
	case conversation.Group, conversation.Own:
		if !e.With.IsZero() {
			return fmt.Errorf("%w: only a one-to-one conversation names another account", ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: unknown mode %q", ErrInvalid, e.Mode)
	}
	return nil
}

// checkParents judges the shape of an entry that is to become row n.
func checkParents(e Entry, n int) error {
	if len(e.Parents) == 0 {
		return fmt.Errorf("%w: only the first entry has no parents", ErrInvalid)
	}
	last := -1
	for _, p := range e.Parents {
		if p <= last || p >= n {
			return fmt.Errorf("%w: its parents are not known rows in ascending order", ErrInvalid)
		}
		last = p
	}
	return nil
}
