package membership

import (
	"math/bits"
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
)

// fate is what a ruling says of a data entry.
type fate struct {
	rank Rank // effective
	why  reason
}

// support is the fate of a data entry as far as its own past decides it: steps 3
// and 4 without the threats.
func (r *ruling) support(account int32, rank Rank, past Bitmap) fate {
	if rank == RankAdmin && !r.isPromoted(account, past) {
		rank = RankMember
	}
	if rank == RankMember && !r.isAdmitted(account, conversation.Data, past) {
		return fate{rank, notJoined}
	}
	return fate{rank, live}
}

// worsen gives a fate the smaller of two reasons.
func (f *fate) worsen(why reason) {
	if f.why == live || why < f.why {
		f.why = why
	}
}

// newcomer is the fate of a data entry that nothing follows yet: every threat
// that is not in its past is concurrent.
func (r *ruling) newcomer(writer, account int32, rank Rank, past Bitmap) reason {
	f := r.support(account, rank, past)
	for _, t := range r.claims[account].threats {
		if !past.Has(int(t.control)) && r.reachesData(t.control, writer, f.rank) {
			f.worsen(t.why)
		}
	}
	return f.why
}

// review works out anew which data entries of the accounts are void.
func (b *Book) review(stale []bool) {
	var threats []threat
	for a, is := range stale {
		if is && b.wrote[a] != none {
			threats = append(threats, b.now.claims[a].threats...)
		}
	}
	rows := b.dataOf(stale)
	fates := make([]fate, len(rows))
	for i, row := range rows {
		r := &b.rows[row]
		fates[i] = b.now.support(b.writers[r.writer].account, r.rank, b.pastOf(int(row)))
	}
	b.strikeData(threats, rows, fates)
}

// threaten lets a new threat void data entries of its account, which follow
// nothing new and so keep their other reasons.
func (b *Book) threaten(account int32, t threat) {
	stale := make([]bool, len(b.accounts))
	stale[account] = true
	rows := b.dataOf(stale)
	fates := make([]fate, len(rows))
	for i, row := range rows {
		r := &b.rows[row]
		fates[i] = fate{b.now.support(account, r.rank, b.pastOf(int(row))).rank, r.why}
	}
	b.strikeData([]threat{t}, rows, fates)
}

// dataOf are the rows of the data entries of some accounts, ascending.
func (b *Book) dataOf(accounts []bool) (rows []int32) {
	first := len(b.rows)
	for a, is := range accounts {
		if is && b.wrote[a] != none {
			first = min(first, int(b.wrote[a]))
		}
	}
	for row := first; row < len(b.rows); row++ {
		if r := &b.rows[row]; r.control == none && accounts[b.writers[r.writer].account] {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

// strikeData lets threats worsen the fates of data rows, and writes them down.
// It takes 64 threats at a time, one bit of a word each.
func (b *Book) strikeData(threats []threat, rows []int32, fates []fate) {
	if len(rows) > 0 {
		for some := range slices.Chunk(threats, wordBits) {
			b.strikeSome(some, rows, fates)
		}
	}
	for i, row := range rows {
		b.setFate(int(row), fates[i].why)
	}
}

func (b *Book) strikeSome(threats []threat, rows []int32, fates []fate) {
	followers := b.followers(threats, int(rows[0]))
	aimed := b.aims(threats)
	for i, row := range rows {
		r, past := &b.rows[row], b.pastOf(int(row))
		todo := aimed[b.writers[r.writer].account]
		if int(row) < len(followers) {
			todo &^= followers[row]
		}
		for ; todo != 0; todo &= todo - 1 {
			t := threats[bits.TrailingZeros64(todo)]
			if !past.Has(int(t.control)) && b.now.reachesData(t.control, r.writer, fates[i].rank) {
				fates[i].worsen(t.why)
			}
		}
	}
}

// aims tells which of the threats are aimed at each account.
func (b *Book) aims(threats []threat) []uint64 {
	aimed := make([]uint64, len(b.accounts))
	for i, t := range threats {
		x := &b.controls[t.control]
		if x.action == conversation.Revoke {
			aimed[x.account] |= 1 << i
		} else {
			aimed[x.about] |= 1 << i
		}
	}
	return aimed
}

// followers tells for each row from low on which of the threats follow it. Rows
// past the end are followed by none.
func (b *Book) followers(threats []threat, low int) []uint64 {
	var by []uint64
	for i, t := range threats {
		row := int(b.controls[t.control].row)
		if row >= len(by) {
			by = append(by, make([]uint64, row+1-len(by))...)
		}
		by[row] |= 1 << i
	}
	for row := len(by) - 1; row >= low; row-- {
		if by[row] == 0 {
			continue
		}
		for _, p := range b.parentsOf(row) {
			by[p] |= by[row]
		}
	}
	return by
}
