package api

import (
	"context"
	"net/http"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

func (s *Server) routeConversations() {
	add(s, route{
		method: http.MethodGet, path: "/v1/conversations", id: "listConversations", tag: tagConversations,
		summary: "All conversations, the one with the newest message first",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Conversation], error) {
		all, err := h.Conversations()
		return inBody(each(all, conversationOf), err)
	})
	add(s, route{
		method: http.MethodPost, path: "/v1/conversations", id: "createConversation", tag: tagConversations, summary: "Make a group and invite contacts",
		status: http.StatusCreated, example: NewConversation{"holiday", []string{"bob", "carol"}},
		codes: []Code{CodeBadName, CodeBadText, CodeUnknownContact, CodeNotAccepted, CodeNameTaken, CodeTooLong},
	}, func(ctx context.Context, h *house, in *createIn) (*answer[Conversation], error) {
		c, err := h.CreateConversation(ctx, in.Body.Name, in.Body.Contacts)
		return inBody(conversationOf(c), err)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/conversations/{ref}", id: "getConversation", tag: tagConversations, summary: "One conversation",
		codes: []Code{CodeUnknownConversation, CodeAmbiguous},
	}, func(_ context.Context, h *house, in *refIn) (*answer[Conversation], error) {
		c, err := h.Conversation(in.Ref)
		return inBody(conversationOf(c), err)
	})
	s.addChange("accept", "acceptConversation", "Join a conversation that the account is invited to", Backend.AcceptConversation)
	s.addChange("leave", "leaveConversation", "Leave a conversation, or decline an invitation", Backend.LeaveConversation)
	s.addChange("renew", "renewConversation", "Begin a new conversation with the same members; the answer is that one", Backend.RenewConversation)
	s.routeMembers()
	s.routeMessages()
}

// addChange registers what needs no more than to know which conversation.
func (s *Server) addChange(verb, id, summary string, do func(Backend, context.Context, string) (node.Conversation, error)) {
	add(s, route{
		method: http.MethodPost, path: "/v1/conversations/{ref}/" + verb, id: id, tag: tagConversations, summary: summary,
		codes: []Code{CodeNotAllowed, CodeUnknownConversation, CodeAmbiguous},
	}, func(ctx context.Context, h *house, in *refIn) (*answer[Conversation], error) {
		c, err := do(h, ctx, in.Ref)
		return inBody(conversationOf(c), err)
	})
}

func (s *Server) routeMembers() {
	add(s, route{
		method: http.MethodPost, path: "/v1/conversations/{ref}/members", id: "changeMember", tag: tagConversations,
		summary: "Invite, remove, ban, unban, promote or demote an account", example: MemberChange{Action: conversation.Invite, Who: "bob"},
		codes: []Code{CodeBadAccount, CodeNotAllowed, CodeUnknownConversation, CodeUnknownContact, CodeUnknownEntry, CodeAmbiguous, CodeNotAccepted},
	}, changeMember)
	add(s, route{
		method: http.MethodPost, path: "/v1/conversations/{ref}/allow", id: "allowMore", tag: tagConversations,
		summary: "Let a member who was paused fill this device's quotas once more", example: Allowance{"bob"},
		codes: []Code{CodeBadAccount, CodeUnknownConversation, CodeUnknownContact, CodeAmbiguous},
	}, func(_ context.Context, h *house, in *allowIn) (*answer[Conversation], error) {
		c, err := h.AllowMore(in.Ref, in.Body.Who)
		return inBody(conversationOf(c), err)
	})
	add(s, route{
		method: http.MethodPost, path: "/v1/conversations/{ref}/check", id: "checkConversation", tag: tagConversations,
		summary: "Check that a conversation is as it should be", example: NewCheck{true},
		codes: []Code{CodeUnknownConversation, CodeAmbiguous},
	}, func(ctx context.Context, h *house, in *checkIn) (*answer[Check], error) {
		findings, err := h.CheckConversation(ctx, in.Ref, orZero(in.Body).Rebuild)
		return inBody(Check{append([]string{}, findings...)}, err)
	})
}

