package logstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Cut gives what an act against target is to follow so that last is the last of
// target's entries that counts: the heads of all live entries but those of target
// that do not lie in last's past, and what hangs on them. To be given to
// [Store.AppendAfter]. last zero: none of target's entries is to count.
func (s *Store) Cut(ctx context.Context, id conversation.ID, target conversation.Account, last conversation.ID) (ids []conversation.ID, err error) {
	err = s.known(id, func(c *conv) error {
		return s.view(func(q queryer) error {
			ids, err = s.cut(ctx, q, c, target, last)
			return err
		})
	})
	return ids, s.fail("find where to cut", err)
}

func (s *Store) cut(ctx context.Context, q queryer, c *conv, target conversation.Account, last conversation.ID) ([]conversation.ID, error) {
	at, err := numbers(q, c.key, []conversation.ID{last})
	if err != nil {
		return nil, err
	}
	if !last.IsZero() && at[last] == 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownEntry, last)
	}
	spared := c.book.Ancestors(c.rows(at, []conversation.ID{last}))
	author, err := s.numberOf(q, target)
	if err != nil {
		return nil, err
	}
	heads, err := c.headsWithout(ctx, q, author, spared)
	if err != nil {
		return nil, err
	}
	ids := make([]conversation.ID, 0, len(heads))
	for _, seq := range heads {
		one, err := scanID(q.QueryRow("SELECT id FROM entry WHERE n = ?", number(c.key, seq)).Scan)
		if err != nil {
			return nil, err
		}
		ids = append(ids, one)
	}
	return ids, nil
}

// headsWithout gives the places of the newest live entries when those of author
// that are not spared are left out, with all that hangs on them; ascending.
func (c *conv) headsWithout(ctx context.Context, q queryer, author int64, spared membership.Bitmap) ([]int, error) {
	out := make(membership.Bitmap, c.stored()/wordBits+1)
	heads := map[int]bool{}
	from, to := bounds(c.key)
	err := each(q, func(scan func(...any) error) error {
		var n, account int64
		var void bool
		var raw []byte
		if err := scan(&n, &account, &void, &raw); err != nil {
			return err
		}
		parents, err := unpackParents(raw)
		if err != nil {
			return err
		}
		seq := seqOf(n)
		cut := account == author && !spared.Has(c.row(seq))
		if cut || slices.ContainsFunc(parents, out.Has) {
			out.Set(seq)
			return nil
		}
		if void {
			return ctx.Err()
		}
		heads[seq] = true
		for _, p := range parents {
			delete(heads, p)
		}
		return ctx.Err()
	}, "SELECT n, account, void, parents FROM entry WHERE n >= ? AND n < ? ORDER BY n", from, to)
	return slices.Sorted(maps.Keys(heads)), err
}
