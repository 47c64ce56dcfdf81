package logstore

import (
	"context"
	"errors"
	"math/bits"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// backlog is a set of stored entries that is worked off in order: a bit for each
// row of the book, and the rows that are not stored.
type backlog struct {
	key  int64
	rows membership.Bitmap
	gaps []int
	word int // of rows: those before are empty
	last []int
}

// lacked gives what Missing is to send.
func (s *Store) lacked(id conversation.ID, want, have []conversation.ID, after conversation.ID) (b *backlog, err error) {
	err = s.known(id, func(c *conv) error {
		at, err := numbers(s.db.Reader, c.key, append(append([]conversation.ID{after}, want...), have...))
		if err != nil {
			return err
		}
		rows := c.book.Ancestors(c.rows(at, want))
		subtract(rows, c.book.Ancestors(c.rows(at, have)))
		if n := at[after]; n != 0 {
			clearUpTo(rows, c.row(seqOf(n)))
		}
		b = &backlog{key: c.key, rows: rows, gaps: append([]int(nil), c.gaps...)}
		return nil
	})
	return b, err
}

// rows gives the rows of those of ids that have numbers.
func (c *conv) rows(at map[conversation.ID]int64, ids []conversation.ID) []int {
	rows := make([]int, 0, len(ids))
	for _, id := range ids {
		if n := at[id]; n != 0 {
			rows = append(rows, c.row(seqOf(n)))
		}
	}
	return rows
}

// subtract takes from a what is in b.
func subtract(a, b membership.Bitmap) {
	for i := range min(len(a), len(b)) {
		a[i] &^= b[i]
	}
}

const wordBits = 64

// clearUpTo takes the rows up to row, row included, from b.
func clearUpTo(b membership.Bitmap, row int) {
	for i := range min(row/wordBits, len(b)) {
		b[i] = 0
	}
	if w := row / wordBits; w < len(b) {
		b[w] &^= 2<<(row%wordBits) - 1
	}
}

// next gives the numbers of the first entries of the set, at most that many.
func (b *backlog) next(most int) (numbers []int64) {
	b.last = b.last[:0]
	c := conv{key: b.key, gaps: b.gaps}
	for i := b.word; i < len(b.rows) && len(numbers) < most; i++ {
		for w := b.rows[i]; w != 0 && len(numbers) < most; w &= w - 1 {
			row := i*wordBits + bits.TrailingZeros64(w)
			numbers, b.last = append(numbers, c.number(row)), append(b.last, row)
		}
	}
	return numbers
}

// done takes the first n entries that next gave last from the set.
func (b *backlog) done(n int) {
	if n > 0 {
		row := b.last[n-1]
		clearUpTo(b.rows[b.word:], row-b.word*wordBits)
		b.word = row / wordBits
	}
}

// more tells whether the set is not empty.
func (b *backlog) more() bool { return len(b.next(1)) > 0 }

// errFull ends a page.
var errFull = errors.New("the page is full")

// readPage gives the bytes of the first of the entries, one at least, as they
// are sent: void data without its body. What control entries say is never left out,
// for others judge by it what hangs on them.
func (s *Store) readPage(ctx context.Context, numbers []int64) (page []conversation.Raw, err error) {
	size := 0
	err = s.view(func(q queryer) error {
		for len(numbers) > 0 {
			run := consecutive(numbers)
			err := each(q, func(scan func(...any) error) error {
				var raw conversation.Raw
				if err := scan(&raw.Header, &raw.Signature, &raw.Body); err != nil {
					return err
				}
				page, size = append(page, raw), size+len(raw.Body)
				if size >= pageBytes {
					return errFull
				}
				return ctx.Err()
			}, `SELECT header, signature, CASE WHEN void = 0 OR action <> '' THEN body END FROM raw JOIN entry USING (n)
				WHERE n BETWEEN ? AND ? ORDER BY n`, numbers[0], numbers[run-1])
			if err != nil {
				return err
			}
			numbers = numbers[run:]
		}
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return page, err
}

// consecutive is how many of the first numbers follow on each other.
func consecutive(numbers []int64) int {
	for i := 1; i < len(numbers); i++ {
		if numbers[i] != numbers[i-1]+1 {
			return i
		}
	}
	return len(numbers)
}
