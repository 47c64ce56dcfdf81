//go:build !linux

package holdings

import (
	"time"

	"github.com/passeur-p2p/passeur/node/internal/store"
)

// grainOf is how often the clock ticks by which the file at path has its stamp, which
// this system does not tell.
func grainOf(string, store.Stamp) time.Duration { return coarse }
