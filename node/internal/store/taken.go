package store

import (
	"database/sql"
	"fmt"
	"time"
)

// Taken is how much came by a rule.
type Taken struct {
	Rule  string
	Bytes int64
	Files int
}

// FinishTransfer is PutTransfer for one that a rule had accepted and that has come
// whole: at the same time its bytes are counted for the day of t.Updated.
func (s *Store) FinishTransfer(t Transfer, bytes int64) error {
	if t.Rule == "" {
		return s.PutTransfer(t)
	}
	return s.putTransfer(t, func(tx *sql.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO taken (rule, day, bytes, files) VALUES (?, ?, ?, 1)
			ON CONFLICT (rule, day) DO UPDATE SET bytes = bytes + excluded.bytes, files = files + 1`,
			t.Rule, dayOf(t.Updated), bytes)
		return err
	})
}

// Taken tells what came by each rule on the day of since, or later. What is older is
// forgotten.
func (s *Store) Taken(since time.Time) (list []Taken, err error) {
	err = s.transact(func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM taken WHERE day < ?", dayOf(since)); err != nil {
			return err
		}
		list, err = collect(tx, scanTaken, "SELECT rule, sum(bytes), sum(files) FROM taken GROUP BY rule ORDER BY rule")
		return err
	})
	return list, s.fail("read what rules took", err)
}

func scanTaken(row scanner) (t Taken, err error) {
	err = row.Scan(&t.Rule, &t.Bytes, &t.Files)
	if err == nil && (t.Bytes < 0 || t.Files < 0) {
		err = fmt.Errorf("%w: a rule took %d bytes", ErrCorrupt, t.Bytes)
	}
	return t, err
}

// dayOf counts the days since 1970, UTC.
func dayOf(t time.Time) int64 { return milli(t) / (24 * time.Hour).Milliseconds() }
