package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/libp2p/go-libp2p/core/host"
)

// statusTime is how often the service manager's status line follows what happens.
const statusTime = 5 * time.Second

// notify tells the service manager (sd_notify(3)); without one it does nothing.
func (s *service) notify(assignments ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		s.log().Warn("the service manager cannot be told", "error", err)
	}
}

// attend tells the service manager the state and, until the function that it gives is
// called, what goes on, and that the node answers.
func (s *service) attend(ctx context.Context, state string) (stop func()) {
	s.notify(state, s.status())
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var attending sync.WaitGroup
	attending.Go(func() { s.keepStatus(ctx) })
	attending.Go(func() { s.keepWatchdog(ctx) })
	return func() { cancel(); attending.Wait() }
}

func (s *service) keepStatus(ctx context.Context) {
	tick := time.NewTicker(statusTime)
	defer tick.Stop()
	last := s.status()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := s.status(); now != last {
			s.notify(now)
			last = now
		}
	}
}

// keepWatchdog tells the service manager that the node lives, as long as it answers
// over its own socket. If it does not, the manager starts it anew.
func (s *service) keepWatchdog(ctx context.Context) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log().Warn("the service manager's watchdog", "error", err)
	}
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(limit / 3)
	defer tick.Stop()
	for {
		if err := s.answers(ctx, limit/3); err == nil {
			s.notify(daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			s.log().Error("the node does not answer itself", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// answers asks the node by its socket who it is.
func (s *service) answers(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := s.client().Node(ctx)
	return err
}

// status is the line that systemctl status shows.
func (s *service) status() string {
	s.mu.Lock()
	n, trouble := s.node, s.trouble
	s.mu.Unlock()
	if n == nil {
		return "STATUS=starting"
	}
	var parts []string
	if h, has := n.(interface{ Host() host.Host }); has {
		parts = append(parts, counted(len(h.Host().Network().Peers()), "peer"))
	}
	running := 0
	for _, t := range n.Transfers() {
		if moves(t) {
			running++
		}
	}
	parts = append(parts, counted(running, "transfer"))
	if trouble != "" {
		parts = append(parts, trouble)
	}
	return "STATUS=" + strings.Join(parts, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
