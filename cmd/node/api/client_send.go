package api

import (
	"context"
	"io"
	"net/http"
)

// Begin offers what in says. It returns once that is queued, or the code is known.
func (c *Client) Begin(ctx context.Context, in NewTransfer) (Sent, error) {
	return c.BeginOnce(ctx, in, "")
}

// BeginOnce is Begin that may be asked again when no answer came: the same key with the
// same request is answered alike, and sends nothing more.
func (c *Client) BeginOnce(ctx context.Context, in NewTransfer, key string) (out Sent, err error) {
	return out, c.askWith(ctx, http.MethodPost, "/v1/transfers", in, &out, "Idempotency-Key", key)
}

// Receive enters a one-shot code. Events tell the rest.
func (c *Client) Receive(ctx context.Context, in NewReceive) (p Pairing, err error) {
	return p, c.ask(ctx, http.MethodPost, "/v1/receive", in, &p)
}

// Upload hands bytes over to the node, under a file's name, and gives the id by which
// NewTransfer takes them. It reads r to its end.
func (c *Client) Upload(ctx context.Context, name string, r io.Reader) (id string, err error) {
	up, err := c.upload(ctx, name, r)
	return up.ID, err
}

func (c *Client) upload(ctx context.Context, name string, r io.Reader) (up Upload, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://passeur/v1/uploads/"+segment(name), io.NopCloser(r))
	if err != nil {
		return up, err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	answer, err := c.answer(request)
	if err != nil {
		return up, err
	}
	return up, readAnswer(answer, &up)
}

// Ticket gets a one-time address for a browser's download of a path.
func (c *Client) Ticket(ctx context.Context, path string) (t Ticket, err error) {
	return t, c.ask(ctx, http.MethodPost, "/v1/tickets", NewTicket{path}, &t)
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
