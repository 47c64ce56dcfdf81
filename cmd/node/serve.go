package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

// drain is how long commands that are being answered may take when the node stops.
const drain = 2 * time.Second

// running is what serve needs of a node.
type running interface {
	api.Backend
	Close() error
}

var _ running = (*node.Node)(nil)

// starter starts a node on the same home each time.
type starter func(context.Context) (running, error)

// serve answers commands until ctx ends. When the node has joined an account it is
// closed and another one started, while commands wait. A node is closed before the
// server, so that who watches a transfer still hears how it ended.
func (a *app) serve(ctx context.Context, logger *slog.Logger, start starter) error {
	n, err := start(ctx)
	if err != nil {
		return startError(ctx, err)
	}
	l, err := api.Listen(a.home)
	if err != nil {
		return errors.Join(err, n.Close())
	}
	server := api.NewServer(api.Options{Logger: logger, Home: a.home})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	for {
		again, err := a.use(ctx, n, server, served)
		if !again {
			logger.Info("stopping")
			return errors.Join(err, n.Close(), stopServer(server))
		}
		logger.Info("this device has joined an account: starting anew")
		server.Use(nil)
		if err := n.Close(); err != nil {
			return errors.Join(err, stopServer(server))
		}
		if n, err = start(ctx); err != nil {
			return errors.Join(startError(ctx, err), stopServer(server))
		}
	}
}

// use has n answer until it is to be closed; again: another one follows.
func (a *app) use(ctx context.Context, n running, server *api.Server, served <-chan error) (again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := n.Watch(ctx) // before anybody can ask for what it is to tell
	server.Use(n)
	if err := a.sayReady(n.Identity()); err != nil {
		return false, err
	}
	for {
		select {
		case e, open := <-events:
			if !open {
				events = nil // the node closes, or this was too slow
			} else if e.Pairing != nil && hasJoined(*e.Pairing) {
				return true, nil
			}
		case <-ctx.Done():
			return false, nil
		case err := <-served:
			return false, fmt.Errorf("serve commands: %w", err)
		}
	}
}

// hasJoined tells whether this device has become one of another account: it is the
// side of the link that entered the code.
func hasJoined(p node.Pairing) bool {
	return p.Purpose == node.PairLink && p.State == node.PairDone && p.Code+p.QR == ""
}

// startError gives nil where the user stopped the node while it started.
func startError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("start the node: %w", err)
}

func stopServer(server *api.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close() // the time is up: whoever still waits is cut off
	}
	return nil
}

func (a *app) sayReady(i node.Identity) error {
	who := api.NodeOf(i)
	if a.json {
		return show.JSON(a.stdout, readyEvent{"ready", who})
	}
	fmt.Fprintf(a.stdout, "the node is ready\n  home     %s\n", show.Text(a.home))
	return printNode(a.stdout, who)
}

// readyEvent is the line that run --json prints when the node is ready.
type readyEvent struct {
	Event string `json:"event"` // "ready"
	api.Node
}
