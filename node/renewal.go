package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// renewal is the content of an entry that says which conversation follows.
type renewal struct {
	Next conversation.ID `json:"next"`
}

// TypeRenewal is the media type of an entry that says which conversation follows
// this one: {"next":ID}.
const TypeRenewal = "application/x-passeur-renewal+json"

// RenewConversation makes a new group of the same name, with the present members
// invited, and says so in the old one. It is the way out where the old one's
// owner is lost, or its members cannot agree.
func (n *Node) RenewConversation(ctx context.Context, ref string) (Conversation, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return Conversation{}, err
	}
	if s.Mode != conversation.Group {
		return Conversation{}, fmt.Errorf("%w: only a group can be renewed", ErrNotAllowed)
	}
	members, err := n.conversations.Members(s.ID)
	if err != nil {
		return Conversation{}, err
	}
	var invited []conversation.Account
	for _, m := range members {
		if m.Status.In() && m.Account != n.keys.account {
			invited = append(invited, m.Account)
		}
	}
	next, err := n.createGroup(ctx, s.Name, invited)
	if err != nil {
		return Conversation{}, err
	}
	content, err := json.Marshal(renewal{next.ID})
	if err == nil {
		_, err = n.conversations.Append(ctx, s.ID, n.author(), TypeRenewal, content)
	}
	return next, err
}

// maxRenewals is how many renewals are looked through, the newest.
const maxRenewals = 500

// renewalOf gives the conversation that the owner or an admin says follows s. A
// mere member's word does not count: what is written to a group's name would go
// where he likes.
func (n *Node) renewalOf(s logstore.Summary) (next conversation.ID, err error) {
	if s.Mode != conversation.Group {
		return next, nil
	}
	list, err := n.conversations.Messages(s.ID, logstore.Page{Type: TypeRenewal, Limit: maxRenewals})
	if err != nil {
		return next, err
	}
	for _, m := range slices.Backward(list) {
		status, err := n.conversations.Status(s.ID, m.Entry.Account)
		if err != nil {
			return next, err
		}
		var r renewal
		content, _ := m.Entry.Content()
		if (status == membership.Owner || status == membership.Admin) && json.Unmarshal(content, &r) == nil {
			return r.Next, nil
		}
	}
	return next, nil
}

// notRenewed leaves out the groups that another of them follows.
func (n *Node) notRenewed(groups []logstore.Summary) ([]logstore.Summary, error) {
	followed := map[conversation.ID]bool{}
	for _, s := range groups {
		next, err := n.renewalOf(s)
		if err != nil {
			return nil, err
		}
		followed[s.ID] = slices.ContainsFunc(groups, func(other logstore.Summary) bool { return other.ID == next })
	}
	return slices.DeleteFunc(groups, func(s logstore.Summary) bool { return followed[s.ID] }), nil
}
