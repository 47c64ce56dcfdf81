package api

import (
	"context"
	"net/http"

	"github.com/passeur-p2p/passeur/node"
)

// Limit is how many bytes a second the files may take that go to a contact and come
// from one, or to and from everybody; 0 is no limit.
type Limit struct {
	// Contact is the local alias, Account the account; both are "" for everybody.
	Contact string `json:"contact"`
	Account string `json:"account"`
	Up      int64  `json:"up"`
	Down    int64  `json:"down"`
}

// NewLimit changes limits, of the contact (alias or account) or of the whole node
// (""). Null leaves a direction as it is.
type NewLimit struct {
	Contact string `json:"contact"`
	Up      *int64 `json:"up"`
	Down    *int64 `json:"down"`
}

func limitOf(l node.Limit) Limit {
	out := Limit{Contact: l.Contact, Up: l.Up, Down: l.Down}
	if !l.Account.IsZero() {
		out.Account = l.Account.String()
	}
	return out
}

func (h *handler) routeLimits(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/limits", h.json(h.limits))
	mux.HandleFunc("PATCH /v1/limits", h.json(h.setLimit))
}

func (h *handler) limits(*http.Request) (int, any, error) {
	return http.StatusOK, each(h.b.Limits(), limitOf), nil
}

func (h *handler) setLimit(r *http.Request) (int, any, error) {
	var in NewLimit
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	l, err := h.b.SetLimits(r.Context(), in.Contact, in.Up, in.Down)
	return http.StatusOK, limitOf(l), err
}

// Limits asks for the limits: the node's first, then those of contacts by name.
func (c *Client) Limits(ctx context.Context) (all []Limit, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/limits", nil, &all)
}

// SetLimit changes limits and gives them as they are then.
func (c *Client) SetLimit(ctx context.Context, in NewLimit) (out Limit, err error) {
	return out, c.ask(ctx, http.MethodPatch, "/v1/limits", in, &out)
}
