package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/passeur-p2p/passeur/conversation"
)

// Devices asks for the account's devices, this one first.
func (c *Client) Devices(ctx context.Context) (all []Device, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/devices", nil, &all)
}

// RevokeDevice takes a device (name, peer ID or its beginning) from the account.
func (c *Client) RevokeDevice(ctx context.Context, who string) (d Device, err error) {
	return d, c.ask(ctx, http.MethodDelete, "/v1/devices/"+segment(who), nil, &d)
}

// Pair shows a new one-time code or enters one. Events tell the rest.
func (c *Client) Pair(ctx context.Context, in NewPairing) (p Pairing, err error) {
	return p, c.ask(ctx, http.MethodPost, "/v1/pairings", in, &p)
}

// Pairings asks for those since the node started, newest last.
func (c *Client) Pairings(ctx context.Context) (all []Pairing, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/pairings", nil, &all)
}

// Pairing asks for one.
func (c *Client) Pairing(ctx context.Context, id string) (p Pairing, err error) {
	return p, c.ask(ctx, http.MethodGet, "/v1/pairings/"+segment(id), nil, &p)
}

// CancelPairing ends one; its code is burnt.
func (c *Client) CancelPairing(ctx context.Context, id string) (p Pairing, err error) {
	return p, c.ask(ctx, http.MethodPost, "/v1/pairings/"+segment(id)+"/cancel", nil, &p)
}

// Conversations asks for all, the one with the newest message first.
func (c *Client) Conversations(ctx context.Context) (all []Conversation, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/conversations", nil, &all)
}

// CreateConversation makes a group with contacts (aliases or accounts) invited.
func (c *Client) CreateConversation(ctx context.Context, name string, contacts []string) (out Conversation, err error) {
	return out, c.ask(ctx, http.MethodPost, "/v1/conversations", NewConversation{name, contacts}, &out)
}

// Conversation asks for one, by a contact's alias, a group's name or the
// beginning of its id.
func (c *Client) Conversation(ctx context.Context, ref string) (Conversation, error) {
	return c.conversation(ctx, http.MethodGet, ref, "", nil)
}

// AcceptConversation joins one that the account is invited to.
func (c *Client) AcceptConversation(ctx context.Context, ref string) (Conversation, error) {
	return c.conversation(ctx, http.MethodPost, ref, "/accept", nil)
}

// LeaveConversation leaves one, or declines an invitation.
func (c *Client) LeaveConversation(ctx context.Context, ref string) (Conversation, error) {
	return c.conversation(ctx, http.MethodPost, ref, "/leave", nil)
}

// RenewConversation makes a new one with the same members, and gives that.
func (c *Client) RenewConversation(ctx context.Context, ref string) (Conversation, error) {
	return c.conversation(ctx, http.MethodPost, ref, "/renew", nil)
}

// ChangeMember invites, removes, bans, unbans, promotes or demotes.
func (c *Client) ChangeMember(ctx context.Context, ref string, a conversation.Action, who, before string) (Conversation, error) {
	return c.conversation(ctx, http.MethodPost, ref, "/members", MemberChange{a, who, before})
}

// AllowMore lets a member who was paused fill the node's quotas once more.
func (c *Client) AllowMore(ctx context.Context, ref, who string) (Conversation, error) {
	return c.conversation(ctx, http.MethodPost, ref, "/allow", Allowance{who})
}

// CheckConversation has a conversation checked, and before that, with rebuild, what
// is derived of it worked out anew.
func (c *Client) CheckConversation(ctx context.Context, ref string, rebuild bool) (out Check, err error) {
	return out, c.ask(ctx, http.MethodPost, conversationPath(ref)+"/check", NewCheck{rebuild}, &out)
}

func (c *Client) conversation(ctx context.Context, method, ref, verb string, in any) (out Conversation, err error) {
	return out, c.ask(ctx, method, conversationPath(ref)+verb, in, &out)
}

// Messages asks for a page, oldest first. It may have fewer than p.Limit also
// where there are more before it; an empty page is before the first message.
func (c *Client) Messages(ctx context.Context, ref string, p Page) (page []Message, err error) {
	q := url.Values{}
	if p.Before != "" {
		q.Set("before", p.Before)
	}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.All {
		q.Set("all", "true")
	}
	return page, c.ask(ctx, http.MethodGet, conversationPath(ref)+"/messages?"+q.Encode(), nil, &page)
}

// SendMessage writes a text; the node has it on disk then.
func (c *Client) SendMessage(ctx context.Context, ref, text string) (Message, error) {
	return c.message(ctx, http.MethodPost, ref, "", Text{text})
}

// EditMessage replaces the text of an own message, given by its id or its beginning.
func (c *Client) EditMessage(ctx context.Context, ref, entry, text string) (Message, error) {
	return c.message(ctx, http.MethodPut, ref, "/"+segment(entry), Text{text})
}

// DeleteMessage takes an own message or file entry back.
func (c *Client) DeleteMessage(ctx context.Context, ref, entry string) (Message, error) {
	return c.message(ctx, http.MethodDelete, ref, "/"+segment(entry), nil)
}

func (c *Client) message(ctx context.Context, method, ref, entry string, in any) (m Message, err error) {
	return m, c.ask(ctx, method, conversationPath(ref)+"/messages"+entry, in, &m)
}

func conversationPath(ref string) string { return "/v1/conversations/" + segment(ref) }
