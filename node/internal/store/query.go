package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/passeur-p2p/passeur/conversation"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// queryer is a *sql.DB or *sql.Tx.
type queryer interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// collect reads every row of a query.
func collect[T any](q queryer, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := q.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// transact runs f in a transaction: all of what it does is stored, or nothing,
// and all that it reads is of one moment.
func (s *Store) transact(f func(*sql.Tx) error) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect after Commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// idBytes gives the bytes of an ID; none for the zero ID.
func idBytes(id conversation.ID) []byte {
	if id.IsZero() {
		return []byte{}
	}
	return id[:]
}

func toID(raw []byte) (id conversation.ID, err error) {
	if len(raw) != 0 && len(raw) != len(id) {
		return id, fmt.Errorf("%w: an id of %d bytes", ErrCorrupt, len(raw))
	}
	copy(id[:], raw)
	return id, nil
}
