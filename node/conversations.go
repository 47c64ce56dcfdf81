package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// author is this device as the logs know it.
func (n *Node) author() logstore.Author {
	return logstore.Author{Device: n.keys.device, Account: n.keys.account, Certificate: n.keys.certificate}
}

// CreateConversation makes a group with the contacts (aliases or accounts) invited.
// The name has 1 to 256 bytes. Errors: ErrBadText, ErrNameTaken, or those of a contact.
func (n *Node) CreateConversation(ctx context.Context, name string, contacts []string) (Conversation, error) {
	var invited []conversation.Account
	for _, who := range contacts {
		c, err := n.contacts.find(who)
		if err != nil {
			return Conversation{}, err
		}
		if c.State != Accepted {
			return Conversation{}, fmt.Errorf("%w: %s is %s", ErrNotAccepted, c.Name, c.State)
		}
		invited = append(invited, c.Account)
	}
	return n.createGroup(ctx, name, invited)
}

// maxGroupName is the longest name of a group, in bytes.
const maxGroupName = 256

func (n *Node) createGroup(ctx context.Context, name string, invited []conversation.Account) (Conversation, error) {
	if strings.TrimSpace(name) == "" || len(name) > maxGroupName || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		return Conversation{}, fmt.Errorf("%w: a group's name has 1 to %d bytes of UTF-8 in one line", ErrBadText, maxGroupName)
	}
	if _, err := n.contacts.find(name); err == nil {
		return Conversation{}, fmt.Errorf("%w: call the group something else than %s", ErrNameTaken, name)
	}
	s, err := n.conversations.Create(ctx, n.author(), conversation.Group, conversation.Account{}, name)
	if err != nil {
		return Conversation{}, err
	}
	for _, a := range invited {
		content := conversation.MemberContent(conversation.Invite, a)
		if _, err := n.conversations.Append(ctx, s.ID, n.author(), conversation.TypeMember, content); err != nil {
			return Conversation{}, err
		}
	}
	return n.conversationByID(s.ID)
}

// Conversations lists all, the one with the newest message first.
func (n *Node) Conversations() ([]Conversation, error) {
	all, err := n.conversations.Conversations()
	if err != nil {
		return nil, err
	}
	var list []Conversation
	for _, s := range all {
		if s.Mode == conversation.Own || s.Me == membership.None {
			continue
		}
		seen, err := n.shown(s)
		if err != nil {
			return nil, err
		}
		if seen.ID != s.ID {
			continue
		}
		c, err := n.described(seen)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(x, y Conversation) int { return y.changed().Compare(x.changed()) })
	return list, nil
}

// Conversation finds one by the beginning of its id (4 digits or more), a group's
// name, or a contact's alias or account. The id of either of two one-to-one
// conversations with the same contact finds the one that people see.
func (n *Node) Conversation(ref string) (Conversation, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return Conversation{}, err
	}
	return n.conversationOf(s)
}

// findConversation is Conversation for the log's own view of it. An alias, which
// the user chose, counts before a group's name, which others did.
func (n *Node) findConversation(ref string) (logstore.Summary, error) {
	if id, err := conversation.ParseID(ref); err == nil {
		s, err := n.conversations.Summary(id)
		return s, explainFind(err)
	}
	if c, err := n.contacts.find(ref); err == nil {
		pair, err := n.pairOf(c.Account)
		if err == nil && len(pair) == 0 {
			err = fmt.Errorf("%w: nothing was written to or by %s yet", ErrUnknownConversation, c.Name)
		}
		return first(pair), err
	}
	groups, err := n.groupsCalled(ref)
	if err == nil && len(groups) > 1 {
		groups, err = n.notRenewed(groups)
	}
	switch {
	case err != nil:
		return logstore.Summary{}, err
	case len(groups) == 1:
		return groups[0], nil
	case len(groups) > 1:
		return logstore.Summary{}, fmt.Errorf("%w: %d conversations are called %q; use the beginning of the id", ErrAmbiguous, len(groups), ref)
	}
	id, err := n.conversations.Find(ref)
	if err != nil || id == n.own {
		return logstore.Summary{}, fmt.Errorf("%w: %q", cmp.Or(explainFind(err), ErrUnknownConversation), ref)
	}
	return n.conversations.Summary(id)
}

