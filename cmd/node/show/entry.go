package show

import (
	"fmt"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// shortID is how many hex digits of an entry's or a conversation's id people see.
const shortID = 12

// ID is the beginning of an id, by which commands find the whole.
func ID(id string) string { return Text(id[:min(len(id), shortID)]) }

// content says in words what an entry is; a text stays as it is, line ends too,
// and is hostile.
func content(m api.Message) string {
	switch {
	case m.Deleted:
		return "(deleted)"
	case m.Edit != "":
		return "(changes " + ID(m.Edit) + ")"
	case m.Type == conversation.TypeText:
		return m.Text
	case m.File != nil:
		return fmt.Sprintf("file %s (%s)", Clip(m.File.Name, nameWidth), Size(m.File.Size))
	case isAct(m):
		return act(m)
	case m.Type == conversation.TypeMerge:
		return "(branches joined)"
	}
	return fmt.Sprintf("(%s, %d bytes)", Text(m.Type), m.Size)
}

// maxAccount is how much of an account's text people see of who has no alias.
const maxAccount = 20

// Person is how people here call an account: an alias, "you", or the beginning of an account.
func Person(name string) string {
	if strings.HasPrefix(name, conversation.AccountScheme) {
		return Clip(name, maxAccount)
	}
	return Clip(name, nameWidth)
}

// act is a control entry as a sentence.
func act(m api.Message) string {
	who, whom := Person(m.Author), Person(m.TargetName)
	switch m.Action {
	case conversation.Initial:
		if m.Text != "" {
			return who + " made the group " + Clip(m.Text, nameWidth)
		}
		return who + " began the conversation"
	case conversation.Invite:
		return who + " invited " + whom
	case conversation.Join:
		return who + " joined"
	case conversation.Leave:
		return who + " left"
	case conversation.Remove:
		return who + " removed " + whom
	case conversation.Ban:
		return who + " banned " + whom
	case conversation.Unban:
		return who + " lifted the ban on " + whom
	case conversation.Promote:
		return who + " made " + whom + " an admin"
	case conversation.Demote:
		return who + " made " + whom + " an ordinary member"
	case conversation.Revoke:
		return who + " revoked a device"
	}
	if m.Type == node.TypeRenewal {
		return who + " made a new group to go on in"
	}
	return fmt.Sprintf("%s did something unknown here (%s)", who, Text(string(m.Action)))
}

// isAct tells whether an entry is told as a sentence that names its author.
func isAct(m api.Message) bool {
	return (m.Action != conversation.Data || m.Type == node.TypeRenewal) && !m.Deleted
}

// marks are what is to be known of an entry besides what it says: "" if nothing is.
func marks(m api.Message, o Reading) string {
	var all []string
	if m.Edited && !m.Deleted {
		all = append(all, "edited")
	}
	if m.Late {
		all = append(all, "arrived "+m.Seen.In(o.zone()).Format("Mon 2 Jan 15:04"))
	}
	switch {
	case m.Void && o.All && m.Reason != "":
		all = append(all, "does not count: "+Text(m.Reason))
	case m.Void:
		all = append(all, "does not count")
	}
	if o.Missed[m.ID] {
		all = append(all, "missed here: '"+GetCommand(m.Conversation, m.ID)+"' gets it")
	}
	if all == nil {
		return ""
	}
	return "(" + strings.Join(all, "; ") + ")"
}
