// Package through sends files between whole nodes through the routers that people
// have: each test is two people behind routers, and a DHT node on the internet.
package through

import (
	"flag"
	"os"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// atOnce is how many tests run at once, if -parallel does not say: they wait more
// than they compute.
const atOnce = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", atOnce)
	}
	os.Exit(lab.MainWithPasseur(m.Run))
}