func (n *Node) groupsCalled(name string) ([]logstore.Summary, error) {
	all, err := n.conversations.Conversations()
	return slices.DeleteFunc(all, func(s logstore.Summary) bool {
		return s.Mode != conversation.Group || s.Me == membership.None || !strings.EqualFold(s.Name, name)
	}), err
}

func first(list []logstore.Summary) (s logstore.Summary) {
	if len(list) > 0 {
		s = list[0]
	}
	return s
}

// explainFind says in the node's words that something was not found.
func explainFind(err error) error {
	for theirs, ours := range map[error]error{
		logstore.ErrUnknownConversation: ErrUnknownConversation,
		logstore.ErrUnknownEntry:        ErrUnknownEntry,
		logstore.ErrAmbiguous:           ErrAmbiguous,
	} {
		if errors.Is(err, theirs) {
			return ours
		}
	}
	return err
}

func (n *Node) conversationByID(id conversation.ID) (Conversation, error) {
	s, err := n.conversations.Summary(id)
	if err != nil {
		return Conversation{}, err
	}
	return n.conversationOf(s)
}

// conversationOf is a conversation as people see it. Two one-to-one conversations
// of the same pair are one.
func (n *Node) conversationOf(s logstore.Summary) (Conversation, error) {
	s, err := n.shown(s)
	if err != nil {
		return Conversation{}, err
	}
	return n.described(s)
}

// described is conversationOf for one that is shown.
func (n *Node) described(s logstore.Summary) (Conversation, error) {
	c := Conversation{ID: s.ID, Mode: s.Mode, Name: s.Name, Status: Status(s.Me), Entries: s.Entries}
	members, err := n.conversations.Members(s.ID)
	if err != nil {
		return c, err
	}
	for _, m := range members {
		c.Members = append(c.Members, Member{m.Account, n.called(m.Account), Status(m.Status), m.Account == n.keys.account})
	}
	c.Name = n.titleOf(s)
	if c.Heads, err = n.conversations.Heads(s.ID); err != nil {
		return c, err
	}
	if c.Renewed, err = n.renewalOf(s); err != nil {
		return c, err
	}
	if c.Paused, err = n.pausedIn(s); err != nil {
		return c, err
	}
	last, err := n.messagesOf(s, Page{Limit: 1})
	if len(last) > 0 {
		c.Last = &last[0]
	}
	return c, err
}

// pausedIn says whose entries are not taken for now.
func (n *Node) pausedIn(s logstore.Summary) (string, error) {
	pauses, err := n.conversations.Paused(s.ID)
	var whose []string
	for _, p := range pauses {
		whose = append(whose, n.called(p.Account)+": "+string(p.Reason))
	}
	return strings.Join(whose, "; "), err
}

// changed orders conversations for people.
func (c Conversation) changed() time.Time {
	if c.Last == nil {
		return time.Time{}
	}
	return c.Last.Time
}

// called is how people here call an account: by the contact's alias, "you" for
// the own account, else by its text form.
func (n *Node) called(a conversation.Account) string {
	if a == n.keys.account {
		return self
	}
	return n.contacts.nameOf(a)
}

// AcceptConversation joins one that this account is invited to.
func (n *Node) AcceptConversation(ctx context.Context, ref string) (Conversation, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return Conversation{}, err
	}
	return n.act(ctx, s, conversation.Join)
}

