package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// derived are the tables that follow from the table raw, with what picks the
// rows of one conversation.
var derived = []struct{ name, rows string }{
	{"entry", "n >= ?1 AND n < ?2"}, {"head", "n >= ?1 AND n < ?2"}, {"link", "n >= ?1 AND n < ?2"},
	{"conversation", "key = ?1 >> 32"}, {"member", "conv = ?1 >> 32"}, {"revoked", "conv = ?1 >> 32"}, {"usage", "conv = ?1 >> 32"}, {"device", "conv = ?1 >> 32"},
}

// Rebuild works out anew, from the bytes of the entries, everything else that is
// stored of a conversation. It fails, and changes nothing, if the bytes are
// damaged.
func (s *Store) Rebuild(ctx context.Context, id conversation.ID) error {
	return s.damaged(id, func(c *conv) error {
		tx, err := s.db.Writer.BeginTx(ctx, nil)
		if err != nil {
			return s.fail("begin", err)
		}
		defer tx.Rollback() // of no effect after Commit
		if err := s.rebuild(ctx, tx, c); err != nil {
			return s.fail("rebuild conversation "+id.String(), err)
		}
		return s.fail("commit", tx.Commit())
	})
}

// Check holds what is stored of a conversation against what Rebuild would store,
// and verifies every signature. It gives a sentence for each difference; none if
// all is well. Nothing is changed. While it compares, nothing is written: some
// seconds for 100,000 entries.
func (s *Store) Check(ctx context.Context, id conversation.ID) (findings []string, err error) {
	bad, err := s.checkSignatures(ctx, id)
	if err != nil {
		return nil, s.fail("check signatures", err)
	}
	err = s.damaged(id, func(c *conv) error {
		tx, err := s.db.Writer.BeginTx(ctx, nil)
		if err != nil {
			return s.fail("begin", err)
		}
		defer tx.Rollback() // always: it was a trial
		findings, err = s.compare(ctx, tx, c)
		return s.fail("check conversation "+id.String(), err)
	})
	return append(bad, findings...), err
}

// damaged runs f with the lock of a conversation whose book may not load. What
// is in memory is thrown away.
func (s *Store) damaged(id conversation.ID, f func(c *conv) error) error {
	c := s.acquire(id)
	defer s.release(c, 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	key, err := s.key(s.db.Reader, id)
	if err != nil {
		return s.fail("find a conversation", err)
	}
	return f(&conv{id: id, key: key, caught: true, book: membership.NewBook()})
}

func (s *Store) rebuild(ctx context.Context, tx *sql.Tx, c *conv) error {
	from, to := bounds(c.key)
	for _, table := range derived {
		if table.name == "conversation" { // it is corrected in its place
			continue
		}
		if _, err := tx.Exec("DELETE FROM "+table.name+" WHERE "+table.rows, from, to); err != nil {
			return err
		}
	}
	keys := map[[32]byte]int64{} // given in this transaction
	for n := from; n < to; n = number(c.key, c.book.Len()) {
		page, err := collect(tx, scanEntry, "SELECT header, signature, body FROM raw WHERE n >= ? AND n < ? ORDER BY n LIMIT ?",
			n, to, pageEntries)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := s.rebuildPage(ctx, tx, c, page, keys); err != nil {
			return err
		}
	}
	return nil
}

// rebuildPage takes entries that are stored, in their order.
func (s *Store) rebuildPage(ctx context.Context, tx *sql.Tx, c *conv, page []*conversation.Entry, keys map[[32]byte]int64) error {
	w := s.newWriter(c, tx)
	w.rebuilds, w.keys = true, keys
	var parents []conversation.ID
	for _, e := range page {
		parents = append(parents, e.Parents...)
	}
	if err := w.locate(parents); err != nil {
		return err
	}
	for _, e := range page {
		if err := w.take(e); err != nil {
			return err
		}
	}
	return errors.Join(w.flush(), ctx.Err())
}

// compare rebuilds, and tells what is not as it was.
func (s *Store) compare(ctx context.Context, tx *sql.Tx, c *conv) (findings []string, err error) {
	from, to := bounds(c.key)
	for _, table := range derived {
		if _, err := tx.Exec("CREATE TEMP TABLE was_"+table.name+" AS SELECT * FROM "+table.name+" WHERE "+table.rows, from, to); err != nil {
			return nil, err
		}
	}
	if err := s.rebuild(ctx, tx, c); err != nil {
		return append(findings, err.Error()), ctx.Err()
	}
	for _, table := range derived {
		var missing, surplus int
		is, was := "SELECT * FROM "+table.name+" WHERE "+table.rows, "SELECT * FROM temp.was_"+table.name
		if err := tx.QueryRow("SELECT (SELECT count(*) FROM ("+is+" EXCEPT "+was+")), (SELECT count(*) FROM ("+was+" EXCEPT "+is+"))", from, to).
			Scan(&missing, &surplus); err != nil {
			return nil, err
		}
		if missing+surplus > 0 {
			findings = append(findings, fmt.Sprintf("table %s: %d rows lack or differ, %d are not as they should be", table.name, missing, surplus))
		}
	}
	return findings, nil
}

// checkSignatures names the entries whose signatures are wrong.
func (s *Store) checkSignatures(ctx context.Context, id conversation.ID) (bad []string, err error) {
	var n, to int64
	err = s.inView(id, func(_ queryer, key int64) error {
		n, to = bounds(key)
		return nil
	})
	for ; err == nil && n < to; n += MaxBatch {
		var page []*conversation.Entry
		err = s.view(func(q queryer) (err error) {
			page, err = collect(q, scanEntry, "SELECT header, signature, body FROM raw WHERE n >= ? AND n < ? ORDER BY n", n, n+MaxBatch)
			return errors.Join(err, ctx.Err())
		})
		if errors.Is(err, database.ErrCorrupt) {
			return append(bad, err.Error()), nil
		}
		if len(page) == 0 {
			break
		}
		bad = append(bad, badSignatures(page)...)
	}
	return bad, err
}

func badSignatures(page []*conversation.Entry) (bad []string) {
	var mu sync.Mutex
	spread(len(page), func(i int) {
		if err := page[i].Verify(); err != nil {
			mu.Lock()
			defer mu.Unlock()
			bad = append(bad, err.Error())
		}
	})
	return bad
}
