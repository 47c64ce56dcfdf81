package history

import (
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// talk is what two devices have to say to each other about one conversation.
// Its session's lock guards it.
type talk struct {
	conv   conversation.ID
	queued bool // in the session's queue

	// What we tell.
	tellAt      time.Time       // HEADS are due then; zero: none are
	forced      []*waiter       // who waits for HEADS, though they may say nothing new
	push        conversation.ID // an entry to be pushed; zero: none
	told        bool            // they know that it is here
	muted       bool            // they refused it; until they speak of it
	pausedThere bool
	last        [32]byte // digest of our last HEADS
	theirs      [32]byte // of theirs
	sent, acked int      // our HEADS, and those that were answered

	pull pull   // what we ask
	owed int    // their HEADS that are not answered
	say  reason // NO to be sent; 0: none
}

// settled tells whether all is exchanged, our HEADS up to number sent included.
func (t *talk) settled(sent int, now time.Time) bool {
	return t.acked >= sent && t.owed == 0 && t.pull.rest(now)
}

// troubles tells why being settled is not all: nil if it is.
func (t *talk) troubles() error {
	if t.pausedThere && t.pull.blocked == nil {
		return ErrPaused
	}
	return t.pull.blocked
}

// recent remembers the last entries that were pushed, either way, so that none
// is sent back.
type recent struct {
	ids  [256]conversation.ID
	next int
}

func (r *recent) add(id conversation.ID) {
	r.ids[r.next%len(r.ids)] = id
	r.next++
}

func (r *recent) has(id conversation.ID) bool { return slices.Contains(r.ids[:], id) }
