package membership

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// State is what a set of entries comes to.
type State struct {
	// Invalid holds for each row why it is not valid, nil if it is. An entry
	// that is not valid, or follows one, counts for nothing.
	Invalid []error
	// Verdicts of the valid rows, without Past.
	Verdicts []Verdict
	// Void holds for each row why it is void, "" if it is live or not valid.
	Void []string
	// Heads are the live rows that no other live row follows.
	Heads []int
	// Members are all who ever had a status, ordered by account.
	Members []MemberStatus
}

// Resolve works out from scratch what the entries come to: the rules as
// docs/protocol.md states them, without any shortcut. Its time grows with the
// fourth power of the number of entries; it is for tests and for reading.
func Resolve(entries []Entry) State {
	r := &reference{}
	var verdicts []Verdict
	var invalid []error
	for _, e := range entries {
		v, err := r.judge(e)
		r.add(e, v.Rank, err != nil)
		verdicts, invalid = append(verdicts, v), append(invalid, err)
	}
	s := r.state(invalid)
	s.Verdicts = verdicts
	return s
}

// state is what those of the entries come to that are not invalid.
func (r *reference) state(invalid []error) State {
	s := State{Invalid: invalid, Void: make([]string, len(r.entries))}
	var valid Bitmap
	for row, err := range invalid {
		if err == nil {
			valid.Set(row)
		}
	}
	o := r.resolve(valid)
	for _, row := range o.rows {
		s.Void[row] = o.dead[row].String()
	}
	s.Heads, s.Members = o.heads(), o.members()
	return s
}

var errFollowsInvalid = fmt.Errorf("%w: it follows an entry that does", ErrInvalid)

// reference is a growing list of entries, with what is fixed about each.
type reference struct {
	entries []Entry
	past    []Bitmap // all ancestors
	rank    []Rank
	refused Bitmap
}

func (r *reference) add(e Entry, rank Rank, refused bool) {
	var past Bitmap
	if refused {
		r.refused.Set(len(r.entries))
	} else {
		past = r.pastOf(e)
	}
	r.past = append(r.past, past)
	r.entries = append(r.entries, e)
	r.rank = append(r.rank, rank)
}

func (r *reference) pastOf(e Entry) (past Bitmap) {
	for _, p := range e.Parents {
		past.or(r.past[p])
		past.Set(p)
	}
	return past
}

// judge says whether e, as the next row, is valid: a function of its ancestors.
func (r *reference) judge(e Entry) (Verdict, error) {
	if len(r.entries) == 0 {
		return Verdict{FirstOfDevice: true}, checkFirst(e)
	}
	if err := checkParents(e, len(r.entries)); err != nil {
		return Verdict{}, err
	}
	if slices.ContainsFunc(e.Parents, r.refused.Has) {
		return Verdict{}, errFollowsInvalid
	}
	past := r.pastOf(e)
	q := r.question(e, past)
	return Verdict{
		Rank:          q.author.rank(),
		FirstOfDevice: !r.wrote(past, e.Account, e.Device),
	}, q.permit()
}

func (r *reference) question(e Entry, past Bitmap) question {
	o := r.resolve(past)
	first := r.entries[0]
	return question{
		Entry: e, mode: first.Mode, creator: first.Account, with: first.With,
		author:   o.standing(e.Account).Status,
		target:   o.standing(e.Target).Status,
		bannedBy: o.standing(e.Target).Rank,
		revoked:  r.isRevoked(past, e.Account, e.Device),
		controls: r.controls(past).Count(),
	}
}

// controls are the control entries of a set.
func (r *reference) controls(set Bitmap) (c Bitmap) {
	for row := range set.Rows() {
		if r.entries[row].Action != conversation.Data {
			c.Set(row)
		}
	}
	return c
}

func (r *reference) wrote(set Bitmap, a conversation.Account, d peer.ID) bool {
	return anyOf(set.Rows(), func(row int) bool {
		return r.entries[row].Account == a && r.entries[row].Device == d
	})
}

// isRevoked: a revocation counts here whether it is live or void, so that a
// stolen device never comes back.
func (r *reference) isRevoked(set Bitmap, a conversation.Account, d peer.ID) bool {
	return anyOf(set.Rows(), func(row int) bool {
		e := r.entries[row]
		return e.Action == conversation.Revoke && e.Account == a && e.Revoked == d
	})
}

