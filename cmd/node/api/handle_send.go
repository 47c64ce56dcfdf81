package api

import (
	"context"
	"net/http"
	"time"

	"github.com/passeur-p2p/passeur/node"
)

// maxLifetime is how long a one-shot code can be entered at most.
const maxLifetime = 24 * time.Hour

func (s *Server) routeSend() {
	add(s, route{
		method: http.MethodPost, path: "/v1/transfers", id: "send", tag: tagTransfers, summary: "Offer files, or a folder",
		description: "It returns once that is queued, or once the code is known; the events tell how it goes on.",
		status:      http.StatusCreated, example: NewTransfer{File: "/home/alice/film.mkv", Contact: "bob"},
		codes: []Code{CodeBadAccount, CodeNotAllowed, CodeUnknownContact, CodeUnknownConversation, CodeNotAccepted, CodeAmbiguous, CodeBadFile, CodeTooMany, CodeOffline},
	}, s.send)
}

type sendIn struct {
	Body NewTransfer
}

func (s *Server) send(ctx context.Context, h *house, in *sendIn) (*answer[Sent], error) {
	sent, err := sendOnce(ctx, h, in.Body)
	return inBody(sent, err)
}

// sendOnce begins one transfer.
func sendOnce(ctx context.Context, b Backend, in NewTransfer) (Sent, error) {
	paths := in.Files
	if in.File != "" {
		paths = append([]string{in.File}, paths...)
	}
	if !in.Code {
		t, err := b.SendFiles(ctx, paths, in.Contact)
		return Sent{Transfer: transferOf(t)}, err
	}
	lifetime, err := in.lifetime()
	if err != nil {
		return Sent{}, err
	}
	t, p, err := b.SendByCode(ctx, paths, node.OneShot{Lifetime: lifetime})
	return Sent{transferOf(t), pointer(&p, pairingOf)}, err
}

// lifetime reads how long a code can be entered; 0 is the node's choice.
func (in NewTransfer) lifetime() (time.Duration, error) {
	if in.Contact != "" {
		return 0, problem(CodeInvalid, "a code is for somebody who is no contact: leave out contact, or code")
	}
	if in.Lifetime == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(in.Lifetime)
	if err != nil || d <= 0 || d > maxLifetime {
		return 0, problem(CodeInvalid, "lifetime is "+in.Lifetime+"; write for instance 90s, 10m or 2h, at most 24h")
	}
	return d, nil
}
