package membership

import "math/bits"

const wordBits = 64

// Bitmap is a set of rows, one bit each: row r is bit r%64 of word r/64. Rows
// beyond the last word are not in it.
type Bitmap []uint64

// Has tells whether row is in the set.
func (b Bitmap) Has(row int) bool {
	w := row / wordBits
	return w < len(b) && b[w]&(1<<(row%wordBits)) != 0
}

// Set puts row into the set.
func (b *Bitmap) Set(row int) {
	for len(*b) <= row/wordBits {
		*b = append(*b, 0)
	}
	(*b)[row/wordBits] |= 1 << (row % wordBits)
}

// Count is the number of rows in the set.
func (b Bitmap) Count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Rows are the members, ascending.
func (b Bitmap) Rows() []int {
	rows := make([]int, 0, b.Count())
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			rows = append(rows, i*wordBits+bits.TrailingZeros64(w))
		}
	}
	return rows
}

// or puts all of other into the set.
func (b *Bitmap) or(other Bitmap) {
	for len(*b) < len(other) {
		*b = append(*b, 0)
	}
	for i, w := range other {
		(*b)[i] |= w
	}
}