// concurrent: neither is an ancestor of the other.
func (r *reference) concurrent(a, b int) bool {
	return a != b && !r.past[a].Has(b) && !r.past[b].Has(a)
}

// outcome is what a set of entries comes to while it is worked out.
type outcome struct {
	*reference
	rows []int // of the set, ascending
	dead map[int]reason
	// rank is the effective one: an admin whose promotion does not count has the
	// rank of a member.
	rank map[int]Rank
}

// resolve follows the steps of docs/protocol.md. Each reads what earlier steps
// or ancestors decided, so there is no cycle to be broken.
func (r *reference) resolve(set Bitmap) *outcome {
	o := &outcome{reference: r, rows: slices.Collect(set.Rows()), dead: map[int]reason{}, rank: map[int]Rank{}}
	for _, e := range o.rows {
		o.rank[e] = r.rank[e]
	}
	o.cutRevoked(ownerRevoked)
	o.killByOwner()
	o.cutRevoked(deviceRevoked)
	o.supportAdmins()
	o.killByAdmins()
	o.supportMembers()
	return o
}

// void marks e for the smallest of its reasons.
func (o *outcome) void(e int, why reason) {
	if old := o.dead[e]; old == live || why < old {
		o.dead[e] = why
	}
}

// cutRevoked is step 0 for the revocations by the creator's account, whatever it
// is by then, and step 2 for everybody else's: of a revoked device only what its
// revocation follows remains. What follows the revocation is not valid to begin
// with.
func (o *outcome) cutRevoked(why reason) {
	for _, x := range o.rows {
		r := o.entries[x]
		if r.Action != conversation.Revoke || o.cutReason(x) != why || o.dead[x] != live {
			continue
		}
		for _, e := range o.rows {
			if o.entries[e].Account == r.Account && o.entries[e].Device == r.Revoked && o.concurrent(e, x) && !o.isSpared(e) {
				o.void(e, why)
			}
		}
	}
}

func (o *outcome) cutReason(x int) reason {
	if o.entries[x].Account == o.entries[0].Account {
		return ownerRevoked
	}
	return deviceRevoked
}

// isSpared: nothing voids the first entry, and no revocation voids another.
func (o *outcome) isSpared(e int) bool {
	a := o.entries[e].Action
	return a == conversation.Initial || a == conversation.Revoke
}

// killByOwner is step 1.
func (o *outcome) killByOwner() {
	reasons := map[conversation.Action]reason{
		conversation.Ban: ownerBanned, conversation.Remove: ownerRemoved, conversation.Demote: ownerDemoted,
	}
	for _, x := range o.rows {
		if why := reasons[o.entries[x].Action]; why != live && o.reference.rank[x] == RankOwner && o.dead[x] == live {
			o.kill(x, why)
		}
	}
}

// kill voids what x's target wrote without knowing of x, if it ranks lower.
func (o *outcome) kill(x int, why reason) {
	for _, e := range o.rows {
		if o.entries[e].Account == o.entries[x].Target && o.concurrent(e, x) && o.rank[e] > o.rank[x] && o.kills(x, e) {
			o.void(e, why)
		}
	}
}

func (o *outcome) kills(x, e int) bool {
	switch action := o.entries[e].Action; {
	case o.entries[x].Action == conversation.Demote:
		return o.reference.rank[e] == RankAdmin && isAdminAct(action)
	case action == conversation.Revoke:
		return o.rank[x] == RankOwner
	default:
		return action != conversation.Initial
	}
}

// supportAdmins is the first half of step 3.
func (o *outcome) supportAdmins() {
	for _, e := range o.rows {
		if o.reference.rank[e] != RankAdmin || o.isPromoted(e) {
			continue
		}
		o.rank[e] = RankMember
		if isAdminAct(o.entries[e].Action) && o.dead[e] == live {
			o.void(e, notPromoted)
		}
	}
}

// isPromoted: e follows a live promotion of its author that nothing live between
// the two ended.
func (o *outcome) isPromoted(e int) bool {
	author := o.entries[e].Account
	return anyOf(o.past[e].Rows(), func(p int) bool {
		promotes := slices.Contains(o.entries[p].words(), word{author, conversation.Promote})
		return promotes && o.dead[p] == live && !o.isEnded(p, e, RankOwner)
	})
}

