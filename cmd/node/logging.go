package main

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
	"go.uber.org/zap/zapcore"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// newLogger makes the node's log: from level info on, or debug if verbose. What
// libraries log goes there too.
func newLogger(w io.Writer, format logFormat, verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	libraries := slog.LevelError
	if verbose {
		options.Level, libraries = slog.LevelDebug, slog.LevelWarn
	}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if format == "json" {
		h = slog.NewJSONHandler(show.Escaped(w), options)
	}
	gather(atLeast{h, libraries})
	return slog.New(h)
}

// gather sends to h whatever libp2p, kad-dht and others log by the ways that each
// of them has. libp2p keeps the handler that it finds at its first line, so this
// must be called before any host exists.
func gather(h slog.Handler) {
	gologshim.SetDefaultHandler(h)
	golog.SetPrimaryCore(zapToSlog{h})
	_ = golog.SetLogLevel("*", "debug") // of all, which cannot fail: h has the say
	slog.SetDefault(slog.New(h))
	slog.SetLogLoggerLevel(slog.LevelWarn) // package log knows no levels
}

// atLeast passes on only what is as bad as least, or worse.
type atLeast struct {
	slog.Handler
	least slog.Level
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.least && h.Handler.Enabled(ctx, l)
}

func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.least}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.least}
}

// zapToSlog is where kad-dht's log ends, which go-log writes by zap.
type zapToSlog struct{ h slog.Handler }

var _ zapcore.Core = zapToSlog{}

// Both count in steps from info, zap by ones, slog by fours.
func levelOf(l zapcore.Level) slog.Level { return slog.Level(l) * 4 }

func (c zapToSlog) Enabled(l zapcore.Level) bool {
	return c.h.Enabled(context.Background(), levelOf(l))
}

func (c zapToSlog) With(fields []zapcore.Field) zapcore.Core {
	return zapToSlog{c.h.WithAttrs(attrsOf(fields))}
}

func (c zapToSlog) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return to
	}
	return to.AddCore(e, c)
}

func (c zapToSlog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, levelOf(e.Level), e.Message, 0)
	r.AddAttrs(slog.String("logger", e.LoggerName)) // as libp2p has it
	r.AddAttrs(attrsOf(fields)...)
	return c.h.Handle(context.Background(), r)
}

func (zapToSlog) Sync() error { return nil }

func attrsOf(fields []zapcore.Field) (attrs []slog.Attr) {
	for _, f := range fields {
		in := zapcore.NewMapObjectEncoder() // an error makes two: its text, and more of it
		f.AddTo(in)
		for _, key := range slices.Sorted(maps.Keys(in.Fields)) {
			attrs = append(attrs, slog.Any(key, in.Fields[key]))
		}
	}
	return attrs
}
