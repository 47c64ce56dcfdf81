package membership

import (
	"github.com/passeur-p2p/passeur/conversation"
)

// ruling is what a set of control entries comes to: the steps of [Resolve], on
// control entries alone, with what judges data entries by the same lines.
type ruling struct {
	*columns
	in       []int32 // the set, ascending
	dead     []reason
	rank     []Rank // effective
	claims   []claims
	standing standings

	killers, victims, cover Bitmap // scratch
}

// claims are the control entries of a ruling that bear on one account, in order
// of arrival.
type claims struct {
	wrote []int32
	words []said
	// threats void what the account wrote without knowing of them.
	threats []threat
	// promotions of the account and what ended them, as of step 3.
	promotions, promotionEnds []int32
	// invites, admissions and what ended either, as of step 4.
	invites, admissions, ends []int32
}

// said is a word about an account.
type said struct {
	control int32
	says    conversation.Action
}

// threat is a control entry, and the reason that it gives.
type threat struct {
	control int32
	why     reason
}

// resolve works out what a set comes to, nil for all.
func (r *ruling) resolve(set Bitmap) {
	r.reset(set)
	r.cutRevoked(ownerRevoked)
	r.killByOwner()
	r.cutRevoked(deviceRevoked)
	r.supportAdmins()
	r.killByAdmins()
	r.supportMembers()
	for a := range r.claims {
		r.standing[a] = r.lastWord(int32(a))
	}
}

// reset takes the set in and forgets what was before.
func (r *ruling) reset(set Bitmap) {
	n := len(r.controls)
	r.in = r.in[:0]
	r.dead, r.rank = refill(r.dead, n), refill(r.rank, n)
	r.standing = refill(r.standing, len(r.accounts))
	for a := range r.claims {
		r.claims[a].clear()
	}
	r.growClaims()
	for c := range r.controls {
		if set == nil || set.Has(c) {
			r.enter(int32(c))
		}
	}
}

func (r *ruling) enter(c int32) {
	x := &r.controls[c]
	r.in = append(r.in, c)
	r.rank[c] = x.rank
	r.claims[x.account].wrote = append(r.claims[x.account].wrote, c)
	for _, w := range r.wordsOf(c) {
		if w.says != "" {
			a := &r.claims[w.about]
			a.words = append(a.words, said{c, w.says})
		}
	}
}

// wordOf is a word about an account by its number.
type wordOf struct {
	about int32
	says  conversation.Action
}

// wordsOf are the words of a control entry, of which the second may be empty.
func (c *columns) wordsOf(number int32) (words [2]wordOf) {
	x := &c.controls[number]
	switch {
	case x.about == none:
	case x.action != conversation.Initial:
		words[0] = wordOf{x.about, x.action}
	default:
		words[0] = wordOf{x.account, conversation.Initial}
		if x.about != x.account {
			words[1] = wordOf{x.about, conversation.Invite}
		}
	}
	return words
}

func (r *ruling) growClaims() {
	for len(r.claims) < len(r.accounts) {
		r.claims = append(r.claims, claims{})
	}
}

func (c *claims) clear() {
	*c = claims{
		wrote: c.wrote[:0], words: c.words[:0], threats: c.threats[:0],
		promotions: c.promotions[:0], promotionEnds: c.promotionEnds[:0],
		invites: c.invites[:0], admissions: c.admissions[:0], ends: c.ends[:0],
	}
}

// refill is a slice of n zeros, in the memory of the old one where it fits.
func refill[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n, n+n/4)
	}
	clear(old[:n])
	return old[:n]
}

// extend takes in an entry that follows every other: it voids and revives no
// control entry and, being valid, is live.
func (r *ruling) extend(c int32) {
	r.dead, r.rank = append(r.dead, live), append(r.rank, 0)
	r.growClaims()
	for len(r.standing) < len(r.accounts) {
		r.standing = append(r.standing, standing{})
	}
	r.enter(c)
	r.cuts(c)
	r.killsAsOwner(c)
	r.promotes(c)
	r.killsAsAdmin(c)
	r.admits(c)
	r.standing = r.apply(r.standing, c)
}

// apply lets the words of c stand over all others.
func (c *columns) apply(to standings, number int32) standings {
	for _, w := range c.wordsOf(number) {
		if w.says == "" {
			continue
		}
		for len(to) <= int(w.about) {
			to = append(to, standing{})
		}
		to[w.about] = decided(w.says, c.controls[number].rank)
	}
	return to
}

// cutRevoked is step 0 for the revocations by the creator's account, step 2 for
// everybody else's.
func (r *ruling) cutRevoked(why reason) {
	for _, c := range r.in {
		if r.cutReason(c) == why {
			r.cuts(c)
		}
	}
	r.strike(why)
}

func (r *ruling) cutReason(c int32) reason {
	if r.controls[c].account == creator {
		return ownerRevoked
	}
	return deviceRevoked
}

// cuts notes a live revocation as a threat to its account.
func (r *ruling) cuts(c int32) {
	if x := &r.controls[c]; x.action == conversation.Revoke && r.dead[c] == live {
		r.threaten(x.account, c, r.cutReason(c))
	}
}

func (r *ruling) threaten(account, c int32, why reason) {
	a := &r.claims[account]
	a.threats = append(a.threats, threat{c, why})
}

// killByOwner is step 1.
func (r *ruling) killByOwner() {
	for _, c := range r.in {
		r.killsAsOwner(c)
	}
	r.strike(ownerBanned)
	r.strike(ownerRemoved)
	r.strike(ownerDemoted)
}

