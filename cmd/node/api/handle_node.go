package api

import (
	"context"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// none is an operation without parameters.
type none struct{}

func (s *Server) routeNode() {
	add(s, route{
		method: http.MethodGet, path: "/v1/node", id: "getNode", tag: tagNode, summary: "Who the node is",
	}, func(_ context.Context, h *house, _ *none) (*answer[Node], error) {
		return inBody(NodeOf(h.Identity()), nil)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/doctor", id: "getDoctor", tag: tagNode, summary: "How the node stands in the network",
		description: "It asks everything that connections depend on, which takes some seconds.",
	}, func(ctx context.Context, h *house, _ *none) (*answer[Checkup], error) {
		return inBody(checkupOf(h.Doctor(ctx)), nil)
	})
	add(s, route{
		method: http.MethodGet, path: "/v1/path", id: "getPath", tag: tagNode, summary: "How a contact is reached, and why",
		codes: []Code{CodeUnknownContact, CodeBadAccount},
	}, explain)
	document := sync.OnceValue(s.document)
	addPlain(s, route{
		method: http.MethodGet, path: "/v1/openapi.yaml", id: "getDocument", tag: tagNode, summary: "This document", content: "application/yaml",
	}, func(context.Context, *none) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("Content-Type", "application/yaml")
			c.BodyWriter().Write(document())
		}}, nil
	})
}

// document is what GET /v1/openapi.yaml gives.
func (s *Server) document() []byte {
	text, err := s.api.OpenAPI().YAML()
	if err != nil {
		panic("the document is no YAML: " + err.Error()) // a test makes it
	}
	return inReadingOrder(text)
}

type pathIn struct {
	Contact string `query:"contact" required:"true"`
}

func explain(ctx context.Context, h *house, in *pathIn) (*answer[Explanation], error) {
	c, err := contactNamed(h, in.Contact)
	if err != nil {
		return nil, err
	}
	devices, err := h.Explain(ctx, c.Account.String())
	return inBody(explanationOf(c, devices), err)
}
