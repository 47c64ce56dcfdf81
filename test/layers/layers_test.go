// Package layers checks who imports whom: each rule is a sentence.
package layers

import (
	"os/exec"
	"path"
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
		[]string{"conversation/database", "conversation/logstore", "node/store"}},
	{"commands have flags, libraries have Config",
		under("github.com/spf13", "flag"), []string{"cmd/node", "cmd/node/*", "test/*"}},
	{"a part of the node does not know the node",
		exactly("node"), []string{"node/nodetest", "cmd/node", "cmd/node/*", "test/*/*"}},
	{"a stream protocol is anyone's: only the node and what is above it use ours",
		exactly("protocols/filexfer"), []string{"node", "node/store", "cmd/node", "cmd/node/*", "test/*/*"}},
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(packages) < 10 {
		t.Fatalf("go list knows %d packages only", len(packages))
	}
	for _, r := range rules {
		used := false
		for _, line := range packages {
			fields := strings.Fields(line)
			for _, imported := range fields[1:] {
				if !r.what(imported) {
					continue
				}
				used = true
				if who := strings.TrimPrefix(fields[0], module); !allowed(r.who, who) {
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
