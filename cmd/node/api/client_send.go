package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Begin offers what in says. It returns once that is queued, or the code is known.
func (c *Client) Begin(ctx context.Context, in NewTransfer) (out Sent, err error) {
	return out, c.ask(ctx, http.MethodPost, "/v1/transfers", in, &out)
}

// Receive enters a one-shot code. Events tell the rest.
func (c *Client) Receive(ctx context.Context, in NewReceive) (p Pairing, err error) {
	return p, c.ask(ctx, http.MethodPost, "/v1/receive", in, &p)
}

// Upload hands bytes over to the node, under a file's name, and gives the id by which
// NewTransfer takes them. It reads r to its end.
func (c *Client) Upload(ctx context.Context, name string, r io.Reader) (id string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://passeur/v1/uploads/"+segment(name), io.NopCloser(r))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	answer, err := c.answer(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var out struct{ ID string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&out); err != nil {
		return "", fmt.Errorf("read the node's answer to an upload: %w", err)
	}
	return out.ID, nil
}

// Content gives the bytes of a transfer's file that lies on the node's device, all of
// them verified. The caller closes it.
func (c *Client) Content(ctx context.Context, id string) (io.ReadCloser, error) {
	answer, err := c.do(ctx, http.MethodGet, "/v1/transfers/"+segment(id)+"/content", nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}
