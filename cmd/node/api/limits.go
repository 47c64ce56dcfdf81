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
	// Up and Down are bytes per second; 0 is no limit.
	Up   int64 `json:"up"`
	Down int64 `json:"down"`
}

// NewLimit changes limits, of the contact (alias or account) or of the whole node
// (""). Null leaves a direction as it is.
type NewLimit struct {
	Contact string `json:"contact" required:"false"`
	// Up and Down are bytes per second; 0 is no limit, null leaves it as it is.
	Up   *int64 `json:"up" required:"false"`
	Down *int64 `json:"down" required:"false"`
}

func limitOf(l node.Limit) Limit {
	out := Limit{Contact: l.Contact, Up: l.Up, Down: l.Down}
	if !l.Account.IsZero() {
		out.Account = l.Account.String()
	}
	return out
}

func (s *Server) routeLimits() {
	add(s, route{
		method: http.MethodGet, path: "/v1/limits", id: "listLimits", tag: tagUpkeep, summary: "How fast files may cross: the node's, then contacts' by name",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Limit], error) {
		return inBody(each(h.Limits(), limitOf), nil)
	})
	add(s, route{
		method: http.MethodPatch, path: "/v1/limits", id: "setLimit", tag: tagUpkeep, summary: "Change a limit; the answer is as it is then",
		example: NewLimit{Contact: "bob", Up: new(int64(1 << 20))}, codes: []Code{CodeBadLimit, CodeBadAccount, CodeUnknownContact},
	}, func(ctx context.Context, h *house, in *limitIn) (*answer[Limit], error) {
		asked := orZero(in.Body)
		l, err := h.SetLimits(ctx, asked.Contact, asked.Up, asked.Down)
		return inBody(limitOf(l), err)
	})
}

type limitIn struct{ Body *NewLimit }

// Limits asks for the limits: the node's first, then those of contacts by name.
func (c *Client) Limits(ctx context.Context) (all []Limit, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/limits", nil, &all)
}

// SetLimit changes limits and gives them as they are then.
func (c *Client) SetLimit(ctx context.Context, in NewLimit) (out Limit, err error) {
	return out, c.ask(ctx, http.MethodPatch, "/v1/limits", in, &out)
}