func (s *Server) routeMessages() {
	const messages = "/v1/conversations/{ref}/messages"
	add(s, route{
		method: http.MethodGet, path: messages, id: "listMessages", tag: tagConversations, summary: "A page of messages, oldest first",
		description: "It may have fewer than were asked for also where there are more before it; an empty page is before the first message.",
		codes:       []Code{CodeUnknownConversation, CodeUnknownEntry, CodeAmbiguous},
	}, listMessages)
	add(s, route{
		method: http.MethodPost, path: messages, id: "sendMessage", tag: tagConversations, summary: "Write a message",
		status: http.StatusCreated, example: Text{"hello"},
		codes: []Code{CodeBadText, CodeNotAllowed, CodeUnknownConversation, CodeAmbiguous, CodeNotAccepted, CodeTooLong},
	}, func(ctx context.Context, h *house, in *postIn) (*answer[Message], error) {
		m, err := h.SendMessage(ctx, in.Ref, in.Body.Text)
		return inBody(messageOf(m), err)
	})
	add(s, route{
		method: http.MethodPut, path: messages + "/{entry}", id: "editMessage", tag: tagConversations, summary: "Edit an own message",
		example: Text{"hello!"}, codes: []Code{CodeBadText, CodeNotAllowed, CodeUnknownConversation, CodeUnknownEntry, CodeAmbiguous, CodeTooLong},
	}, func(ctx context.Context, h *house, in *editIn) (*answer[Message], error) {
		m, err := h.EditMessage(ctx, in.Ref, in.Entry, in.Body.Text)
		return inBody(messageOf(m), err)
	})
	add(s, route{
		method: http.MethodDelete, path: messages + "/{entry}", id: "deleteMessage", tag: tagConversations, summary: "Take an own message or file back",
		codes: []Code{CodeNotAllowed, CodeUnknownConversation, CodeUnknownEntry, CodeAmbiguous},
	}, func(ctx context.Context, h *house, in *entryIn) (*answer[Message], error) {
		m, err := h.DeleteMessage(ctx, in.Ref, in.Entry)
		return inBody(messageOf(m), err)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/conversations/{ref}/export", id: "exportConversation", tag: tagConversations,
		summary: "All entries, a JSON object a line", description: "What fails in the middle breaks the connection off, so that nobody takes a part for the whole.",
		content: exportType, codes: []Code{CodeUnknownConversation, CodeAmbiguous},
	}, s.export)
}

type (
	refIn struct {
		Ref string `path:"ref"`
	}
	entryIn struct {
		Ref   string `path:"ref"`
		Entry string `path:"entry"`
	}
	createIn struct{ Body NewConversation }
	memberIn struct {
		Ref  string `path:"ref"`
		Body MemberChange
	}
	allowIn struct {
		Ref  string `path:"ref"`
		Body Allowance
	}
	checkIn struct {
		Ref  string `path:"ref"`
		Body *NewCheck
	}
	postIn struct {
		Ref  string `path:"ref"`
		Body Text
	}
	editIn struct {
		Ref   string `path:"ref"`
		Entry string `path:"entry"`
		Body  Text
	}
	messagesIn struct {
		Ref    string `path:"ref"`
		Before string `query:"before" pattern:"^[0-9a-f]{64}$" patternDescription:"an id of 64 hex digits"`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
		All    bool   `query:"all"`
	}
)

func changeMember(ctx context.Context, h *house, in *memberIn) (*answer[Conversation], error) {
	if in.Body.Before != "" && in.Body.Action != conversation.Ban {
		return nil, problem(CodeInvalid, "before is only for a ban")
	}
	c, err := h.ChangeMember(ctx, in.Ref, in.Body.Action, in.Body.Who, in.Body.Before)
	return inBody(conversationOf(c), err)
}

func listMessages(_ context.Context, h *house, in *messagesIn) (*answer[[]Message], error) {
	page := node.Page{Limit: in.Limit, All: in.All}
	if in.Before != "" {
		var err error
		if page.Before, err = conversation.ParseID(in.Before); err != nil {
			return nil, problem(CodeInvalid, "before: "+err.Error())
		}
	}
	messages, err := h.Messages(in.Ref, page)
	return inBody(pageOf(messages), err)
}
