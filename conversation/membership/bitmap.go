package membership

import (
	"iter"
	"math/bits"
)

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
	b.grow(row/wordBits + 1)
	(*b)[row/wordBits] |= 1 << (row % wordBits)
}

func (b Bitmap) clear(row int) {
	if b.Has(row) {
		b[row/wordBits] &^= 1 << (row % wordBits)
	}
}

// Count is the number of rows in the set.
func (b Bitmap) Count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Rows yields the members, ascending.
func (b Bitmap) Rows() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(i*wordBits + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// except yields the members below a limit that are not in other, ascending.
func (b Bitmap) except(other Bitmap, below int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < len(b) && i*wordBits < below; i++ {
			w := b[i]
			if i < len(other) {
				w &^= other[i]
			}
			for ; w != 0; w &= w - 1 {
				row := i*wordBits + bits.TrailingZeros64(w)
				if row >= below || !yield(row) {
					return
				}
			}
		}
	}
}

// contains tells whether all of other is in the set.
func (b Bitmap) contains(other Bitmap) bool {
	for i, w := range other {
		if i < len(b) {
			w &^= b[i]
		}
		if w != 0 {
			return false
		}
	}
	return true
}

// or puts all of other into the set.
func (b *Bitmap) or(other Bitmap) {
	b.grow(len(other))
	for i, w := range other {
		(*b)[i] |= w
	}
}

// grow makes the bitmap at least so many words long.
func (b *Bitmap) grow(words int) {
	for len(*b) < words {
		*b = append(*b, 0)
	}
}

// trimmed is the set without empty words at its end: one form for each set.
func (b Bitmap) trimmed() Bitmap {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
