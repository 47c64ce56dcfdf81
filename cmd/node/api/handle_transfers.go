package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/passeur-p2p/passeur/node"
)

func (s *Server) routeTransfers() {
	add(s, route{
		method: http.MethodGet, path: "/v1/transfers", id: "listTransfers", tag: tagTransfers, summary: "All transfers, newest last",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Transfer], error) {
		return inBody(each(h.Transfers(), transferOf), nil)
	})
	s.routeSend()
	add(s, route{
		method: http.MethodGet, path: "/v1/transfers/{id}", id: "getTransfer", tag: tagTransfers, summary: "One transfer",
		codes: []Code{CodeUnknownTransfer},
	}, func(_ context.Context, h *house, in *idIn) (*answer[Transfer], error) {
		t, err := transferWith(h, in.ID)
		return inBody(transferOf(t), err)
	})
	add(s, route{
		method: http.MethodPost, path: "/v1/transfers/{id}/accept", id: "acceptTransfer", tag: tagTransfers, summary: "Accept what is offered, or a part of a folder",
		example: Target{Path: "/home/alice/Downloads/"}, codes: []Code{CodeBadChoice, CodeUnknownTransfer, CodeNotWaiting, CodeBadFile, CodeNoSpace},
	}, acceptTransfer)
	add(s, route{
		method: http.MethodPut, path: "/v1/transfers/{id}/limit", id: "limitTransfer", tag: tagTransfers, summary: "Bound how many bytes a second a transfer takes",
		description: `It counts at once, for all devices that the file goes to or comes from together, until the transfer ends or the
node stops. The limits of the node and of the contact stay.`,
		example: TransferLimit{1 << 20}, codes: []Code{CodeBadLimit, CodeUnknownTransfer, CodeEnded},
	}, func(ctx context.Context, h *house, in *transferLimitIn) (*answer[Transfer], error) {
		t, err := h.LimitTransfer(ctx, in.ID, in.Body.Rate)
		return inBody(transferOf(t), err)
	})
	s.addEnd("refuse", "refuseTransfer", "Refuse what is offered", CodeNotWaiting, Backend.Refuse)
	s.addEnd("cancel", "cancelTransfer", "Stop a transfer, and forget a file that is asked for", CodeEnded, Backend.Cancel)
}

// transferWith finds a transfer.
func transferWith(b Backend, id string) (node.Transfer, error) {
	t, found := b.Transfer(id)
	if !found {
		return t, fmt.Errorf("%w: %q", node.ErrUnknownTransfer, id)
	}
	return t, nil
}

// addEnd registers what ends a transfer.
func (s *Server) addEnd(verb, id, summary string, late Code, do func(Backend, context.Context, string) (node.Transfer, error)) {
	add(s, route{
		method: http.MethodPost, path: "/v1/transfers/{id}/" + verb, id: id, tag: tagTransfers, summary: summary,
		codes: []Code{CodeUnknownTransfer, late},
	}, func(ctx context.Context, h *house, in *idIn) (*answer[Transfer], error) {
		t, err := do(h, ctx, in.ID)
		return inBody(transferOf(t), err)
	})
}

type acceptIn struct {
	ID   string `path:"id"`
	Body *Target
}

type transferLimitIn struct {
	ID   string `path:"id"`
	Body TransferLimit
}

func acceptTransfer(ctx context.Context, h *house, in *acceptIn) (*answer[Transfer], error) {
	target := orZero(in.Body)
	t, err := h.Accept(ctx, in.ID, target.Path, target.Only...)
	return inBody(transferOf(t), err)
}
