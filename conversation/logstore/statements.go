package logstore

import (
	"database/sql"
	"errors"
)

// statements are those that run for every entry, compiled once for the writer.
type statements struct {
	party, raw, entry, unhead, head, usage *sql.Stmt
}

func prepare(db *sql.DB) (st statements, err error) {
	for query, to := range map[string]**sql.Stmt{
		"INSERT INTO party (bytes) VALUES (?) RETURNING key":                        &st.party,
		"INSERT INTO raw (n, header, signature, body, seen) VALUES (?, ?, ?, ?, ?)": &st.raw,
		"DELETE FROM head WHERE n = ?":                                              &st.unhead,
		"INSERT INTO head (n) VALUES (?)":                                           &st.head,
		`INSERT INTO entry (n, id, conv, account, device, time, depth, type, parents, action, target, rank, void, missing, quiet, shown)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`: &st.entry,
		`INSERT INTO usage (conv, account, entries, control, bytes) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (conv, account) DO UPDATE SET entries = entries + excluded.entries,
				control = control + excluded.control, bytes = bytes + excluded.bytes`: &st.usage,
	} {
		if *to, err = db.Prepare(query); err != nil {
			return st, errors.Join(err, st.close())
		}
	}
	return st, nil
}

func (st statements) close() (err error) {
	for _, s := range []*sql.Stmt{st.party, st.raw, st.entry, st.unhead, st.head, st.usage} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}
