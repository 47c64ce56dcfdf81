package dialogue

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
)

// InBubble runs a test on a clock of its own, and fails if it leaves a goroutine or
// allocates more than limit bytes in all. On one processor: under -race, the runtime of
// Go 1.26 crashes when two processors fire timers of one bubble at once.
func InBubble(t *testing.T, limit uint64, run func(*testing.T)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	before := allocated()
	synctest.Test(t, run)
	if used := allocated() - before; used > limit {
		t.Errorf("%d bytes were allocated, more than %d", used, limit)
	}
}

// allocated is how much this process has ever allocated on the heap.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
