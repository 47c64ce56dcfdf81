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
		description: `It returns once that is queued, or once the code is known; the events tell how it goes on.

What goes is given by paths on the node's machine or by uploads. Whom it goes to is a contact, the members of a
conversation, or whoever enters the code that the answer has. With an Idempotency-Key it is safe to ask again when no
answer came.`,
		status: http.StatusCreated, example: NewTransfer{File: "/home/alice/film.mkv", Contact: "bob"},
		codes: []Code{CodeBadAccount, CodeBadLifetime, CodeNotAllowed, CodeUnknownContact, CodeUnknownConversation, CodeUnknownUpload, CodeNotAccepted, CodeAmbiguous, CodeIdempotency, CodeBadFile, CodeTooMany, CodeOffline},
	}, s.send)
}

type sendIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body NewTransfer
}

func (s *Server) send(ctx context.Context, h *house, in *sendIn) (*answer[Sent], error) {
	if in.Key == "" {
		return inBody(s.sendNew(ctx, h, in.Body))
	}
	ctx = context.WithoutCancel(ctx) // who asks again wants to hear how the first time went
	return inBody(s.sends.once(in.Key, in.Body, func() (Sent, error) { return s.sendNew(ctx, h, in.Body) }))
}

// sendNew begins a transfer.
func (s *Server) sendNew(ctx context.Context, b Backend, in NewTransfer) (Sent, error) {
	lifetime, err := in.check()
	if err != nil {
		return Sent{}, err
	}
	paths, settle, err := s.pathsOf(in)
	if err != nil {
		return Sent{}, err
	}
	sent, err := sendPaths(ctx, b, paths, in, lifetime)
	settle(err)
	return sent, err
}

// pathsOf finds what is to be sent; settle is to be told what became of it.
func (s *Server) pathsOf(in NewTransfer) (paths []string, settle func(error), err error) {
	if len(in.Uploads) == 0 {
		if in.File != "" {
			paths = append(paths, in.File)
		}
		return append(paths, in.Files...), func(error) {}, nil
	}
	if s.uploads == nil {
		return nil, nil, problem(CodeUnknownUpload, "this node takes no uploads")
	}
	return s.uploads.claim(in.Uploads)
}

func sendPaths(ctx context.Context, b Backend, paths []string, in NewTransfer, lifetime time.Duration) (Sent, error) {
	if !in.Code {
		t, err := b.SendFiles(ctx, paths, in.Contact)
		return Sent{Transfer: transferOf(t)}, err
	}
	t, p, err := b.SendByCode(ctx, paths, node.OneShot{Lifetime: lifetime})
	return Sent{transferOf(t), pointer(&p, pairingOf)}, err
}

// check refuses what contradicts itself, and reads how long a code can be entered; 0 is
// the node's choice.
func (in NewTransfer) check() (time.Duration, error) {
	switch {
	case len(in.Uploads) > 0 && (in.File != "" || len(in.Files) > 0):
		return 0, problem(CodeInvalid, "send either uploads or what lies on the node's machine (file, files), not both at once")
	case in.Code && in.Contact != "":
		return 0, problem(CodeInvalid, "a code is for somebody who is no contact: leave out contact, or code")
	case in.Lifetime == "":
		return 0, nil
	}
	d, err := time.ParseDuration(in.Lifetime)
	if err != nil || d <= 0 || d > maxLifetime {
		return 0, problem(CodeBadLifetime, "lifetime is "+in.Lifetime+"; write for instance 90s, 10m or 2h, at most 24h")
	}
	return d, nil
}
