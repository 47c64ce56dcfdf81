package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestLevels(t *testing.T) {
	for _, test := range []struct{ set, want string }{
		{"info", "info,libp2p=error"},
		{"debug", "debug,libp2p=warn"},
		{"warn,libp2p=debug", "warn,libp2p=debug"},
		{"icetcp=debug", "info,icetcp=debug,libp2p=error"},
		{"error, icetcp=debug,api=warn,libp2p/swarm2=info", "error,api=warn,icetcp=debug,libp2p=error,libp2p/swarm2=info"},
	} {
		l := newLogLevels()
		if err := l.Set(test.set); err != nil || l.String() != test.want {
			t.Errorf("%s: %s (%v), want %s", test.set, l, err, test.want)
		}
		if err := l.Set(l.String()); err != nil || l.String() != test.want {
			t.Errorf("%s: what it says of itself, it does not take: %s, %v", test.set, l, err)
		}
	}
}

func TestLevelsFollow(t *testing.T) {
	l := newLogLevels()
	ice, swarm, other := l.of("icetcp"), l.of("libp2p/swarm2"), l.of("libp2p/dht")
	if ice.Level() != slog.LevelInfo || swarm.Level() != slog.LevelError {
		t.Errorf("at first: %s, %s", ice, swarm)
	}
	if err := l.Set("warn,icetcp=debug,libp2p=info,libp2p/swarm2=debug"); err != nil {
		t.Fatal(err)
	}
	if ice.Level() != slog.LevelDebug || swarm.Level() != slog.LevelDebug || other.Level() != slog.LevelInfo || l.of("node").Level() != slog.LevelWarn {
		t.Errorf("%s, %s, %s", ice, swarm, other)
	}
}

func TestLevelsThatAreWrong(t *testing.T) {
	l := newLogLevels()
	for text, want := range map[string]string{
		"":                        `"" is no level; write debug, info, warn, error`,
		"loud":                    `"loud" is no level`,
		"info,icetcp=loud":        `"loud" is no level`,
		"icetcp=debug,info":       "comes too late",
		"icetpc=debug":            `nothing logs as "icetpc"; there are api, `,
		"libp2p/=debug":           "nothing logs as",
		strings.Repeat("x", 3000): "3000 bytes",
	} {
		if err := l.Set(text); err == nil || !strings.Contains(err.Error(), want) || l.String() != "info,libp2p=error" {
			t.Errorf("%q: %v, then %s; want %s", text, err, l, want)
		}
	}
}
