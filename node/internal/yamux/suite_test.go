package yamux_test

import (
	"testing"

	tmux "github.com/libp2p/go-libp2p/p2p/muxer/testsuite"
)

// go-libp2p's own tests of muxers.
func TestSuite(t *testing.T) {
	t.Setenv("CI", "true") // makes the suite's timeouts ten times as long
	tmux.SubtestAll(t, ours)
}
