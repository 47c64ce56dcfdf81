package api

import (
	"context"
	"io"
	"net/http"
)

// SendNew offers what in says. With a key it is safe to ask again when no answer came: the
// same key with the same request is answered alike and sends nothing more.
func (c *Client) SendNew(ctx context.Context, in NewTransfer, key string) (out Sent, err error) {
	return out, c.askWith(ctx, http.MethodPost, "/v1/transfers", in, &out, "Idempotency-Key", key)
}

// Receive fetches what somebody sends by a one-shot code. It returns at once; events tell
// the rest.
func (c *Client) Receive(ctx context.Context, in NewReceive) (p Pairing, err error) {
	return p, c.ask(ctx, http.MethodPost, "/v1/receive", in, &p)
}

// Upload hands a file to the node, for SendNew to send by its id.
func (c *Client) Upload(ctx context.Context, name string, body io.Reader) (up Upload, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://passeur/v1/uploads/"+segment(name), body)
	if err != nil {
		return up, err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	answer, err := c.send(r)
	if err != nil {
		return up, err
	}
	return up, readAnswer(answer, &up)
}

// Content gives the bytes of a file that has arrived; the caller closes them.
func (c *Client) Content(ctx context.Context, id string) (io.ReadCloser, error) {
	answer, err := c.do(ctx, http.MethodGet, "/v1/transfers/"+segment(id)+"/content", nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// Ticket gets a one-time address for a browser's download of a path.
func (c *Client) Ticket(ctx context.Context, path string) (t Ticket, err error) {
	return t, c.ask(ctx, http.MethodPost, "/v1/tickets", NewTicket{path}, &t)
}

// Rules asks for the rules that decide about offers.
func (c *Client) Rules(ctx context.Context) (r Rules, err error) {
	return r, c.ask(ctx, http.MethodGet, "/v1/rules", nil, &r)
}

// LogLevels asks for the levels of the node's log.
func (c *Client) LogLevels(ctx context.Context) (l LogLevels, err error) {
	return l, c.ask(ctx, http.MethodGet, "/v1/log", nil, &l)
}

// SetLogLevels changes the levels of the node's log, as "info,icetcp=debug".
func (c *Client) SetLogLevels(ctx context.Context, levels string) (l LogLevels, err error) {
	return l, c.ask(ctx, http.MethodPut, "/v1/log", LogLevels{levels}, &l)
}

// Reload has the node read its configuration again.
func (c *Client) Reload(ctx context.Context) (r Reloaded, err error) {
	return r, c.ask(ctx, http.MethodPost, "/v1/reload", nil, &r)
}

// Dashboard asks where the dashboard is; the address has a secret in it.
func (c *Client) Dashboard(ctx context.Context) (d Dashboard, err error) {
	return d, c.ask(ctx, http.MethodPost, "/v1/dashboard", nil, &d)
}
