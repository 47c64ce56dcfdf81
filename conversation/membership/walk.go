package membership

import "math/bits"

// Ancestors are the rows and everything in their pasts, ascending rows in a
// bitmap as long as the greatest of them needs.
func (b *Book) Ancestors(rows []int) (set Bitmap) {
	for _, row := range rows {
		set.Set(row)
	}
	for w := len(set) - 1; w >= 0; w-- {
		for todo := set[w]; todo != 0; {
			bit := bits.Len64(todo) - 1
			todo &^= 1 << bit
			for _, p := range b.parentsOf(w*wordBits + bit) {
				set.Set(int(p))
				if int(p)/wordBits == w {
					todo |= 1 << (p % wordBits)
				}
			}
		}
	}
	return set
}

// IsAncestor tells whether old lies in the past of young. A row is not its own
// ancestor.
func (b *Book) IsAncestor(old, young int) bool {
	if old >= young {
		return false
	}
	past := b.pastOf(young)
	if c := b.rows[old].control; c != none {
		return past.Has(int(c))
	}
	return past.contains(b.pastOf(old)) &&
		b.meets(b.parentsOf(young), old, func(row int) bool { return row == old })
}

// meets walks from rows down their pasts, the newest first, until one is found
// or only rows below low are left. It takes a step for each row in between.
func (b *Book) meets(rows []int32, low int, found func(row int) bool) bool {
	w := walk{todo: b.marks, low: low, lowest: len(b.rows) / wordBits}
	w.todo.grow(w.lowest + 1)
	b.marks = w.todo
	defer w.wipe()
	w.mark(rows)
	for row, ok := w.next(); ok; row, ok = w.next() {
		if found(row) {
			return true
		}
		w.mark(b.parentsOf(row))
	}
	return false
}

// walk is the rows that are still to be visited. All of them are in words up to
// at and from lowest on.
type walk struct {
	todo       Bitmap
	low        int // rows below are of no interest
	at, lowest int
}

func (w *walk) mark(rows []int32) {
	for _, row := range rows {
		if word := int(row) / wordBits; int(row) >= w.low {
			w.todo[word] |= 1 << (row % wordBits)
			w.at, w.lowest = max(w.at, word), min(w.lowest, word)
		}
	}
}

// next takes the greatest row out.
func (w *walk) next() (row int, ok bool) {
	for ; w.at > w.lowest && w.todo[w.at] == 0; w.at-- {
	}
	word := &w.todo[w.at]
	if *word == 0 {
		return 0, false
	}
	bit := bits.Len64(*word) - 1
	*word &^= 1 << bit
	return w.at*wordBits + bit, true
}

// wipe leaves the bitmap empty for the next walk.
func (w *walk) wipe() { clear(w.todo[w.lowest:]) }

// cover notes that a live row follows its ancestors. Below a row that is covered
// or live all is covered already, so each row is walked over once.
func (b *Book) cover(row int) {
	todo := append(b.todo[:0], b.parentsOf(row)...)
	for len(todo) > 0 {
		p := int(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if b.covered.Has(p) {
			continue
		}
		b.covered.Set(p)
		b.heads.clear(p)
		if b.rows[p].why != live {
			todo = append(todo, b.parentsOf(p)...)
		}
	}
	b.todo = todo
}

// coverAll works out anew which rows a live row follows, and which are heads.
func (b *Book) coverAll() {
	words := len(b.rows)/wordBits + 1
	b.covered, b.heads = refill(b.covered, words), refill(b.heads, words)
	for row := len(b.rows) - 1; row >= 0; row-- {
		if b.rows[row].why == live && !b.covered.Has(row) {
			b.heads.Set(row)
		}
		if b.rows[row].why != live && !b.covered.Has(row) {
			continue
		}
		for _, p := range b.parentsOf(row) {
			b.covered.Set(int(p))
		}
	}
}

// Heads are the live rows that no other live row follows, ascending: the parents
// of what is written next.
func (b *Book) Heads() (heads []int) {
	for row := range b.heads.Rows() {
		heads = append(heads, row)
	}
	return heads
}
