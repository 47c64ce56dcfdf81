package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/passeur-p2p/passeur/node"
)

func (s *Server) routePeople() {
	add(s, route{
		method: http.MethodGet, path: "/v1/devices", id: "listDevices", tag: tagDevices, summary: "The account's devices, this one first",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Device], error) {
		return inBody(each(h.Devices(), deviceOf), nil)
	})
	add(s, route{
		method: http.MethodDelete, path: "/v1/devices/{who}", id: "revokeDevice", tag: tagDevices, summary: "Revoke a device, for ever",
		codes: []Code{CodeNotKeeper, CodeUnknownDevice, CodeThisDevice, CodeAmbiguous},
	}, func(ctx context.Context, h *house, in *whoIn) (*answer[Device], error) {
		d, err := h.RevokeDevice(ctx, in.Who)
		return inBody(deviceOf(d), err)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/pairings", id: "listPairings", tag: tagPairings, summary: "Pairings since the node started, newest last",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Pairing], error) {
		return inBody(each(h.Pairings(), pairingOf), nil)
	})
	add(s, route{
		method: http.MethodPost, path: "/v1/pairings", id: "pair", tag: tagPairings, summary: "Show a one-time code, or enter one",
		description: "It returns at once; the events tell how it goes on.",
		status:      http.StatusCreated, example: NewPairing{Purpose: node.PairContact, Name: "bob"},
		codes: []Code{CodeBadCode, CodeWrongPurpose, CodeBadName, CodeNotKeeper, CodeRevoked, CodeNameTaken, CodeManyDevices, CodeHasState,
			CodeOwnCode, CodeBurnt, CodeBusy, CodeTooMany, CodeOffline},
	}, pair)
	add(s, route{
		method: http.MethodPost, path: "/v1/receive", id: "receive", tag: tagPairings, summary: "Fetch what somebody sends by a one-shot code",
		description: `It returns at once; the events tell how the pairing goes on, and then the transfer whose id it has.`,
		status:      http.StatusCreated, example: NewReceive{Code: "482-acorn-breeze-cable", Path: "/home/bob/Downloads/"},
		codes: []Code{CodeBadCode, CodeWrongPurpose, CodeOwnCode, CodeBurnt, CodeBusy, CodeBadFile, CodeTooMany, CodeOffline},
	}, func(ctx context.Context, h *house, in *receiveIn) (*answer[Pairing], error) {
		p, err := h.ReceiveByCode(ctx, in.Body.Code, in.Body.Path)
		return inBody(pairingOf(p), err)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/pairings/{id}", id: "getPairing", tag: tagPairings, summary: "One pairing",
		codes: []Code{CodeUnknownPairing},
	}, getPairing)
	add(s, route{
		method: http.MethodPost, path: "/v1/pairings/{id}/cancel", id: "cancelPairing", tag: tagPairings, summary: "End a pairing; its code is burnt",
		codes: []Code{CodeUnknownPairing, CodeEnded},
	}, func(_ context.Context, h *house, in *idIn) (*answer[Pairing], error) {
		p, err := h.CancelPairing(in.ID)
		return inBody(pairingOf(p), err)
	})
}

type idIn struct {
	ID string `path:"id"`
}

type receiveIn struct{ Body NewReceive }

type pairIn struct{ Body NewPairing }

func pair(ctx context.Context, h *house, in *pairIn) (*answer[Pairing], error) {
	p, err := startPairing(ctx, h, in.Body)
	return inBody(pairingOf(p), err)
}

func startPairing(ctx context.Context, b Backend, in NewPairing) (node.Pairing, error) {
	show := in.Code == ""
	switch {
	case in.Purpose == node.PairLink && in.Name != "", in.Keeper && (in.Purpose != node.PairLink || !show):
		return node.Pairing{}, problem(CodeInvalid, "name is for contacts, keeper for a link code that is shown here")
	case in.Purpose == node.PairLink && show:
		return b.ShowLinkCode(ctx, in.Keeper)
	case in.Purpose == node.PairLink:
		return b.JoinAccount(ctx, in.Code)
	case show:
		return b.ShowContactCode(ctx, in.Name)
	}
	return b.EnterContactCode(ctx, in.Code, in.Name)
}

func getPairing(_ context.Context, h *house, in *idIn) (*answer[Pairing], error) {
	for _, p := range h.Pairings() {
		if p.ID == in.ID {
			return inBody(pairingOf(p), nil)
		}
	}
	return nil, fmt.Errorf("%w: %q", node.ErrUnknownPairing, in.ID)
}