// isEnded: between g and e, in e's past, lies a live end of what g granted to
// e's author: he left, or an entry of rank lowest or higher removed or banned
// him, or (for promotions) demoted him.
func (o *outcome) isEnded(g, e int, lowest Rank) bool {
	author := o.entries[e].Account
	return anyOf(o.past[e].Rows(), func(x int) bool {
		if !o.past[x].Has(g) || o.dead[x] != live {
			return false
		}
		return slices.ContainsFunc(o.entries[x].words(), func(w word) bool {
			switch w.says {
			case conversation.Leave:
				return w.about == author
			case conversation.Remove, conversation.Ban:
				return w.about == author && o.reference.rank[x] <= lowest
			case conversation.Demote:
				return w.about == author && lowest == RankOwner
			}
			return false
		})
	})
}

// killByAdmins is the second half of step 3. It reaches rank 2 only.
func (o *outcome) killByAdmins() {
	reasons := map[conversation.Action]reason{conversation.Ban: adminBanned, conversation.Remove: adminRemoved}
	for _, x := range o.rows {
		if why := reasons[o.entries[x].Action]; why != live && o.rank[x] == RankAdmin && o.dead[x] == live {
			o.kill(x, why)
		}
	}
}

// supportMembers is step 4, oldest first.
func (o *outcome) supportMembers() {
	for _, e := range o.rows {
		action := o.entries[e].Action
		if o.dead[e] != live || o.rank[e] != RankMember || action == conversation.Revoke || o.isAdmitted(e) {
			continue
		}
		if action == conversation.Join {
			o.void(e, notInvited)
		} else {
			o.void(e, notJoined)
		}
	}
}

// isAdmitted: e follows a live word that lets its author do this, and that
// nothing live between the two ended.
func (o *outcome) isAdmitted(e int) bool {
	author, action := o.entries[e].Account, o.entries[e].Action
	return anyOf(o.past[e].Rows(), func(g int) bool {
		lets := slices.ContainsFunc(o.entries[g].words(), func(w word) bool {
			return w.about == author && grants(w.says, action)
		})
		return lets && o.dead[g] == live && !o.isEnded(g, e, RankMember)
	})
}

// standing is what the set says of an account: the word that no other live word
// about it follows; of several the highest rank's, then the strictest.
func (o *outcome) standing(a conversation.Account) MemberStatus {
	best := MemberStatus{Account: a}
	var says conversation.Action
	left := false
	for _, c := range o.lastWords(a) {
		rank := o.rank[c.row]
		switch {
		case c.says == conversation.Leave:
			left = true
		case best.Status == None || cmp.Or(cmp.Compare(rank, best.Rank), strictness(says)-strictness(c.says)) < 0:
			says, best.Rank, best.Status = c.says, rank, makes(c.says)
		}
	}
	if left && best.Status != Banned {
		best.Status, best.Rank = Left, RankMember
	}
	return best
}

type spoken struct {
	row  int
	says conversation.Action
}

// lastWords are the live words about a that no other of them follows.
func (o *outcome) lastWords(a conversation.Account) (last []spoken) {
	var all []spoken
	for _, row := range o.rows {
		for _, w := range o.entries[row].words() {
			if w.about == a && o.dead[row] == live {
				all = append(all, spoken{row, w.says})
			}
		}
	}
	for _, c := range all {
		if !slices.ContainsFunc(all, func(d spoken) bool { return o.past[d.row].Has(c.row) }) {
			last = append(last, c)
		}
	}
	return last
}

func (o *outcome) heads() (heads []int) {
	var covered Bitmap
	for _, row := range o.rows {
		if o.dead[row] == live {
			covered.or(o.past[row])
		}
	}
	for _, row := range o.rows {
		if o.dead[row] == live && !covered.Has(row) {
			heads = append(heads, row)
		}
	}
	return heads
}

func (o *outcome) members() (members []MemberStatus) {
	known := map[conversation.Account]bool{}
	for _, row := range o.rows {
		for _, w := range o.entries[row].words() {
			known[w.about] = true
		}
	}
	for a := range known {
		if m := o.standing(a); m.Status != None {
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b MemberStatus) int { return slices.Compare(a.Account[:], b.Account[:]) })
	return members
}

func anyOf(rows iter.Seq[int], is func(row int) bool) bool {
	for row := range rows {
		if is(row) {
			return true
		}
	}
	return false
}
