package membership

import "slices"

// Book keeps the entries of one conversation and what they come to. It is not
// safe for concurrent use.
type Book struct {
	columns
	now   *ruling // what all entries come to
	spare *ruling // for other sets, and for the next now
	cache cache

	covered Bitmap // rows that a live row follows
	heads   Bitmap
	change  Change // being collected

	union Bitmap  // scratch of precede
	marks Bitmap  // scratch of meets, empty between walks
	todo  []int32 // scratch of cover
}

// NewBook returns a book without entries. Row 0 is to be the initial one.
func NewBook() *Book {
	b := &Book{columns: newColumns(), cache: newCache()}
	b.now, b.spare = &ruling{columns: &b.columns}, &ruling{columns: &b.columns}
	return b
}

// Len is the number of entries; the next one becomes row Len().
func (b *Book) Len() int { return len(b.rows) }

// Add judges e and makes it row Len(). After an error the book is as it was.
func (b *Book) Add(e Entry) (row int, c Change, err error) {
	v, err := b.Judge(e)
	if err != nil {
		return 0, Change{}, err
	}
	row = b.insert(e, v.Rank, int32(v.Past))
	b.change = Change{}
	if b.rows[row].control == none {
		b.placeData(row)
	} else {
		b.placeControl(row)
	}
	b.settleHeads(row)
	c, b.change = b.change, Change{}
	slices.Sort(c.Void)
	slices.Sort(c.Live)
	return row, c, nil
}

// placeData decides about a new data row. It changes nothing else.
func (b *Book) placeData(row int) {
	r := &b.rows[row]
	b.now.growClaims()
	b.setFate(row, b.now.newcomer(r.writer, b.writers[r.writer].account, r.rank, b.pastOf(row)))
}

// placeControl decides about a new control row and all that it bears on.
func (b *Book) placeControl(row int) {
	c := b.rows[row].control
	if b.followsAll(b.past(c), int(c)) {
		b.extend(c)
	} else {
		b.resolveAnew(c)
	}
	b.threatenBy(c)
}

// extend is the common case: whoever wrote c had seen all control entries.
func (b *Book) extend(c int32) {
	about := b.controls[c].about
	before := b.now.standing.of(about)
	b.now.extend(c)
	b.change.State = b.now.standing.of(about) != before
}

// resolveAnew resolves all control entries, and reviews the data of those about
// whom something else than c alone changed.
func (b *Book) resolveAnew(c int32) {
	old := b.now
	b.now, b.spare = b.spare, old
	b.now.resolve(nil)
	b.change.State = !b.now.standing.equal(old.standing)

	stale, changed := make([]bool, len(b.accounts)), false
	for i := range old.dead {
		if b.now.dead[i] != old.dead[i] || b.now.rank[i] != old.rank[i] {
			stale[b.bearsOn(int32(i))], changed = true, true
		}
		b.setFate(int(b.controls[i].row), b.now.dead[i])
	}
	b.setFate(int(b.controls[c].row), b.now.dead[c])
	if changed {
		b.review(stale)
	}
}

// bearsOn is the account whose entries a control entry may void or support.
func (b *Book) bearsOn(c int32) int32 {
	if x := &b.controls[c]; x.about != none {
		return x.about
	}
	return b.controls[c].account
}

// threatenBy lets c void data that it does not follow.
func (b *Book) threatenBy(c int32) {
	account := b.bearsOn(c)
	if b.wrote[account] == none || !threatens(b.controls[c].action) {
		return
	}
	for _, t := range slices.Backward(b.now.claims[account].threats) {
		if t.control == c {
			b.threaten(account, t)
			return
		}
	}
}

// setFate writes down whether a row is void, and what that changes.
func (b *Book) setFate(row int, why reason) {
	r := &b.rows[row]
	fresh := row == len(b.rows)-1
	switch {
	case why != live && (fresh || r.why == live):
		b.change.Void = append(b.change.Void, row)
	case why == live && r.why != live:
		b.change.Live = append(b.change.Live, row)
	}
	r.why = why
}

// settleHeads brings the heads up to date after a row was added.
func (b *Book) settleHeads(row int) {
	flips := len(b.change.Void) + len(b.change.Live)
	if b.rows[row].why != live {
		flips--
	}
	switch {
	case flips > 0:
		b.coverAll()
	case b.rows[row].why == live:
		b.heads.Set(row)
		b.cover(row)
	}
}

// Restore makes e row Len() without judging it: it is to be an entry that Add
// took before, with the verdict of then, of which only Rank is read. After the
// last one call Settle; until then nothing else may be asked.
func (b *Book) Restore(e Entry, v Verdict) {
	past, number := b.precede(e.Parents)
	if number == none {
		number = b.pasts.intern(past, none)
	}
	b.insert(e, v.Rank, number)
}

// Settle works out what the restored entries come to.
func (b *Book) Settle() {
	b.now.resolve(nil)
	for c := range b.controls {
		b.rows[b.controls[c].row].why = b.now.dead[c]
	}
	b.review(slices.Repeat([]bool{true}, len(b.accounts)))
	b.coverAll()
	b.change = Change{}
}
