package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/libp2p/go-libp2p/core/host"

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

func (draining) SendByCode(context.Context, []string, node.OneShot) (node.Transfer, node.Pairing, error) {
	return node.Transfer{}, node.Pairing{}, errDraining
}

func (draining) ReceiveByCode(context.Context, string, string) (node.Pairing, error) {
	return node.Pairing{}, errDraining
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
	s.beginNothing(ctx, n)
	s.log().Info("stopping when the transfers that run are done; a second signal stops at once", "transfers", len(left), "drain", s.settings().drain)
	for e := range events {
		if t := e.Transfer; t != nil && !moves(*t) {
			delete(left, t.ID)
		}
		if len(left) == 0 {
			settle(ctx, n)
			return
		}
	}
	s.log().Warn("transfers are cut off; they go on when the node runs again", "transfers", len(left))
}

// beginNothing refuses commands that would begin something, and leaves what others
// offer waiting.
func (s *service) beginNothing(ctx context.Context, n running) {
	s.setStopping()
	s.server.Use(draining{n})
	c := s.nodeConfig()
	c.Accept, c.Rules = node.AcceptAsk, nil
	if _, err := n.Reload(ctx, c); err != nil {
		s.log().Warn("rules still take what is offered", "error", err)
	}
}

// settleTime is how long the last words about finished files may take.
const settleTime = 2 * time.Second

// settle waits until the other sides have heard how their files arrived: no stream of a
// file is open but those of offers that wait.
func settle(ctx context.Context, n running) {
	h, has := n.(interface{ Host() host.Host })
	if !has {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for fileStreams(h.Host()) > waiting(n.Transfers()) && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func fileStreams(h host.Host) (open int) {
	for _, c := range h.Network().Conns() {
		for _, s := range c.GetStreams() {
			if s.Protocol() == filexfer.ID {
				open++
			}
		}
	}
	return open
}

// waiting counts the offers that wait for somebody, here or there.
func waiting(all []node.Transfer) (n int) {
	for _, t := range all {
		if t.State == filexfer.AwaitingHost {
			n++
		}
	}
	return n
}

// moves tells whether bytes of a transfer cross.
func moves(t node.Transfer) bool {
	return !t.Ended && (t.State == filexfer.Ongoing ||
		slices.ContainsFunc(t.Parts, func(p node.Part) bool { return p.State == filexfer.Ongoing }))
}
