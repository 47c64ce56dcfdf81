package icetcp

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// agentLog lets pion speak at our log's debug level: what it warns of is a peer's
// odd packet or one address of many that leads nowhere, daily bread for ICE.
type agentLog struct{ log *slog.Logger }

var _ logging.LoggerFactory = agentLog{}

// NewLogger implements logging.LoggerFactory.
func (l agentLog) NewLogger(scope string) logging.LeveledLogger {
	return agentLog{l.log.With("scope", scope)}
}

func (l agentLog) print(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("icetcp: agent: " + fmt.Sprintf(format, args...))
	}
}

// The two levels that come for every packet are dropped, the others are one.

func (l agentLog) Trace(string)                      {}
func (l agentLog) Tracef(string, ...any)             {}
func (l agentLog) Debug(string)                      {}
func (l agentLog) Debugf(string, ...any)             {}
func (l agentLog) Info(msg string)                   { l.print("%s", msg) }
func (l agentLog) Infof(format string, args ...any)  { l.print(format, args...) }
func (l agentLog) Warn(msg string)                   { l.print("%s", msg) }
func (l agentLog) Warnf(format string, args ...any)  { l.print(format, args...) }
func (l agentLog) Error(msg string)                  { l.print("%s", msg) }
func (l agentLog) Errorf(format string, args ...any) { l.print(format, args...) }
