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
		own := newLogger(&b, "json", verbose)
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
		if !strings.Contains(b.String(), `"logger":"zap-`) || !strings.Contains(b.String(), `"peer":"bob"`) || strings.Contains(b.String(), "\u202e") {
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
