package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

func (h *handler) routeConversations(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/conversations", h.json(h.conversations))
	mux.HandleFunc("POST /v1/conversations", h.json(h.createConversation))
	mux.HandleFunc("GET /v1/conversations/{ref}", h.json(h.conversation))
	mux.HandleFunc("POST /v1/conversations/{ref}/accept", h.json(h.change(Backend.AcceptConversation)))
	mux.HandleFunc("POST /v1/conversations/{ref}/leave", h.json(h.change(Backend.LeaveConversation)))
	mux.HandleFunc("POST /v1/conversations/{ref}/renew", h.json(h.change(Backend.RenewConversation)))
	mux.HandleFunc("POST /v1/conversations/{ref}/members", h.json(h.changeMember))
	mux.HandleFunc("POST /v1/conversations/{ref}/allow", h.json(h.allowMore))
	mux.HandleFunc("POST /v1/conversations/{ref}/check", h.json(h.checkConversation))
	mux.HandleFunc("GET /v1/conversations/{ref}/messages", h.json(h.messages))
	mux.HandleFunc("POST /v1/conversations/{ref}/messages", h.json(h.post))
	mux.HandleFunc("PUT /v1/conversations/{ref}/messages/{entry}", h.json(h.edit))
	mux.HandleFunc("DELETE /v1/conversations/{ref}/messages/{entry}", h.json(h.deleteMessage))
	mux.HandleFunc("GET /v1/conversations/{ref}/export", h.export)
}

func (h *handler) conversations(*http.Request) (int, any, error) {
	all, err := h.b.Conversations()
	return http.StatusOK, each(all, conversationOf), err
}

func (h *handler) createConversation(r *http.Request) (int, any, error) {
	var in NewConversation
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	c, err := h.b.CreateConversation(r.Context(), in.Name, in.Contacts)
	return http.StatusCreated, conversationOf(c), err
}

func (h *handler) conversation(r *http.Request) (int, any, error) {
	c, err := h.b.Conversation(r.PathValue("ref"))
	return http.StatusOK, conversationOf(c), err
}

// change answers what needs no more than to know which conversation.
func (h *handler) change(do func(Backend, context.Context, string) (node.Conversation, error)) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		c, err := do(h.b, r.Context(), r.PathValue("ref"))
		return http.StatusOK, conversationOf(c), err
	}
}

func (h *handler) allowMore(r *http.Request) (int, any, error) {
	var in Allowance
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	c, err := h.b.AllowMore(r.PathValue("ref"), in.Who)
	return http.StatusOK, conversationOf(c), err
}

func (h *handler) checkConversation(r *http.Request) (int, any, error) {
	var in NewCheck
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	findings, err := h.b.CheckConversation(r.Context(), r.PathValue("ref"), in.Rebuild)
	return http.StatusOK, Check{append([]string{}, findings...)}, err
}

func (h *handler) changeMember(r *http.Request) (int, any, error) {
	var in MemberChange
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	switch in.Action {
	case conversation.Invite, conversation.Remove, conversation.Ban, conversation.Unban, conversation.Promote, conversation.Demote:
	default:
		return 0, nil, problem(http.StatusBadRequest, CodeInvalid,
			fmt.Sprintf("action is %q; it must be invite, remove, ban, unban, promote or demote", in.Action))
	}
	if in.Before != "" && in.Action != conversation.Ban {
		return 0, nil, problem(http.StatusBadRequest, CodeInvalid, "before is only for a ban")
	}
	c, err := h.b.ChangeMember(r.Context(), r.PathValue("ref"), in.Action, in.Who, in.Before)
	return http.StatusOK, conversationOf(c), err
}

func (h *handler) messages(r *http.Request) (int, any, error) {
	page, err := pageAsked(r.URL.Query())
	if err != nil {
		return 0, nil, problem(http.StatusBadRequest, CodeInvalid, err.Error())
	}
	messages, err := h.b.Messages(r.PathValue("ref"), page)
	return http.StatusOK, pageOf(messages), err
}

func pageAsked(q url.Values) (p node.Page, err error) {
	p.Limit = defaultPage
	if text := q.Get("limit"); text != "" {
		if p.Limit, err = strconv.Atoi(text); err != nil || p.Limit < 1 || p.Limit > MaxPage {
			return p, fmt.Errorf("limit is %q; it must be a number from 1 to %d", text, MaxPage)
		}
	}
	if text := q.Get("all"); text != "" {
		if p.All, err = strconv.ParseBool(text); err != nil {
			return p, fmt.Errorf("all is %q; it must be true or false", text)
		}
	}
	if text := q.Get("before"); text != "" {
		if p.Before, err = conversation.ParseID(text); err != nil {
			return p, fmt.Errorf("before: %w", err)
		}
	}
	return p, nil
}

func (h *handler) post(r *http.Request) (int, any, error) {
	var in Text
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	m, err := h.b.SendMessage(r.Context(), r.PathValue("ref"), in.Text)
	return http.StatusCreated, messageOf(m), err
}

func (h *handler) edit(r *http.Request) (int, any, error) {
	var in Text
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	m, err := h.b.EditMessage(r.Context(), r.PathValue("ref"), r.PathValue("entry"), in.Text)
	return http.StatusOK, messageOf(m), err
}

func (h *handler) deleteMessage(r *http.Request) (int, any, error) {
	m, err := h.b.DeleteMessage(r.Context(), r.PathValue("ref"), r.PathValue("entry"))
	return http.StatusOK, messageOf(m), err
}
