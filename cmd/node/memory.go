package main

import (
	"math"
	"runtime/debug"
)

// softMemory is from where on the collector works harder, in bytes: else the heap grows
// to twice what is in use before it begins. It is no bound of what is in use.
const softMemory = 768 << 20

// keepMemoryLow sets it, unless GOMEMLIMIT has said otherwise.
func keepMemoryLow() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(softMemory)
	}
}
