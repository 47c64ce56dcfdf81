package api

import "net/http"

func (h *handler) routeFiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/files", h.json(h.files))
	mux.HandleFunc("POST /v1/files", h.json(h.getFile))
	mux.HandleFunc("GET /v1/files/missed", h.json(h.missed))
}

func (h *handler) files(*http.Request) (int, any, error) {
	all, err := h.b.Files()
	return http.StatusOK, each(all, heldOf), err
}

func (h *handler) missed(*http.Request) (int, any, error) {
	all, err := h.b.Missed()
	return http.StatusOK, pageOf(all), err
}

func (h *handler) getFile(r *http.Request) (int, any, error) {
	var in NewGet
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	t, err := h.b.GetFile(r.Context(), in.Conversation, in.File, in.Path)
	return http.StatusCreated, transferOf(t), err
}
