package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// errDraining is what commands hear that would begin something.
var errDraining = fmt.Errorf("%w: it finishes what runs and begins nothing", node.ErrClosed)

// draining answers for a node that is about to stop: nothing begins any more.
type draining struct{ api.Backend }

func (draining) SendFiles(context.Context, []string, string) (node.Transfer, error) {
	return node.Transfer{}, errDraining
}

func (draining) GetFile(context.Context, string, string, string) (node.Transfer, error) {
	return node.Transfer{}, errDraining
}

func (draining) Accept(context.Context, string, string, ...string) (node.Transfer, error) {
	return node.Transfer{}, errDraining
}

// finish lets the transfers that run go on for a while before the node is closed, and
// has nothing begin. A signal ends it at once. What is cut off then is resumed when
// the node runs again.
func (s *service) finish(n running) {
	defer s.attend(context.Background(), daemon.SdNotifyStopping)()
	ctx, cancel := context.WithTimeout(context.Background(), s.settings().drain.Duration)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	events := n.Watch(ctx) // before the look, so that no end is missed
	left := map[string]bool{}
	for _, t := range n.Transfers() {
		if moves(t) {
			left[t.ID] = true
		}
	}
	if len(left) == 0 || ctx.Err() != nil {
		return
	}
	s.log().Info("stopping when the transfers that run are done; a second signal stops at once", "transfers", len(left), "drain", s.settings().drain)
	s.server.Use(draining{n})
	c := s.nodeConfig()
	c.Accept, c.Rules = node.AcceptAsk, nil // whom nobody asks, nothing is taken for
	if _, err := n.Reload(ctx, c); err != nil {
		s.log().Warn("rules still take what is offered", "error", err)
	}
	for e := range events {
		if t := e.Transfer; t != nil && !moves(*t) {
			delete(left, t.ID)
		}
		if len(left) == 0 {
			return
		}
	}
	s.log().Warn("transfers are cut off; they go on when the node runs again", "transfers", len(left))
}

// moves tells whether bytes of a transfer cross.
func moves(t node.Transfer) bool {
	return !t.Ended && (t.State == filexfer.Ongoing ||
		slices.ContainsFunc(t.Parts, func(p node.Part) bool { return p.State == filexfer.Ongoing }))
}
