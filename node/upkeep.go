package node

import "context"

// AllowMore lets a member fill a conversation's quotas on this device once more: what
// he wrote and was paused is fetched again.
func (n *Node) AllowMore(ref, who string) (Conversation, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return Conversation{}, err
	}
	member, err := n.memberCalled(s.ID, who)
	if err != nil {
		return Conversation{}, err
	}
	if err := n.conversations.Allow(s.ID, member); err != nil {
		return Conversation{}, explainFind(err)
	}
	n.history.Retry(s.ID) // of those who are connected
	n.company.hurry()
	return n.conversationByID(s.ID)
}

// CheckConversation verifies every signature of a conversation, and holds what was
// derived from its entries against the entries: a sentence for each difference, none
// if all is well. rebuild works out anew what is derived, and then checks. It takes
// seconds for 100,000 entries.
func (n *Node) CheckConversation(ctx context.Context, ref string, rebuild bool) ([]string, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return nil, err
	}
	if rebuild {
		if err := n.conversations.Rebuild(ctx, s.ID); err != nil {
			return nil, err
		}
	}
	return n.conversations.Check(ctx, s.ID)
}
