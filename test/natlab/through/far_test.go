package through

import (
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/natlab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

// rtt between two people who are far from each other. It is half of that to the
// servers between them.
const rtt = 50 * time.Millisecond

// maxRoundTrips is how long the first byte may take that is sent to somebody to
// whom no connection stands.
const maxRoundTrips = 10

// A file sets off soon, although nothing connects the two before.
func TestRoundTrips(t *testing.T) {
	for _, nat := range []natlab.NAT{natlab.Open, natlab.PRC} {
		t.Run(string(nat), func(t *testing.T) {
			side := natlab.Side{NAT: nat, Link: wire.Config{Delay: rtt / 4}}
			var times []time.Duration
			for range 3 {
				s := meet(t, natlab.Config{A: side, B: side}, onlySTUN)
				r := sends(t, s.alice, s.bob, 1)
				t.Logf("first byte after %v: %v", r.FirstByte, r.Steps)
				times = append(times, r.FirstByte)
			}
			trips := float64(slices.Min(times)) / float64(rtt) // what takes longer computed, or waited for a processor
			t.Logf("%.1f round trips of %v", trips, rtt)
			if trips > maxRoundTrips {
				t.Errorf("%.1f round trips, want at most %v", trips, maxRoundTrips)
			}
		})
	}
}
