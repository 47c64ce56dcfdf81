package history

import (
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// fruitless is how long a talk waits after an answer of which nothing could be
// taken, while some of it is put off anyway.
const fruitless = 5 * time.Second

// pull is how far we are in fetching what the other side has of a conversation:
// news in, decisions out. Its session's lock guards it.
//
// A series of WANTs for the same ids fetches what may not fit one answer. What
// the log does not take now (paused, deferred) is put off: it is asked for
// again later, in a series of its own, and what does not hang on it comes at
// once as ever.
type pull struct {
	heads []conversation.ID // theirs that are not here, at most maxIDs
	all   bool              // there are more than heads

	flying wantKind          // of the WANT without END; wantNothing: there is none
	active bool              // a series is on its way
	ids    []conversation.ID // of the series; none: all there is
	after  conversation.ID   // the last entry of the series that came
	left   bool              // some of the series was not stored
	why    error             // ErrPaused or ErrDeferred, if that is the reason
	whole  bool              // for all there is, and to its end even if it is fruitless

	blocked error             // why something is put off, until then
	until   time.Time         //
	wait    time.Duration     // the last one; it doubles
	putOff  []conversation.ID // at most maxIDs
	offAll  bool              // more than putOff is put off
	rested  time.Time         // no series begins before

	listed []conversation.ID // their heads as last told, if all were
	bare   []conversation.ID // entries whose bodies were asked for last
	bodies conversation.ID   // up to here, bodies that lack were asked for
	full   bool              // all bodies that lack have been
}

// hear takes note of heads that are not here; more: there are others.
func (p *pull) hear(unknown []conversation.ID, more bool) {
	for _, id := range unknown {
		if slices.Contains(p.putOff, id) || slices.Contains(p.heads, id) {
			continue
		}
		if len(p.heads) == maxIDs {
			more = true
			break
		}
		p.heads = append(p.heads, id)
	}
	p.all = p.all || (more && !p.offAll)
}

// lacks tells whether there is something to fetch.
func (p *pull) lacks() bool { return p.active || p.all || len(p.heads) > 0 }

// free tells whether a WANT for history may be sent now.
func (p *pull) free(now time.Time) bool {
	return p.flying == wantNothing && p.lacks() && (p.active || !p.rested.After(now))
}

// rest tells whether all was done that can be done for now.
func (p *pull) rest(now time.Time) bool {
	return p.flying == wantNothing && (!p.lacks() || !p.free(now))
}

// begin starts a series, if none is on its way.
func (p *pull) begin() {
	if p.active {
		return
	}
	p.active, p.after, p.left, p.why = true, conversation.ID{}, false, nil
	p.whole = p.blocked == nil
	switch {
	case p.whole && p.all:
		p.ids = nil
	case p.whole || len(p.heads) == 0:
		p.ids = slices.Clone(p.heads)
	default: // each by itself, so that none is put off with another
		p.ids = slices.Clone(p.heads[:1])
	}
}

// retry takes up again what was put off, once its time has come.
func (p *pull) retry(now time.Time) {
	if p.blocked == nil || p.until.After(now) || p.active {
		return
	}
	again, all := p.putOff, p.offAll
	p.blocked, p.putOff, p.offAll, p.rested = nil, nil, false, time.Time{}
	p.hear(again, all)
}

// ahead lets the next part of a series, after last, be asked for before this one
// is stored: there is nothing that could end the series.
func (p *pull) ahead(more bool, last conversation.ID) bool {
	if !more || !p.whole || p.flying != wantHistory {
		return false
	}
	p.flying, p.after = wantNothing, last
	return true
}

// took takes note of what was not stored of a series, and gives why, if that is
// news.
func (p *pull) took(got Ingested) (news error) {
	why := got.trouble()
	p.left = p.left || got.Left || why != nil
	if why == nil || p.why == why {
		return nil
	}
	p.why = why
	return why
}

// came ends an answer of a series, which goes on after last if there is more. It
// gives what took gives.
func (p *pull) came(more bool, last conversation.ID, got Ingested, now time.Time, retry time.Duration) (news error) {
	p.flying = wantNothing
	news = p.took(got)
	if got.trouble() != nil && got.Added == 0 && !p.whole {
		p.rested = now.Add(fruitless)
		more = false
	}
	if more {
		p.after = last
		return news
	}
	p.finish(now, retry)
	return news
}

// finish ends a series. What it could not bring is put off.
func (p *pull) finish(now time.Time, retry time.Duration) {
	p.active = false
	ids := p.ids
	if len(ids) == 0 {
		ids, p.heads, p.all = p.heads, nil, false
		p.offAll = p.offAll || p.why != nil
	}
	p.forget(ids)
	p.ids = nil
	switch {
	case p.why != nil:
		p.block(p.why, ids, now, retry)
	case p.blocked == nil:
		p.wait = 0
	}
}

// block puts ids off. The time doubles with each retry in a row.
func (p *pull) block(why error, ids []conversation.ID, now time.Time, retry time.Duration) {
	if p.blocked == nil {
		p.wait = min(max(2*p.wait, retry), 64*retry)
		p.until = now.Add(p.wait)
	}
	p.blocked = why
	for _, id := range ids {
		if !slices.Contains(p.putOff, id) {
			p.putOff = append(p.putOff, id)
		}
	}
	if over := len(p.putOff) - maxIDs; over > 0 {
		p.putOff, p.offAll = p.putOff[over:], true
	}
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

// drop forgets all, for the other side does not give it. A WANT that is on its
// way is still answered.
func (p *pull) drop() {
	*p = pull{flying: p.flying, active: p.flying == wantHistory, ids: p.ids, after: p.after, left: p.left, bare: p.bare}
}
