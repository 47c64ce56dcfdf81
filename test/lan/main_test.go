// Package lan tests whole nodes, as processes of the passeur binary on hosts of
// their own with nothing but a switch between them: a DHT node, Alice and Bob.
// What is done and what is seen goes by the commands, as with anybody's node.
package lan

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
const binaryEnv = "LAN_TEST_BINARY"

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if os.Getenv(binaryEnv) == "" {
		remove, err := buildBinary()
		if err != nil {
			fmt.Fprintln(os.Stderr, "lan:", err)
			return 1
		}
		defer remove()
	}
	return lab.Main(m.Run)
}

// buildBinary makes passeur, as people get it: without the race detector.
func buildBinary() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "passeur-lan-")
	if err != nil {
		return nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	binary := filepath.Join(dir, "passeur")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../cmd/node").CombinedOutput(); err != nil {
		remove()
		return nil, fmt.Errorf("build passeur: %w\n%s", err, out)
	}
	return remove, os.Setenv(binaryEnv, binary)
}
