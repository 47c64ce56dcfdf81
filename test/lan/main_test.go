// Package lan tests whole nodes, as processes of the passeur binary on hosts of
// their own with nothing but a switch between them: a DHT node, Alice and Bob.
// What is done and what is seen goes by the commands, as with anybody's node.
package lan

import (
	"os"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) {
	if os.Getenv(floodEnv) != "" {
		flood()
	}
	os.Exit(lab.MainWithPasseur(m.Run))
}
