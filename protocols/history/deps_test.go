package history

import (
	"os/exec"
	"strings"
	"testing"
)

// An app that embeds history must not pay for ICE, the DHT, a database or our
// node.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dependency := range strings.Fields(string(out)) {
		for _, unwanted := range []string{"pion/", "kad-dht", "sqlite", "passeur/node", "passeur/conversation/", "passeur/protocols/filexfer", "/p2p/", "spf13/"} {
			if strings.Contains(dependency, unwanted) {
				t.Errorf("imports %s", dependency)
			}
		}
	}
}
