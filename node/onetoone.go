package node

import (
	"bytes"
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// A one-to-one conversation arises with a contact. Both accounts may begin one at
// the same time; then there are two, which people see as one, and new entries go
// to the one with the smaller id. So that this is rare, the account with the
// smaller key begins when the two become contacts, the other only when its user
// writes before that has arrived.

// otherOf gives the other account of a one-to-one conversation.
func (n *Node) otherOf(s logstore.Summary) (conversation.Account, bool) {
	if s.Mode != conversation.OneToOne {
		return conversation.Account{}, false
	}
	if s.With == n.keys.account {
		return s.Creator, true
	}
	return s.With, true
}

// pairOf lists the one-to-one conversations with an account, the one that new
// entries go to first.
func (n *Node) pairOf(a conversation.Account) ([]logstore.Summary, error) {
	list, err := n.conversations.Pair(a)
	return slices.DeleteFunc(list, func(s logstore.Summary) bool { return s.Me == membership.None }), err
}

// shown is the conversation that people see for s: of several with the same contact
// the one that new entries go to.
func (n *Node) shown(s logstore.Summary) (logstore.Summary, error) {
	other, paired := n.otherOf(s)
	if !paired {
		return s, nil
	}
	pair, err := n.pairOf(other)
	if err != nil || len(pair) == 0 {
		return s, err
	}
	return pair[0], nil
}

// meetOneToOne begins the conversation with a new contact, where that is ours to
// do, and joins those that he began.
func (n *Node) meetOneToOne(c Contact) {
	pair, err := n.pairOf(c.Account)
	if err == nil && len(pair) == 0 && bytes.Compare(n.keys.account[:], c.Account[:]) < 0 {
		_, err = n.beginOneToOne(c.Account)
	}
	if err == nil {
		err = n.joinAll(pair)
	}
	if err != nil {
		n.log.Error("no conversation with the contact", "account", c.Account, "error", err)
	}
}

func (n *Node) beginOneToOne(a conversation.Account) (logstore.Summary, error) {
	return n.conversations.Create(n.ctx, n.author(), conversation.OneToOne, a, "")
}

// joinOneToOne joins a conversation that an accepted contact has begun with us.
func (n *Node) joinOneToOne(conv conversation.ID) error {
	s, err := n.conversations.Summary(conv)
	if err != nil {
		return err
	}
	other, paired := n.otherOf(s)
	if !paired || s.Me != membership.Invited || !n.contacts.accepted(other) {
		return nil
	}
	pair, err := n.pairOf(other)
	if err != nil {
		return err
	}
	return n.joinAll(pair)
}

// maxPair bounds the one-to-one conversations with a contact that are joined by
// themselves. A few arise where devices of both began one while they were apart. Who
// founds more fills the places of those that nobody has joined; they are read all the
// same.
const maxPair = 16

// joinAll joins those of a pair's conversations that the contact has begun.
func (n *Node) joinAll(pair []logstore.Summary) error {
	joined := 0
	for _, s := range pair {
		if s.Me.In() {
			joined++
		}
	}
	for _, s := range pair {
		if s.Me != membership.Invited || joined >= maxPair {
			continue
		}
		if err := n.joinInvited(s); err != nil {
			return err
		}
		joined++
	}
	return nil
}

func (n *Node) joinInvited(s logstore.Summary) error {
	if s.Me != membership.Invited {
		return nil
	}
	_, err := n.conversations.Append(n.ctx, s.ID, n.author(), conversation.TypeMember, conversation.MemberContent(conversation.Join, conversation.Account{}))
	if now, failed := n.conversations.Summary(s.ID); failed == nil && now.Me.In() {
		return nil // somebody else here joined in the same moment
	}
	return err
}

// writable finds the conversation to write to. One with a contact is begun if there
// is none yet, and joined if he began it.
func (n *Node) writable(ref string) (logstore.Summary, error) {
	c, err := n.contacts.find(ref)
	if err != nil || c.State != Accepted {
		s, err := n.findConversation(ref)
		if err != nil {
			return s, err
		}
		return n.shown(s)
	}
	pair, err := n.pairOf(c.Account)
	if err == nil && len(pair) == 0 {
		return n.beginOneToOne(c.Account)
	}
	if err == nil {
		err = n.joinInvited(pair[0])
	}
	return first(pair), err
}
