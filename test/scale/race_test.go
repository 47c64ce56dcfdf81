//go:build race

package scale

import "runtime"

// oneProcessor has everything run on one until restore is called: under -race, the
// runtime of Go 1.26 keeps one race context for all timers of a bubble, and crashes when
// two processors fire timers at once (bubble.timers.raceCtx in runtime/time.go).
func oneProcessor() (restore func()) {
	before := runtime.GOMAXPROCS(1)
	return func() { runtime.GOMAXPROCS(before) }
}
