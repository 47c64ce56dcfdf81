package api

import (
	"context"
	"log/slog"
	"net/http"
)

// Options are what a [Server] has besides its node. The zero value works: what is
// missing is answered by the problem "unavailable".
type Options struct {
	// Logger receives what an operator may want to read; nil discards it.
	Logger *slog.Logger
	// Home is the folder of the node's state: uploads go to "sent" in it, the token
	// for TCP to "api.token". Without one there are no uploads and no TCP.
	Home string
	// Levels are those of the log, which GET and PUT /v1/log show and change.
	Levels Levels
	// Reload reads the configuration again, for POST /v1/reload.
	Reload func(context.Context) (Reloaded, error)
	// Ready gives nil when the node can do its work, else what it waits for. Nil: it is
	// ready when there is one.
	Ready func() error
	// Metrics answers GET /metrics.
	Metrics http.Handler
	// Page is the dashboard: GET / and its files.
	Page http.Handler
}

// Levels are the levels of the log, as text like "info,icetcp=debug".
type Levels interface {
	// Set changes them; an error says what of the text is wrong.
	Set(string) error
	String() string
}

// Reloaded is what became of a configuration that was read again.
type Reloaded struct {
	// Restart are keys whose new value counts when the node starts again.
	Restart []string `json:"restart"`
}

// Certificate are the PEM files with which a listener speaks TLS. The zero value is
// none: then it may only listen on loopback.
type Certificate struct {
	Cert string
	Key  string
}