func (r *ruling) killsAsOwner(c int32) {
	x := &r.controls[c]
	if x.rank != RankOwner || r.dead[c] != live {
		return
	}
	switch x.action {
	case conversation.Ban:
		r.threaten(x.about, c, ownerBanned)
	case conversation.Remove:
		r.threaten(x.about, c, ownerRemoved)
	case conversation.Demote:
		r.threaten(x.about, c, ownerDemoted)
	}
}

// supportAdmins is the first half of step 3. What promotes and what ends a
// promotion is settled by now, so one pass in order does.
func (r *ruling) supportAdmins() {
	for _, c := range r.in {
		x := &r.controls[c]
		if x.rank == RankAdmin && !r.isPromoted(x.account, r.past(c)) {
			r.rank[c] = RankMember
			if isAdminAct(x.action) && r.dead[c] == live {
				r.dead[c] = notPromoted
			}
		}
		r.promotes(c)
	}
}

// promotes notes what makes an admin, or ends it.
func (r *ruling) promotes(c int32) {
	x := &r.controls[c]
	if r.dead[c] != live || x.about == none {
		return
	}
	a := &r.claims[x.about]
	switch x.action {
	case conversation.Promote:
		a.promotions = append(a.promotions, c)
	case conversation.Remove, conversation.Ban, conversation.Demote:
		if x.rank == RankOwner {
			a.promotionEnds = append(a.promotionEnds, c)
		}
	case conversation.Leave:
		a.promotionEnds = append(a.promotionEnds, c)
	}
}

func (r *ruling) isPromoted(account int32, past Bitmap) bool {
	a := &r.claims[account]
	return r.holds(past, a.promotions, a.promotionEnds)
}

// killByAdmins is the second half of step 3.
func (r *ruling) killByAdmins() {
	for _, c := range r.in {
		r.killsAsAdmin(c)
	}
	r.strike(adminBanned)
	r.strike(adminRemoved)
}

func (r *ruling) killsAsAdmin(c int32) {
	x := &r.controls[c]
	if r.rank[c] != RankAdmin || r.dead[c] != live {
		return
	}
	switch x.action {
	case conversation.Ban:
		r.threaten(x.about, c, adminBanned)
	case conversation.Remove:
		r.threaten(x.about, c, adminRemoved)
	}
}

// supportMembers is step 4, oldest first.
func (r *ruling) supportMembers() {
	for _, c := range r.in {
		x := &r.controls[c]
		if r.dead[c] == live && r.rank[c] == RankMember && !r.isAdmitted(x.account, x.action, r.past(c)) {
			r.dead[c] = notJoined
			if x.action == conversation.Join {
				r.dead[c] = notInvited
			}
		}
		r.admits(c)
	}
}

// admits notes what invites and admits, or ends it.
func (r *ruling) admits(c int32) {
	if r.dead[c] != live {
		return
	}
	for _, w := range r.wordsOf(c) {
		if w.says == "" {
			continue
		}
		switch a := &r.claims[w.about]; w.says {
		case conversation.Invite:
			a.invites = append(a.invites, c)
		case conversation.Join, conversation.Promote, conversation.Demote:
			a.admissions = append(a.admissions, c)
		case conversation.Remove, conversation.Ban, conversation.Leave:
			a.ends = append(a.ends, c)
		}
	}
}

// isAdmitted tells whether somebody of rank 2 may do this after such a past.
func (r *ruling) isAdmitted(account int32, action conversation.Action, past Bitmap) bool {
	a := &r.claims[account]
	switch action {
	case conversation.Revoke:
		return true
	case conversation.Join:
		return r.holds(past, a.invites, a.ends)
	case conversation.Leave:
		return r.holds(past, a.admissions, a.ends) || r.holds(past, a.invites, a.ends)
	}
	return r.holds(past, a.admissions, a.ends)
}

// holds tells whether the past has a grant that no end in the past follows.
// Newest first: the ends that may follow a grant arrived after it.
func (r *ruling) holds(past Bitmap, grants, ends []int32) bool {
	grants, ends = arrived(grants, past), arrived(ends, past)
	r.cover = r.cover[:0]
	for i := len(grants) - 1; i >= 0; i-- {
		g := int(grants[i])
		if !past.Has(g) {
			continue
		}
		for ; len(ends) > 0 && int(ends[len(ends)-1]) > g; ends = ends[:len(ends)-1] {
			r.hide(int(ends[len(ends)-1]), past)
		}
		if !r.cover.Has(g) {
			return true
		}
	}
	return false
}

// hide covers what an end in the past follows.
func (r *ruling) hide(end int, past Bitmap) {
	if past.Has(end) && !r.cover.Has(end) {
		r.cover.or(r.past(int32(end)))
		r.cover.Set(end)
	}
}

// arrived leaves out the end of an ascending list that cannot be in the past.
func arrived(list []int32, past Bitmap) []int32 {
	n := len(list)
	for limit := int32(len(past) * wordBits); n > 0 && list[n-1] >= limit; n-- {
	}
	return list[:n]
}

// lastWord is what the live words say of an account: of those that no other
// follows the highest rank's, of them the strictest; but who left has left,
// unless he is banned.
func (r *ruling) lastWord(account int32) standing {
	var best standing
	var says conversation.Action
	left := false
	r.cover = r.cover[:0]
	words := r.claims[account].words
	for i := len(words) - 1; i >= 0; i-- {
		c, w := words[i].control, words[i].says
		if r.dead[c] != live || r.cover.Has(int(c)) {
			continue
		}
		r.cover.or(r.past(c))
		switch rank := r.rank[c]; {
		case w == conversation.Leave:
			left = true
		case best.code == 0 || rank < best.rank || rank == best.rank && strictness(w) > strictness(says):
			best, says = decided(w, rank), w
		}
	}
	if left && best.status() != Banned {
		return decided(conversation.Leave, RankMember)
	}
	return best
}
