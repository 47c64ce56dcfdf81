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

// pull is how far we are in fetching what the other side has. It is a value:
// bytes in, decisions out.
type pull struct {
	heads []conversation.ID // theirs that are not here, at most maxIDs
	all   bool              // there are more than heads

	flying wantKind // of the WANT without END; wantNothing: there is none
	// A series of WANTs for the same ids fetches what may not fit one answer.
	active bool
	ids    []conversation.ID // of the series; none: all there is
	after  conversation.ID

	listed []conversation.ID // their heads as last told, if all were
	bare   []conversation.ID // entries whose bodies were asked for last
	bodies conversation.ID   // up to here, bodies that lack were asked for
	whole  bool              // all bodies that lack have been

	blocked error // ErrPaused or ErrDeferred: not before until
	until   time.Time
	wait    time.Duration // the last one
}

// hear takes note of heads that are not here.
func (p *pull) hear(unknown []conversation.ID) {
	for _, id := range unknown {
		switch {
		case slices.Contains(p.heads, id):
		case len(p.heads) == maxIDs:
			p.all = true
			return
		default:
			p.heads = append(p.heads, id)
		}
	}
}

// lacks tells whether there is something to fetch.
func (p *pull) lacks() bool { return p.active || p.all || len(p.heads) > 0 }

// free tells whether a WANT for history may be sent now.
func (p *pull) free(now time.Time) bool {
	return p.flying == wantNothing && p.lacks() && !p.until.After(now)
}

// rest tells whether all was done that can be done for now.
func (p *pull) rest() bool { return p.flying == wantNothing && (p.blocked != nil || !p.lacks()) }

// begin starts a series, if none is on its way.
func (p *pull) begin() {
	if p.active {
		return
	}
	p.active = true
	p.after = conversation.ID{}
	p.ids = slices.Clone(p.heads)
	if p.all {
		p.ids = nil
	}
}

// came ends an answer of history. With more, the series goes on after last.
func (p *pull) came(more bool, last conversation.ID) {
	p.flying = wantNothing
	if more {
		p.after = last
		return
	}
	if p.ids == nil {
		p.all, p.heads = false, nil
	} else {
		p.forget(p.ids)
	}
	p.active, p.ids, p.wait = false, nil, 0
}

// filled ends an answer of bodies. With more, the rest is asked for again. It
// is false if the answer cannot be one.
func (p *pull) filled(more bool, last conversation.ID) bool {
	if more && !slices.Contains(p.bare, last) {
		return false
	}
	if more {
		p.bodies = last
	}
	p.flying, p.bare = wantNothing, nil
	return true
}

// forget takes ids off, for they are here, or will not come.
func (p *pull) forget(ids []conversation.ID) {
	p.heads = slices.DeleteFunc(p.heads, func(id conversation.ID) bool { return slices.Contains(ids, id) })
}

// block breaks a series off until later, and gives when. The time to wait
// doubles with each time in a row.
func (p *pull) block(why error, now time.Time, retry time.Duration) time.Time {
	p.flying, p.active, p.ids = wantNothing, false, nil
	p.wait = min(max(2*p.wait, retry), 64*retry)
	p.blocked, p.until = why, now.Add(p.wait)
	return p.until
}

// drop forgets all, for the other side does not give it.
func (p *pull) drop() {
	*p = pull{flying: p.flying, active: p.flying == wantHistory, ids: p.ids, after: p.after}
}

// settled tells whether all is exchanged, our HEADS up to number sent included.
func (t *talk) settled(sent int) bool { return t.acked >= sent && t.owed == 0 && t.pull.rest() }

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
