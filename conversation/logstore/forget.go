package logstore

import (
	"context"

	"github.com/passeur-p2p/passeur/conversation"
)

// Forget takes a conversation from the file, all of it. If another device gives
// it again, it is taken again.
func (s *Store) Forget(ctx context.Context, id conversation.ID) error {
	return s.known(id, func(c *conv) error {
		tx, err := s.db.Writer.BeginTx(ctx, nil)
		if err != nil {
			return s.fail("begin", err)
		}
		defer tx.Rollback() // of no effect after Commit
		from, to := bounds(c.key)
		for _, table := range []string{"raw", "entry", "head", "link"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE n >= ? AND n < ?", from, to); err != nil {
				return s.fail("forget a conversation", err)
			}
		}
		for _, table := range []string{"member", "revoked", "usage", "device", "allowance", "common"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE conv = ?", c.key); err != nil {
				return s.fail("forget a conversation", err)
			}
		}
		if _, err := tx.Exec("DELETE FROM conversation WHERE key = ?", c.key); err != nil {
			return s.fail("forget a conversation", err)
		}
		if err := tx.Commit(); err != nil {
			return s.fail("commit", err)
		}
		s.pauses.forget(id)
		c.forget()
		return nil
	})
}
