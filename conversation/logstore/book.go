package logstore

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// conv is a conversation that somebody uses, or that was used lately. Its book
// is a copy of what the file says: after a failure it is thrown away.
type conv struct {
	id conversation.ID
	// Of Store.mu: how many use it, when it was used last, and its book's size then.
	users, size int
	used        uint64

	mu     sync.Mutex
	key    int64 // of the table; 0: it is not there
	caught bool
	book   *membership.Book // nil: not loaded
	// members are the book's when they were last written.
	members []membership.MemberStatus
	// gaps are rows of the book that were judged and not stored, ascending. All
	// other rows are stored in the same order, so places in the file lack them.
	gaps []int
}

// maxGaps bounds what is held of what is not stored.
const maxGaps = 4096

// use runs f on a conversation, holding its lock, with its book loaded. Nobody
// else runs on it meanwhile.
func (s *Store) use(id conversation.ID, f func(c *conv) error) error {
	c, size := s.acquire(id), 0
	defer func() { s.release(c, size) }()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.load(c); err != nil {
		c.forget()
		return err
	}
	err := f(c)
	if len(c.gaps) > maxGaps {
		c.forget()
	}
	if c.book != nil {
		size = c.book.Len()
	}
	return err
}

// known is use for conversations that must be there.
func (s *Store) known(id conversation.ID, f func(c *conv) error) error {
	return s.use(id, func(c *conv) error {
		if c.key == 0 {
			return unknown(id)
		}
		return f(c)
	})
}

func (s *Store) acquire(id conversation.ID) *conv {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.convs[id]
	if c == nil {
		c = &conv{id: id}
		s.convs[id] = c
	}
	s.clock++
	c.users, c.used = c.users+1, s.clock
	return c
}

// release lets go of c, and of the ones that were not used for longest if there
// are more than there is room for.
func (s *Store) release(c *conv, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.users, c.size = c.users-1, size
	if c.users == 0 && c.key == 0 { // nobody else holds it, so its lock is not needed
		delete(s.convs, c.id)
	}
	for s.crowdedLocked() {
		oldest := s.oldestLocked(c)
		if oldest == nil {
			return
		}
		delete(s.convs, oldest.id)
	}
}

func (s *Store) crowdedLocked() bool {
	entries := 0
	for _, c := range s.convs {
		entries += c.size
	}
	return len(s.convs) > s.cfg.Books || entries > s.cfg.BookEntries
}

// oldestLocked gives the one that nobody has used for longest; not spare.
func (s *Store) oldestLocked(spare *conv) (oldest *conv) {
	for _, c := range s.convs {
		if c != spare && c.users == 0 && (oldest == nil || c.used < oldest.used) {
			oldest = c
		}
	}
	return oldest
}

// forget makes the next use load the book anew.
func (c *conv) forget() {
	c.key, c.book, c.gaps, c.members = 0, nil, nil, nil
}

func (s *Store) load(c *conv) error {
	if c.book != nil {
		return nil
	}
	err := s.view(func(q queryer) (err error) {
		err = q.QueryRow("SELECT key, caught FROM conversation WHERE id = ?", c.id[:]).Scan(&c.key, &c.caught)
		if errors.Is(err, sql.ErrNoRows) {
			c.key, c.book = 0, membership.NewBook()
			return nil
		}
		if err == nil {
			c.book, err = s.loadBook(q, c.key)
		}
		return err
	})
	if err != nil {
		return s.fail("load conversation "+c.id.String(), err)
	}
	c.members = c.book.Members()
	return nil
}

// loadBook streams what the rules read, in order of arrival.
func (s *Store) loadBook(q queryer, key int64) (*membership.Book, error) {
	mode, with, err := s.founding(q, key)
	if err != nil {
		return nil, err
	}
	book := membership.NewBook()
	from, to := bounds(key)
	err = each(q, func(scan func(...any) error) error {
		var l loaded
		if err := scan(&l.n, &l.account, &l.device, &l.parents, &l.action, &l.target, &l.rank); err != nil {
			return err
		}
		e, err := s.ruleEntry(q, l)
		if err != nil {
			return err
		}
		if seqOf(l.n) != book.Len() {
			return fmt.Errorf("%w: entry %d is missing", database.ErrCorrupt, book.Len())
		}
		if book.Len() == 0 {
			e.Mode, e.With = mode, with
		}
		book.Restore(e, membership.Verdict{Rank: membership.Rank(l.rank)})
		return nil
	}, "SELECT n, account, device, parents, action, target, rank FROM entry WHERE n >= ? AND n < ? ORDER BY n", from, to)
	if err != nil {
		return nil, err
	}
	book.Settle()
	return book, nil
}

func (s *Store) founding(q queryer, key int64) (mode conversation.Mode, with conversation.Account, err error) {
	var other sql.NullInt64
	if err := q.QueryRow("SELECT mode, other FROM conversation WHERE key = ?", key).Scan(&mode, &other); err != nil {
		return "", with, err
	}
	if other.Valid {
		with, err = s.account(q, other.Int64)
	}
	return mode, with, err
}

// loaded is what the rules read of a row.
type loaded struct {
	n, account, device int64
	parents            sql.RawBytes
	action             string
	target             sql.NullInt64
	rank               int64
}

func (s *Store) ruleEntry(q queryer, l loaded) (e membership.Entry, err error) {
	e.Action = conversation.Action(l.action)
	if e.Account, err = s.account(q, l.account); err != nil {
		return e, err
	}
	if e.Device, err = s.device(q, l.device); err != nil {
		return e, err
	}
	if e.Parents, err = unpackParents(l.parents); err != nil || !l.target.Valid {
		return e, err
	}
	if e.Action == conversation.Revoke {
		e.Revoked, err = s.device(q, l.target.Int64)
	} else {
		e.Target, err = s.account(q, l.target.Int64)
	}
	return e, err
}

// row gives the book's row of a place in the file.
func (c *conv) row(seq int) int {
	// gaps[i]-i stored rows lie before the i-th gap
	return seq + sort.Search(len(c.gaps), func(i int) bool { return c.gaps[i]-i > seq })
}

// seq gives the place in the file of a row; false: it is not stored.
func (c *conv) seq(row int) (int, bool) {
	i, gap := slices.BinarySearch(c.gaps, row)
	return row - i, !gap
}

// number gives the number in the file of a row that is stored.
func (c *conv) number(row int) int64 {
	seq, _ := c.seq(row)
	return number(c.key, seq)
}

// stored is the number of entries in the file.
func (c *conv) stored() int { return c.book.Len() - len(c.gaps) }
