package membership

import "github.com/passeur-p2p/passeur/conversation"

// strike voids, for one reason, what the threatened wrote without knowing of a
// threat and before it: the two are then concurrent.
func (r *ruling) strike(why reason) {
	for a := range r.claims {
		if len(r.claims[a].threats) > 0 {
			r.strikeAccount(&r.claims[a], why)
		}
	}
}

func (r *ruling) strikeAccount(a *claims, why reason) {
	r.killers, r.victims = r.killers[:0], r.victims[:0]
	for _, t := range a.threats {
		if t.why == why {
			r.killers.Set(int(t.control))
		}
	}
	if len(r.killers) == 0 {
		return
	}
	for _, e := range a.wrote {
		if r.dead[e] == live {
			r.victims.Set(int(e))
		}
	}
	r.strikeLater(why)
	r.strikeEarlier(why)
}

// strikeLater voids those that arrived after a killer without following it.
func (r *ruling) strikeLater(why reason) {
	for e := range r.victims.Rows() {
		for x := range r.killers.except(r.past(int32(e)), e) {
			if r.reaches(int32(x), int32(e)) {
				r.dead[e] = why
				break
			}
		}
	}
}

// strikeEarlier voids those that a killer that arrived after them does not
// follow.
func (r *ruling) strikeEarlier(why reason) {
	for x := range r.killers.Rows() {
		for e := range r.victims.except(r.past(int32(x)), x) {
			if r.reaches(int32(x), int32(e)) {
				r.dead[e] = why
			}
		}
	}
}

// reaches tells whether x voids e, being concurrent.
func (r *ruling) reaches(x, e int32) bool {
	killer, victim := &r.controls[x], &r.controls[e]
	switch {
	case victim.action == conversation.Initial:
		return false
	case killer.action == conversation.Revoke:
		return victim.action != conversation.Revoke && victim.writer == killer.revoked
	case killer.action == conversation.Demote:
		return victim.rank == RankAdmin && isAdminAct(victim.action)
	case victim.action == conversation.Revoke && killer.rank != RankOwner:
		return false
	}
	return r.rank[e] > r.rank[x]
}

// reachesData is the same for a data entry of a writer with effective rank.
func (r *ruling) reachesData(x int32, writer int32, rank Rank) bool {
	switch killer := &r.controls[x]; killer.action {
	case conversation.Revoke:
		return writer == killer.revoked
	case conversation.Demote:
		return false
	default:
		return rank > r.rank[x]
	}
}
