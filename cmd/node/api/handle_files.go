package api

import (
	"context"
	"net/http"
)

func (s *Server) routeFiles() {
	add(s, route{
		method: http.MethodGet, path: "/v1/files", id: "listFiles", tag: tagFiles, summary: "Files of conversations that lie here, newest last",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]HeldFile], error) {
		all, err := h.Files()
		return inBody(each(all, heldOf), err)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/files/missed", id: "listMissed", tag: tagFiles, summary: "Files of conversations that this device has missed, oldest first",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Message], error) {
		all, err := h.Missed()
		return inBody(pageOf(all), err)
	})
	add(s, route{
		method: http.MethodPost, path: "/v1/files", id: "getFile", tag: tagFiles, summary: "Ask a conversation's members for one of its files",
		description: "It returns once that has begun; it goes on until the file is here or the transfer is cancelled.",
		status:      http.StatusCreated, example: NewGet{Conversation: "holiday", File: "film.mkv"},
		codes: []Code{CodeBadChoice, CodeNotAllowed, CodeUnknownConversation, CodeUnknownEntry, CodeAmbiguous, CodeWithdrawn, CodeBadFile, CodeNotAFile, CodeNoSpace},
	}, func(ctx context.Context, h *house, in *getIn) (*answer[Transfer], error) {
		t, err := h.GetFile(ctx, in.Body.Conversation, in.Body.File, in.Body.Path)
		return inBody(transferOf(t), err)
	})
}

type getIn struct{ Body NewGet }
