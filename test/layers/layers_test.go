// Package layers checks who imports whom: each rule is a sentence.
package layers

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/passeur-p2p/passeur/"

// rule says who alone may import what.
type rule struct {
	sentence string
	what     func(imported string) bool
	who      []string // patterns of path.Match, without the module
}

func under(prefixes ...string) func(string) bool {
	return func(imported string) bool {
		for _, p := range prefixes {
			if imported == p || strings.HasPrefix(imported, p+"/") {
				return true
			}
		}
		return false
	}
}

func exactly(name string) func(string) bool {
	return func(imported string) bool { return imported == module+name }
}

var rules = []rule{
	{"pion is for finding a way: only the ICE transport and the TURN client know it",
		under("github.com/pion"), []string{"node/icetcp", "node/turnrelay"}},
	{"what uses the DHT asks for the two methods it needs; only the node knows kad-dht",
		under("github.com/libp2p/go-libp2p-kad-dht"), []string{"node"}},
	{"there is one database, and one package that opens it",
		under("modernc.org"), []string{"conversation/database"}},
	{"what is kept in the database has a package of its own; the others do not speak SQL",
		under("database/sql", module+"conversation/database"),
		[]string{"conversation/database", "conversation/logstore", "node/internal/store"}},
	{"the logs are the node's; a command may read an export, which needs no node",
		exactly("conversation/logstore"), []string{"node", "cmd/node", "cmd/node/show", "test/*/*"}},
	{"the rules are asked by the logs; others only know their words",
		exactly("conversation/membership"), []string{"conversation/logstore", "node", "cmd/node/show", "test/*/*"}},
	{"history is anyone's: only the node mounts ours",
		exactly("protocols/history"), []string{"node", "test/*/*"}},
	{"commands have flags, libraries have Config",
		under("github.com/spf13", "flag"), []string{"cmd/node", "cmd/node/*", "test/*"}},
	{"a part of the node does not know the node",
		exactly("node"), []string{"node/nodetest", "cmd/node", "cmd/node/*", "test/*/*"}},
	{"a stream protocol is anyone's: only the node and what is above it use ours",
		exactly("protocols/filexfer"), []string{"protocols/filexfer/folder", "protocols/rerequest", "protocols/oneshot", "node", "node/internal/store", "node/internal/holdings", "cmd/node", "cmd/node/*", "test/*", "test/*/*"}},
	{"a folder is a file to whoever carries it; who has one or wants one knows better",
		exactly("protocols/filexfer/folder"), []string{"node", "node/internal/holdings", "test/*"}},
	{"a stream over a chosen connection is for protocols that carry files",
		exactly("protocols/onconn"), []string{"protocols/filexfer", "protocols/rerequest"}},
	{"how streams share a connection is agreed when it is made",
		exactly("node/internal/yamux"), []string{"node/upgrade"}},
	{"how fast files go is decided in one place",
		exactly("node/internal/throttle"), []string{"node"}},
	{"what a kernel is asked for a socket is told by who makes it",
		exactly("node/internal/sockopt"), []string{"node", "node/icetcp"}},
	{"asking again is anyone's: only the node mounts ours",
		exactly("protocols/rerequest"), []string{"node", "test/*/*"}},
}

// ground is a package that knows nothing of ours but what it stands on.
type ground struct {
	sentence  string
	name      string
	on        []string // without the module
	networked bool     // it may know the network
}

var grounds = []ground{
	{"what people mean is said without a node, a disk or a network", "conversation", nil, false},
	{"the rules read entries and nothing else", "conversation/membership", []string{"conversation"}, false},
	{"a file is opened for whoever owns its tables", "conversation/database", nil, false},
	{"a log is kept without a network", "conversation/logstore",
		[]string{"conversation", "conversation/membership", "conversation/database"}, false},
	{"a pairing asks for inboxes and a memory, and knows neither", "node/pairing", []string{"conversation"}, true},
	{"what happens to an offer is decided from facts", "node/rules", nil, false},
	{"what lies here is known without a network", "node/internal/holdings",
		[]string{"conversation", "node/internal/store", "protocols/filexfer", "protocols/filexfer/folder", "protocols/filexfer/sha3tree"}, false},
	{"history asks for a log, and knows none", "protocols/history", []string{"conversation"}, true},
	{"asking again asks for members, files and a carrier of bytes, and knows only the last", "protocols/rerequest",
		[]string{"protocols/filexfer", "protocols/filexfer/sha3tree", "protocols/onconn"}, true},
	{"two devices speak of one transfer, however they met", "protocols/oneshot",
		[]string{"protocols/exchange", "protocols/filexfer", "protocols/filexfer/sha3tree"}, true},
	{"a question is asked and answered over anybody's streams", "protocols/exchange", nil, true},
	{"a tree of sums is of bytes", "protocols/filexfer/sha3tree", nil, false},
	{"a folder is files and their sums, however they travel", "protocols/filexfer/folder",
		[]string{"protocols/filexfer", "protocols/filexfer/sha3tree"}, false},
	{"a file is carried for anybody, over any connection", "protocols/filexfer",
		[]string{"protocols/filexfer/sha3tree", "protocols/onconn"}, true},
	{"a stream is opened for anybody's protocol", "protocols/onconn", nil, true},
	{"streams share any connection", "node/internal/yamux", nil, true},
	{"a limit is of any connection's streams", "node/internal/throttle", nil, true},
	{"patience is lent to any host", "node/patience", nil, true},
	{"a kernel is asked for sockets of anybody's", "node/internal/sockopt", nil, true},
}

// network is what most grounds do without.
var network = under("net", "github.com/libp2p/go-libp2p/core/host", "github.com/libp2p/go-libp2p/core/network")

func TestGrounds(t *testing.T) {
	imports := listImports(t)
	for _, g := range grounds {
		if imports[g.name] == nil {
			t.Errorf("there is no %s any more: %s", g.name, g.sentence)
		}
		for _, imported := range imports[g.name] {
			own, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !slices.Contains(g.on, own) || !g.networked && network(imported) && imported != "net/url" {
				t.Errorf("%s; but %s imports %s", g.sentence, g.name, imported)
			}
		}
	}
}

// listImports gives what each package of ours imports, without its tests.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		imports[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	if len(imports) < 10 {
		t.Fatalf("go list knows %d packages only", len(imports))
	}
	return imports
}

func TestLayers(t *testing.T) {
	imports := listImports(t)
	for _, r := range rules {
		used := false
		for who, list := range imports {
			for _, imported := range list {
				if !r.what(imported) {
					continue
				}
				used = true
				if !allowed(r.who, who) {
					t.Errorf("%s; but %s imports %s", r.sentence, who, imported)
				}
			}
		}
		if !used {
			t.Errorf("nothing imports what this rule is about any more: %s", r.sentence)
		}
	}
}

func allowed(patterns []string, who string) bool {
	for _, p := range patterns {
		if matched, err := path.Match(p, who); err == nil && matched {
			return true
		}
	}
	return false
}
