package logstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
)

// queryer is a *sql.DB or a *sql.Tx.
type queryer interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// view runs f on what was committed when it began. All of its queries share a
// connection, so they may be open at the same time.
func (s *Store) view(f func(q queryer) error) error {
	tx, err := s.db.Reader.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written
	return f(tx)
}

// each calls f for every row of a query.
func each(q queryer, f func(scan func(...any) error) error, query string, args ...any) (err error) {
	rows, err := q.Query(query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// collect reads every row of a query.
func collect[T any](q queryer, scan func(scan func(...any) error) (T, error), query string, args ...any) (list []T, err error) {
	err = each(q, func(row func(...any) error) error {
		item, err := scan(row)
		list = append(list, item)
		return err
	}, query, args...)
	return list, err
}

func scanID(scan func(...any) error) (conversation.ID, error) {
	var raw []byte // a sql.Row scans no sql.RawBytes
	if err := scan(&raw); err != nil {
		return conversation.ID{}, err
	}
	return toID(raw)
}

func scanInt(scan func(...any) error) (n int64, err error) {
	err = scan(&n)
	return n, err
}

func toID(raw []byte) (conversation.ID, error) {
	if len(raw) != len(conversation.ID{}) {
		return conversation.ID{}, fmt.Errorf("%w: an ID of %d bytes", database.ErrCorrupt, len(raw))
	}
	return conversation.ID(raw), nil
}

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// idChunk is how many IDs one statement asks for.
const idChunk = 256

// marks are n question marks for IN (…).
func marks(n int) string { return strings.Repeat(",?", n)[1:] }

// The numbers of entries: see the migration.
const (
	convShift = 32
	seqMask   = 1<<convShift - 1
)

func number(key int64, seq int) int64 { return key<<convShift | int64(seq) }
func seqOf(n int64) int               { return int(n & seqMask) }

// bounds are the least number of a conversation and the least of the next.
func bounds(key int64) (from, to int64) { return number(key, 0), number(key+1, 0) }

// packParents writes ascending places.
func packParents(seqs []int) []byte {
	out, last := make([]byte, 0, 2*len(seqs)), 0
	for _, s := range seqs {
		out = binary.AppendUvarint(out, uint64(s-last))
		last = s
	}
	return out
}

func unpackParents(raw []byte) ([]int, error) {
	var seqs []int
	last := 0
	for len(raw) > 0 {
		d, n := binary.Uvarint(raw)
		if n <= 0 || d > seqMask {
			return nil, fmt.Errorf("%w: a list of parents", database.ErrCorrupt)
		}
		last += int(d)
		seqs, raw = append(seqs, last), raw[n:]
	}
	return seqs, nil
}
