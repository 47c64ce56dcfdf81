package layers

import (
	"os/exec"
	"strings"
	"testing"
)

// apart is what an app that takes a part of passeur must not get with it.
var apart = []struct {
	sentence string
	names    []string // of packages
	without  []string // prefixes of packages
}{
	{"an app that carries files pays for nothing else",
		[]string{"protocols/filexfer", "protocols/filexfer/folder", "protocols/filexfer/sha3tree", "protocols/onconn", "protocols/exchange", "protocols/rerequest", "protocols/oneshot"},
		[]string{"github.com/pion", "github.com/libp2p/go-libp2p-kad-dht", "modernc.org", "github.com/spf13", module + "node", module + "conversation"}},
	{"an app that syncs entries brings a log of its own",
		[]string{"protocols/history"},
		[]string{"github.com/pion", "github.com/libp2p/go-libp2p-kad-dht", "modernc.org", "github.com/spf13", module + "node"}},
	{"an app that finds a way has a DHT of its own, and needs no database",
		[]string{"node/icetcp", "node/signalling", "node/turnrelay", "node/portmap", "node/upgrade"},
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
