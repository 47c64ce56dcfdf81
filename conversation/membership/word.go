package membership

import "github.com/passeur-p2p/passeur/conversation"

// word is what a control entry says about somebody's standing.
type word struct {
	about conversation.Account
	says  conversation.Action
}

// words of e: none for data and revocations, one for member entries. The first
// entry of a one-to-one conversation also invites the other account.
func (e Entry) words() []word {
	switch e.Action {
	case conversation.Data, conversation.Revoke:
		return nil
	case conversation.Join, conversation.Leave:
		return []word{{e.Account, e.Action}}
	case conversation.Initial:
		w := []word{{e.Account, conversation.Initial}}
		if e.Mode == conversation.OneToOne {
			w = append(w, word{e.With, conversation.Invite})
		}
		return w
	}
	return []word{{e.Target, e.Action}}
}

// makes is the status of somebody about whom this is the last word.
func makes(a conversation.Action) Status {
	switch a {
	case conversation.Initial:
		return Owner
	case conversation.Invite:
		return Invited
	case conversation.Join, conversation.Demote:
		return Member
	case conversation.Promote:
		return Admin
	case conversation.Ban:
		return Banned
	}
	return Left
}

// strictness orders words of the same rank that did not know of each other: the
// stricter one stands.
func strictness(a conversation.Action) int {
	switch a {
	case conversation.Ban:
		return 7
	case conversation.Remove:
		return 6
	case conversation.Unban:
		return 5
	case conversation.Demote:
		return 4
	case conversation.Promote:
		return 3
	case conversation.Join:
		return 2
	case conversation.Invite:
		return 1
	}
	return 0
}

// grants tells whether a word lets its subject do the given action.
func grants(says, action conversation.Action) bool {
	switch says {
	case conversation.Invite:
		return action == conversation.Join || action == conversation.Leave
	case conversation.Join, conversation.Promote, conversation.Demote:
		return action != conversation.Join
	}
	return false
}

// threatens tells whether an action voids data of others or of a device.
func threatens(a conversation.Action) bool {
	return a == conversation.Remove || a == conversation.Ban || a == conversation.Revoke
}

// isAdminAct tells whether only admins and the owner do this to others.
func isAdminAct(a conversation.Action) bool {
	switch a {
	case conversation.Invite, conversation.Remove, conversation.Ban, conversation.Unban:
		return true
	}
	return false
}