// LeaveConversation leaves one, or declines an invitation.
func (n *Node) LeaveConversation(ctx context.Context, ref string) (Conversation, error) {
	s, err := n.findConversation(ref)
	if err == nil && s.Mode == conversation.OneToOne {
		err = fmt.Errorf("%w: %[2]s is a contact, not a group; 'passeur contact remove %[2]s' ends it", ErrNotAllowed, n.titleOf(s))
	}
	if err != nil {
		return Conversation{}, err
	}
	return n.act(ctx, s, conversation.Leave)
}

// ChangeMember invites, removes, bans, unbans, promotes or demotes a contact or
// member. before (an entry's id or its beginning; only for a ban) is the last
// entry of the conversation that the ban leaves standing: "" is all that was seen.
func (n *Node) ChangeMember(ctx context.Context, ref string, a conversation.Action, who, before string) (Conversation, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return Conversation{}, err
	}
	target, err := n.memberCalled(s.ID, who)
	if err != nil {
		return Conversation{}, err
	}
	if a == conversation.Invite && !n.isPartner(target) {
		return Conversation{}, fmt.Errorf("%w: %s must be a contact first, to be reached", ErrUnknownContact, who)
	}
	content := conversation.MemberContent(a, target)
	if before == "" {
		_, err = n.conversations.Append(ctx, s.ID, n.author(), conversation.TypeMember, content)
	} else if a != conversation.Ban {
		err = fmt.Errorf("%w: only a ban can name the last entry that counts", ErrNotAllowed)
	} else {
		err = n.banBefore(ctx, s.ID, target, before)
	}
	if err != nil {
		return Conversation{}, err
	}
	return n.conversationByID(s.ID)
}

// banBefore bans so that nothing of the target's counts but what lies before an entry.
func (n *Node) banBefore(ctx context.Context, conv conversation.ID, target conversation.Account, before string) error {
	last, err := n.conversations.FindEntry(conv, before)
	if err != nil {
		return explainFind(err)
	}
	after, err := n.conversations.Cut(ctx, conv, target, last)
	if err != nil {
		return err
	}
	content := conversation.MemberContent(conversation.Ban, target)
	_, err = n.conversations.AppendAfter(ctx, conv, n.author(), conversation.TypeMember, content, after)
	return err
}

// act writes what an account does for itself.
func (n *Node) act(ctx context.Context, s logstore.Summary, a conversation.Action) (Conversation, error) {
	content := conversation.MemberContent(a, conversation.Account{})
	if _, err := n.conversations.Append(ctx, s.ID, n.author(), conversation.TypeMember, content); err != nil {
		return Conversation{}, err
	}
	return n.conversationByID(s.ID)
}

// memberCalled finds an account by a contact's alias, its text form, or, among the
// members, the beginning of that.
func (n *Node) memberCalled(conv conversation.ID, who string) (conversation.Account, error) {
	if c, err := n.contacts.find(who); err == nil {
		return c.Account, nil
	}
	if a, err := conversation.ParseAccount(who); err == nil {
		return a, nil
	}
	members, err := n.conversations.Members(conv)
	if err != nil {
		return conversation.Account{}, err
	}
	return findMember(members, who)
}

// findMember takes the beginning of an account's text form, which two may have: who
// wants to be taken for another can search for a key that begins like his.
func findMember(members []membership.MemberStatus, who string) (conversation.Account, error) {
	var found []conversation.Account
	for _, m := range members {
		if len(who) >= len(conversation.AccountScheme)+minPrefix && strings.HasPrefix(m.Account.String(), who) {
			found = append(found, m.Account)
		}
	}
	switch len(found) {
	case 0:
		return conversation.Account{}, fmt.Errorf("%w: %q", ErrUnknownContact, who)
	case 1:
		return found[0], nil
	}
	return conversation.Account{}, fmt.Errorf("%w: %q is %s and %s", ErrAmbiguous, who, found[0], found[1])
}

// ExportConversation writes all entries with their signatures, a JSON line each.
func (n *Node) ExportConversation(ref string, w io.Writer) error {
	s, err := n.findConversation(ref)
	if err != nil {
		return err
	}
	return n.conversations.Export(n.ctx, s.ID, w)
}
