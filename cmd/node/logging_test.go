package main

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"testing"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
)

// TestOneLog: what libraries say comes out as a line of the node's own log.
func TestOneLog(t *testing.T) {
	defer gather(slog.DiscardHandler)
	for verbose, want := range map[bool]string{false: "", true: "W"} {
		var b bytes.Buffer
		levels := newLogLevels()
		if err := levels.Set(map[bool]string{false: "info", true: "debug"}[verbose]); err != nil {
			t.Fatal(err)
		}
		own := newLogger(&b, "json", levels)
		own.Info("own")
		sayAll(map[bool]string{false: "quiet", true: "verbose"}[verbose])
		for _, line := range []string{`"msg":"own"`, `"msg":"zap E"`, `"msg":"libp2p E"`} {
			if !strings.Contains(b.String(), line) {
				t.Errorf("verbose %v: no %s in\n%s", verbose, line, &b)
			}
		}
		for _, level := range []string{"D", "I", "W"} {
			for _, from := range []string{"zap", "libp2p"} {
				if got := strings.Contains(b.String(), `"msg":"`+from+" "+level+`"`); got != (level == want) {
					t.Errorf("verbose %v: %s at level %s: %v", verbose, from, level, got)
				}
			}
		}
		if got := strings.Contains(b.String(), `"msg":"old way"`); got != verbose {
			t.Errorf("verbose %v: package log: %v\n%s", verbose, got, &b)
		}
		if !strings.Contains(b.String(), `"logger":"libp2p/zap-`) || !strings.Contains(b.String(), `"peer":"bob"`) || strings.Contains(b.String(), "\u202e") {
			t.Errorf("%s", &b)
		}
	}
}

// sayAll logs a line a level by each way that libraries have. libp2p keeps its
// handler by name, so each call has names of its own.
func sayAll(name string) {
	z, l := golog.Logger("zap-"+name), gologshim.Logger("libp2p-"+name)
	z.Debugw("zap D")
	z.Infow("zap I")
	z.Warnw("zap W")
	z.With("peer", "bob").Errorw("zap E", "name", "\u202e")
	l.Debug("libp2p D")
	l.Info("libp2p I")
	l.Warn("libp2p W")
	l.Error("libp2p E", "peer", "bob")
	log.Print("old way")
}

// TestOneSubsystem: the level of a logger changes while it is in use.
func TestOneSubsystem(t *testing.T) {
	defer gather(slog.DiscardHandler)
	var b bytes.Buffer
	levels := newLogLevels()
	own := newLogger(&b, "json", levels)
	ice, other := own.With(loggerKey, "icetcp"), own.With(loggerKey, "portmap")
	swarm, kad := gologshim.Logger("swarm-one"), golog.Logger("kad-one")
	say := func(n int) {
		ice.WithGroup("g").Debug("ice", "n", n)
		other.Debug("other", "n", n)
		swarm.Debug("swarm", "n", n)
		kad.Debugw("kad", "n", n)
	}
	say(1)
	if err := levels.Set("info,icetcp=debug,libp2p/swarm-one=debug,libp2p/kad-one=debug"); err != nil {
		t.Fatal(err)
	}
	say(2)
	if err := levels.Set("info"); err != nil {
		t.Fatal(err)
	}
	say(3)
	for _, want := range []string{`"logger":"icetcp","g":{"n":2}}`, `"msg":"swarm","logger":"libp2p/swarm-one","n":2}`, `"msg":"kad","logger":"libp2p/kad-one","n":2}`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, &b)
		}
	}
	if strings.Count(b.String(), "\n") != 3 {
		t.Errorf("%s", &b)
	}
}

// TestLogLinesAreHarmless: what a name holds cannot end a line, nor turn a terminal's
// letters round.
func TestLogLinesAreHarmless(t *testing.T) {
	defer gather(slog.DiscardHandler)
	for _, form := range []logFormat{"text", "json"} {
		var b bytes.Buffer
		newLogger(&b, form, newLogLevels()).Info("got", "name", "a\u202eb\u009b31m\x1b[2J\nlevel=INFO \u2066")
		if strings.ContainsAny(b.String(), "\u202e\u009b\x1b\u2066") || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%s: %q", form, &b)
		}
	}
}
