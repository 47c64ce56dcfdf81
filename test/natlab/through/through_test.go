// Package through sends files between whole nodes through the routers that people
// have: each test is two people behind routers, and a DHT node on the internet.
package through

import (
	"os"
	"testing"

	"github.com/passeur-p2p/passeur/test/natlab/people"
)

func TestMain(m *testing.M) { os.Exit(people.Main(m)) }
