package node

import (
	"context"
	"errors"
	"io"

	"github.com/passeur-p2p/passeur/conversation"
)

// Devices lists the account's devices, this one first, revoked ones last.
func (n *Node) Devices() []Device { return nil }

// ShowLinkCode makes a one-time code by which another device joins the account;
// keeper hands the account key over too. Only a keeper may. Watch tells the rest.
func (n *Node) ShowLinkCode(ctx context.Context, keeper bool) (Pairing, error) {
	return Pairing{}, errors.ErrUnsupported
}

// JoinAccount makes this device one of the account that shows the code. It is
// refused where contacts or conversations would be lost. When the pairing is
// done the node must be closed and started anew: it has another account then.
func (n *Node) JoinAccount(ctx context.Context, code string) (Pairing, error) {
	return Pairing{}, errors.ErrUnsupported
}

// RevokeDevice takes a device (its name, peer ID or the beginning of that) from
// the account, for ever. Only a keeper may; nobody revokes the device it is on.
func (n *Node) RevokeDevice(ctx context.Context, who string) (Device, error) {
	return Device{}, errors.ErrUnsupported
}

// ShowContactCode makes a one-time code by which somebody becomes a contact,
// under the alias name ("" takes what he calls himself).
func (n *Node) ShowContactCode(ctx context.Context, name string) (Pairing, error) {
	return Pairing{}, errors.ErrUnsupported
}

// EnterContactCode makes whoever shows the code a contact, under the alias name.
func (n *Node) EnterContactCode(ctx context.Context, code, name string) (Pairing, error) {
	return Pairing{}, errors.ErrUnsupported
}

// Pairings lists those of this run, newest last.
func (n *Node) Pairings() []Pairing { return nil }

// CancelPairing ends one; its code is burnt.
func (n *Node) CancelPairing(id string) (Pairing, error) { return Pairing{}, errors.ErrUnsupported }

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
