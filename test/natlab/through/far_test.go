package through

import (
	"math"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/natlab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

// rtt between two people who are very far from each other, so that what is computed
// between the round trips hardly counts. It is half of that to the servers between
// them.
const rtt = 600 * time.Millisecond

// maxRoundTrips is how long the first byte may take that is sent to somebody to
// whom no connection stands.
const maxRoundTrips = 11

// A file sets off soon, although nothing connects the two before.
func TestRoundTrips(t *testing.T) {
	for _, nat := range []natlab.NAT{natlab.Open, natlab.PRC} {
		t.Run(string(nat), func(t *testing.T) {
			t.Parallel()
			side := natlab.Side{NAT: nat, Link: wire.Config{Delay: rtt / 4}}
			trips := math.Inf(1)
			for tries := 0; trips > maxRoundTrips && tries < 3; tries++ { // unless it waited for a processor
				s := meet(t, natlab.Config{A: side, B: side}, onlySTUN)
				r := sends(t, s.alice, s.bob, 1)
				trips = min(trips, float64(r.FirstByte)/float64(rtt))
				t.Logf("first byte after %v: %v", r.FirstByte, r.Steps)
			}
			t.Logf("%.1f round trips of %v", trips, rtt)
			if trips > maxRoundTrips {
				t.Errorf("%.1f round trips, want at most %v", trips, maxRoundTrips)
			}
		})
	}
}
