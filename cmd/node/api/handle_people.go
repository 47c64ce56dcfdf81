package api

import (
	"fmt"
	"net/http"

	"github.com/passeur-p2p/passeur/node"
)

func (h *handler) routePeople(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/devices", h.json(h.devices))
	mux.HandleFunc("DELETE /v1/devices/{who}", h.json(h.revokeDevice))
	mux.HandleFunc("GET /v1/pairings", h.json(h.pairings))
	mux.HandleFunc("POST /v1/pairings", h.json(h.pair))
	mux.HandleFunc("GET /v1/pairings/{id}", h.json(h.pairing))
	mux.HandleFunc("POST /v1/pairings/{id}/cancel", h.json(h.cancelPairing))
}

func (h *handler) devices(*http.Request) (int, any, error) {
	return http.StatusOK, each(h.b.Devices(), deviceOf), nil
}

func (h *handler) revokeDevice(r *http.Request) (int, any, error) {
	d, err := h.b.RevokeDevice(r.Context(), r.PathValue("who"))
	return http.StatusOK, deviceOf(d), err
}

func (h *handler) pairings(*http.Request) (int, any, error) {
	return http.StatusOK, each(h.b.Pairings(), pairingOf), nil
}

func (h *handler) pair(r *http.Request) (int, any, error) {
	var in NewPairing
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	p, err := h.startPairing(r, in)
	return http.StatusCreated, pairingOf(p), err
}

func (h *handler) startPairing(r *http.Request, in NewPairing) (node.Pairing, error) {
	ctx, show := r.Context(), in.Code == ""
	switch {
	case in.Purpose == node.PairLink && in.Name != "", in.Keeper && (in.Purpose != node.PairLink || !show):
		return node.Pairing{}, problem(http.StatusBadRequest, CodeInvalid,
			"name is for contacts, keeper for a link code that is shown here")
	case in.Purpose == node.PairLink && show:
		return h.b.ShowLinkCode(ctx, in.Keeper)
	case in.Purpose == node.PairLink:
		return h.b.JoinAccount(ctx, in.Code)
	case in.Purpose == node.PairContact && show:
		return h.b.ShowContactCode(ctx, in.Name)
	case in.Purpose == node.PairContact:
		return h.b.EnterContactCode(ctx, in.Code, in.Name)
	}
	return node.Pairing{}, problem(http.StatusBadRequest, CodeInvalid,
		fmt.Sprintf("purpose is %q; it must be link or contact", in.Purpose))
}

func (h *handler) pairing(r *http.Request) (int, any, error) {
	id := r.PathValue("id")
	for _, p := range h.b.Pairings() {
		if p.ID == id {
			return http.StatusOK, pairingOf(p), nil
		}
	}
	return 0, nil, fmt.Errorf("%w: %q", node.ErrUnknownPairing, id)
}

func (h *handler) cancelPairing(r *http.Request) (int, any, error) {
	p, err := h.b.CancelPairing(r.PathValue("id"))
	return http.StatusOK, pairingOf(p), err
}
