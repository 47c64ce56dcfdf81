package layers

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// heavy is what a stream protocol does without: ICE, the DHT, databases, commands, and
// all of libp2p but its interfaces.
var heavy = []string{"github.com/pion", "github.com/libp2p/go-libp2p-kad-dht", "github.com/libp2p/go-libp2p/p2p",
	"modernc.org", "database/sql", "github.com/spf13"}

// part is some packages that an app takes.
type part struct {
	sentence string
	names    []string // of packages
	without  []string // prefixes of packages that may not come along
}

// apart is what an app that takes a part of passeur must not get with it.
var apart = []part{
	{"an app that carries files pays for nothing else",
		[]string{"protocols/filexfer", "protocols/filexfer/folder", "protocols/filexfer/sha3tree", "protocols/onconn", "protocols/exchange", "protocols/rerequest", "protocols/oneshot"},
		slices.Concat(heavy, []string{module + "node", module + "conversation"})},
	{"an app that syncs entries, or hands an account over, brings a log of its own",
		[]string{"protocols/history", "protocols/link"},
		slices.Concat(heavy, []string{module + "node", module + "conversation/logstore", module + "conversation/database", module + "protocols/filexfer"})},
	{"an app that finds a way has a DHT of its own, and needs no database",
		[]string{"node/icetcp", "node/signalling", "node/directory", "node/pairing", "node/turnrelay", "node/portmap", "node/upgrade"},
		[]string{"github.com/libp2p/go-libp2p-kad-dht", "modernc.org", "github.com/spf13", module + "protocols"}},
	{"an app that embeds a node gets neither commands nor the API",
		[]string{"node"},
		[]string{"github.com/spf13", "github.com/danielgtaylor", "github.com/prometheus/client_golang/prometheus/promhttp", module + "cmd", module + "test"}},
}

func TestWhatComesAlong(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		deps[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	for name := range deps {
		if strings.HasPrefix(name, "protocols/") && !isApart(name) {
			t.Errorf("what comes along with %s is not said", name)
		}
	}
	for _, a := range apart {
		for _, name := range a.names {
			if deps[name] == nil {
				t.Errorf("there is no %s any more: %s", name, a.sentence)
			}
			for _, dep := range deps[name] {
				if under(a.without...)(dep) {
					t.Errorf("%s; but with %s comes %s", a.sentence, name, dep)
				}
			}
		}
	}
}

// isApart tells whether it is said what must not come along with a package.
func isApart(name string) bool {
	return slices.ContainsFunc(apart, func(p part) bool { return slices.Contains(p.names, name) })
}
