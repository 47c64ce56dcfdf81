package api

import (
	"context"
	"net/http"
)

// Files asks for the files of conversations that lie on the node's device, newest
// last.
func (c *Client) Files(ctx context.Context) (all []HeldFile, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/files", nil, &all)
}

// Missed asks for the file entries of conversations whose files the node's device
// has missed, oldest first; of very many the newest.
func (c *Client) Missed(ctx context.Context) (all []Message, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/files/missed", nil, &all)
}

// GetFile asks a conversation's members for one of its files. It returns once that
// has begun; it goes on until the file is here or the transfer is cancelled.
func (c *Client) GetFile(ctx context.Context, in NewGet) (t Transfer, err error) {
	return t, c.ask(ctx, http.MethodPost, "/v1/files", in, &t)
}
