package api

import (
	"context"
	"net/http"
)

// Levels asks how much is logged: "info,icetcp=debug".
func (c *Client) Levels(ctx context.Context) (string, error) {
	var out LogLevels
	err := c.ask(ctx, http.MethodGet, "/v1/log", nil, &out)
	return out.Levels, err
}

// SetLevels changes how much is logged, until the node stops, and gives what holds then.
func (c *Client) SetLevels(ctx context.Context, levels string) (string, error) {
	var out LogLevels
	err := c.ask(ctx, http.MethodPut, "/v1/log", LogLevels{levels}, &out)
	return out.Levels, err
}

// Reload has the node read its config file again.
func (c *Client) Reload(ctx context.Context) (out Reloaded, err error) {
	return out, c.ask(ctx, http.MethodPost, "/v1/reload", nil, &out)
}

// Rules asks for the rules that decide about offers.
func (c *Client) Rules(ctx context.Context) (out Rules, err error) {
	return out, c.ask(ctx, http.MethodGet, "/v1/rules", nil, &out)
}

// Dashboard gives the address of the dashboard, which lets in whoever has it.
func (c *Client) Dashboard(ctx context.Context) (string, error) {
	var out Dashboard
	err := c.ask(ctx, http.MethodPost, "/v1/dashboard", nil, &out)
	return out.URL, err
}
