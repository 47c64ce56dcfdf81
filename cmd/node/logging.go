package main

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
	"go.uber.org/zap/zapcore"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// loggerKey is the attribute that names the logger of a line. libp2p has it too.
const loggerKey = "logger"

// newLogger makes the node's log, with the levels of levels. What libraries log goes
// there too.
func newLogger(w io.Writer, format logFormat, levels *logLevels) *slog.Logger {
	all := &slog.HandlerOptions{Level: slog.LevelDebug}
	var h slog.Handler = slog.NewTextHandler(w, all)
	if format == "json" {
		h = slog.NewJSONHandler(show.Escaped(w), all)
	}
	gather(leveled{Handler: h, levels: levels, level: levels.of(libraries), foreign: true})
	return slog.New(leveled{Handler: h, levels: levels, level: levels.of("node")})
}

// gather sends to h whatever libp2p, kad-dht and others log by the ways that each
// of them has. libp2p keeps the handler that it finds at its first line, so this
// must be called before any host exists.
func gather(h slog.Handler) {
	gologshim.SetDefaultHandler(h)
	golog.SetPrimaryCore(zapToSlog{h: h, named: new(sync.Map)})
	_ = golog.SetLogLevel("*", "debug") // of all, which cannot fail: h has the say
	slog.SetDefault(slog.New(h))
	slog.SetLogLoggerLevel(slog.LevelWarn) // package log knows no levels
}

// leveled passes on the lines that the level of their logger lets through. Which
// logger that is, an attribute says.
type leveled struct {
	slog.Handler
	levels  *logLevels
	level   *slog.LevelVar
	foreign bool // a library's: its loggers are libp2p/NAME
}

func (h leveled) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs = slices.Clone(attrs)
	for i, a := range attrs {
		if a.Key != loggerKey {
			continue
		}
		name := a.Value.String()
		if h.foreign {
			name = libraries + "/" + name
			attrs[i] = slog.String(loggerKey, name)
		}
		h.level = h.levels.of(name)
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

func (h leveled) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// zapToSlog is where kad-dht's log ends, which go-log writes by zap.
type zapToSlog struct {
	h      slog.Handler
	named  *sync.Map // the slog.Handler of each of go-log's loggers, by name
	fields []zapcore.Field
}

var _ zapcore.Core = zapToSlog{}

// Both count in steps from info, zap by ones, slog by fours.
func levelOf(l zapcore.Level) slog.Level { return slog.Level(l) * 4 }

// Enabled is for all loggers together; Check knows which one it is.
func (c zapToSlog) Enabled(zapcore.Level) bool { return true }

func (c zapToSlog) With(fields []zapcore.Field) zapcore.Core {
	return zapToSlog{c.h, c.named, slices.Concat(c.fields, fields)}
}

// of is the handler of a logger. It is kept: kad-dht asks often, and prints little.
func (c zapToSlog) of(logger string) slog.Handler {
	h, has := c.named.Load(logger)
	if !has {
		h, _ = c.named.LoadOrStore(logger, c.h.WithAttrs([]slog.Attr{slog.String(loggerKey, logger)}))
	}
	return h.(slog.Handler)
}

func (c zapToSlog) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.of(e.LoggerName).Enabled(context.Background(), levelOf(e.Level)) {
		return to
	}
	return to.AddCore(e, c)
}

func (c zapToSlog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, levelOf(e.Level), e.Message, 0)
	r.AddAttrs(attrsOf(slices.Concat(c.fields, fields))...)
	return c.of(e.LoggerName).Handle(context.Background(), r)
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
