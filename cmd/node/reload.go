package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// processKeys are settings that are not the node's own, and count when the process
// starts.
var processKeys = []string{"role", "http", "http-cert", "http-key", "log-format"}

// reload reads the config file again and takes over what can change live. A file that
// is wrong changes nothing. It answers which keys count only after a restart.
func (s *service) reload(ctx context.Context) (api.Reloaded, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.notify(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
	restart, err := s.takeOver(ctx)
	s.mu.Lock()
	s.trouble = troubleOf(restart, err)
	s.mu.Unlock()
	switch {
	case err != nil:
		s.log().Error("nothing was reloaded", "error", err)
	case len(restart) > 0:
		s.log().Warn("reloaded; some settings count after a restart", "keys", restart)
	default:
		s.log().Info("reloaded")
	}
	s.notify(daemon.SdNotifyReady, s.status())
	return api.Reloaded{Restart: restart}, err
}

// troubleOf is what the status tells of a reload, one line.
func troubleOf(restart []string, err error) string {
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return show.Text("not reloaded: " + first)
	}
	if len(restart) > 0 {
		return "a restart is needed for " + strings.Join(restart, ", ")
	}
	return ""
}

func (s *service) takeOver(ctx context.Context) ([]string, error) {
	next, err := loadConfig(s.home, s.given)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	n := s.node
	s.mu.Unlock()
	if n == nil {
		return nil, errors.New("the node is starting: try again in a moment")
	}
	c := next.nodeConfig(s.home)
	c.Logger, c.Audit = s.logger, s.audit.Logger()
	if err := c.Check(); err != nil {
		return nil, err
	}
	file, err := appendTo(next.audit)
	if err != nil {
		return nil, err
	}
	// Nothing fails from here on but the disk; the audit log is to tell of new rules.
	err = s.audit.Use(file)
	fields, failed := n.Reload(ctx, c)
	err = errors.Join(err, failed, s.levels.Set(next.levels))
	s.mu.Lock()
	s.now = next
	s.mu.Unlock()
	err = errors.Join(err, s.setLimits(ctx, n))
	next.warn(s.log())
	return s.restartFor(next, fields), err
}

// restartFor lists the keys whose new value does not count yet, in the order of the
// documentation; fields are those of the node.
func (s *service) restartFor(next *effective, fields []string) []string {
	keys := []string{}
	for _, k := range configKeys {
		if slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(f, k.name) }) ||
			slices.Contains(processKeys, k.name) && valueOf(s.started, k.name) != valueOf(next, k.name) {
			keys = append(keys, k.name)
		}
	}
	if slices.Contains(fields, "TURN") {
		keys = append(keys, "turn")
	}
	return keys
}

func valueOf(e *effective, key string) string { return e.flags.Lookup(key).Value.String() }
