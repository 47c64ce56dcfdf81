package node

import (
	"context"
	"errors"
	"io"

	"github.com/passeur-p2p/passeur/conversation"
)

// CreateConversation makes a group with the contacts (aliases or accounts) invited.
func (n *Node) CreateConversation(ctx context.Context, name string, contacts []string) (Conversation, error) {
	return Conversation{}, errors.ErrUnsupported
}

// Conversations lists all, the one with the newest message first.
func (n *Node) Conversations() ([]Conversation, error) { return nil, errors.ErrUnsupported }

// Conversation finds one by the beginning of its id (4 digits or more), a group's
// name, or a contact's alias.
func (n *Node) Conversation(ref string) (Conversation, error) {
	return Conversation{}, errors.ErrUnsupported
}

// Messages gives a page of a conversation, oldest first.
func (n *Node) Messages(ref string, p Page) ([]Message, error) { return nil, errors.ErrUnsupported }

// SendMessage writes a text; it is on disk when this returns.
func (n *Node) SendMessage(ctx context.Context, ref, text string) (Message, error) {
	return Message{}, errors.ErrUnsupported
}

// EditMessage replaces the text of an own message (its id or the beginning of it).
func (n *Node) EditMessage(ctx context.Context, ref, entry, text string) (Message, error) {
	return Message{}, errors.ErrUnsupported
}

// DeleteMessage takes an own message or file entry back.
func (n *Node) DeleteMessage(ctx context.Context, ref, entry string) (Message, error) {
	return Message{}, errors.ErrUnsupported
}

// AcceptConversation joins one that this account is invited to.
func (n *Node) AcceptConversation(ctx context.Context, ref string) (Conversation, error) {
	return Conversation{}, errors.ErrUnsupported
}

// LeaveConversation leaves one, or declines an invitation.
func (n *Node) LeaveConversation(ctx context.Context, ref string) (Conversation, error) {
	return Conversation{}, errors.ErrUnsupported
}

// ChangeMember invites, removes, bans, unbans, promotes or demotes a contact or
// account. before (an entry's id or its beginning; only for a ban) is the last
// entry of his that shall count: "" is all that was seen.
func (n *Node) ChangeMember(ctx context.Context, ref string, a conversation.Action, who, before string) (Conversation, error) {
	return Conversation{}, errors.ErrUnsupported
}

// RenewConversation makes a new group of the same name, with the present members
// invited, that refers to the old one.
func (n *Node) RenewConversation(ctx context.Context, ref string) (Conversation, error) {
	return Conversation{}, errors.ErrUnsupported
}

// ExportConversation writes all entries with their signatures, a JSON line each.
func (n *Node) ExportConversation(ref string, w io.Writer) error { return errors.ErrUnsupported }
