// Package people starts whole nodes, as processes of the passeur binary, on the
// hosts of a natlab, and does with them what their owners would: become contacts,
// send files, look at paths. Everything goes by the nodes' own API and commands.
package people

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// binaryEnv hands the built binary to the process that runs the tests, which has
// no network to build with.
const binaryEnv = "PEOPLE_BINARY"

// Main builds passeur, runs the tests within a lab and gives their exit code:
//
//	func TestMain(m *testing.M) { os.Exit(people.Main(m)) }
func Main(m *testing.M) int {
	if os.Getenv(binaryEnv) == "" {
		remove, err := build()
		if err != nil {
			fmt.Fprintln(os.Stderr, "people:", err)
			return 1
		}
		defer remove()
	}
	return lab.Main(m.Run)
}

// build makes passeur as people get it: without the race detector.
func build() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "passeur-people-")
	if err != nil {
		return nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	binary := filepath.Join(dir, "passeur")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/passeur-p2p/passeur/cmd/node")
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return nil, fmt.Errorf("build passeur: %w\n%s", err, out)
	}
	return remove, os.Setenv(binaryEnv, binary)
}
