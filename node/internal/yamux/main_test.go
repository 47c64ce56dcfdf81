package yamux_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The suite's servers wait in Accept for ever.
const suiteServer = "github.com/libp2p/go-libp2p/p2p/muxer/testsuite.GoServe.func1"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(suiteServer)) }
