package membership

import (
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
)

// Judge says whether e would be valid as the next row, from its ancestors alone.
// An error wraps ErrInvalid and says which rule is broken.
func (b *Book) Judge(e Entry) (Verdict, error) {
	if len(b.rows) == 0 {
		return Verdict{FirstOfDevice: true}, checkFirst(e)
	}
	if err := checkParents(e, len(b.rows)); err != nil {
		return Verdict{}, err
	}
	past, number := b.precede(e.Parents)
	at := b.standingsAt(past, number)
	q := b.question(e, past, at)
	if err := q.permit(); err != nil {
		return Verdict{}, err
	}
	if number == none {
		number = b.pasts.intern(past, none)
		b.cache.put(number, slices.Clone(at))
	}
	return Verdict{q.author.rank(), int(number), b.isFirst(e, past)}, nil
}

// precede is the set of control entries in the past of what follows the rows,
// and its number, none if it has none yet. The set is valid until the next call.
func (b *Book) precede(rows []int) (past Bitmap, number int32) {
	if len(rows) == 0 {
		return nil, 0
	}
	number = b.rows[rows[0]].after
	if !slices.ContainsFunc(rows, func(row int) bool { return b.rows[row].after != number }) {
		return b.pasts.sets[number], number
	}
	b.union = b.union[:0]
	last := int32(none)
	for _, row := range rows {
		if after := b.rows[row].after; after != last {
			b.union.or(b.pasts.sets[after])
			last = after
		}
	}
	if number, found := b.pasts.find(b.union); found {
		return b.pasts.sets[number], number
	}
	return b.union, none
}

// followsAll tells whether a past holds all of the first n control entries.
func (b *Book) followsAll(past Bitmap, n int) bool {
	return (n == 0 || past.Has(n-1)) && past.Count() == n
}

func (b *Book) question(e Entry, past Bitmap, at standings) question {
	author, target := at.of(b.findAccount(e.Account)), at.of(b.findAccount(e.Target))
	q := question{
		Entry: e, mode: b.mode, creator: b.Creator(), with: b.With(),
		author: author.status(), target: target.status(), bannedBy: target.rank,
		revoked: b.isRevokedAt(past, b.findWriter(e.Account, e.Device)),
	}
	if e.Action != conversation.Data {
		q.controls = past.Count()
	}
	return q
}

// isRevokedAt: a void revocation counts too, so that a stolen device never
// comes back.
func (b *Book) isRevokedAt(past Bitmap, writer int32) bool {
	return writer != none && slices.ContainsFunc(b.writers[writer].revocations, func(c int32) bool {
		return past.Has(int(c))
	})
}

// isFirst tells whether nothing in the past of e is by the same writer. Control
// entries are found in the set; data is walked for, which for a device that
// writes now and then takes a few steps.
func (b *Book) isFirst(e Entry, past Bitmap) bool {
	n := b.findWriter(e.Account, e.Device)
	if n == none {
		return true
	}
	w := &b.writers[n]
	if slices.ContainsFunc(w.controls, func(c int32) bool { return past.Has(int(c)) }) {
		return false
	}
	if w.first == none {
		return true
	}
	return !b.meets(narrow(e.Parents), int(w.first), func(row int) bool { return b.rows[row].writer == n })
}

func narrow(rows []int) []int32 {
	to := make([]int32, len(rows))
	for i, row := range rows {
		to[i] = int32(row)
	}
	return to
}

// standingsAt is what a set of control entries says of everybody. The answer is
// to be read before the book changes.
func (b *Book) standingsAt(past Bitmap, number int32) standings {
	if b.followsAll(past, len(b.controls)) {
		return b.now.standing
	}
	if number != none {
		if at, known := b.cache.get(number); known {
			return at
		}
	}
	at := b.workOut(past, number)
	if number != none {
		b.cache.put(number, at)
	}
	return at
}

// workOut resolves the set, or, where one of its entries follows all others,
// lets that stand over what is known of those.
func (b *Book) workOut(past Bitmap, number int32) standings {
	if number != none && b.pasts.tops[number] != none {
		top := b.pasts.tops[number]
		if before, known := b.cache.get(b.controls[top].past); known {
			return b.apply(slices.Clone(before), top)
		}
	}
	b.spare.resolve(past)
	return slices.Clone(b.spare.standing)
}
