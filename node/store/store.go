package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What a caller may branch on.
var (
	// ErrNameTaken: another contact has this alias, whatever the case.
	ErrNameTaken = errors.New("another contact has this name")
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("not found")
	// ErrCorrupt: the file is damaged, or no SQLite file.
	ErrCorrupt = errors.New("the file is damaged; move it away or restore it from a backup")
	// ErrNewer: a newer version of this program wrote the file.
	ErrNewer = errors.New("the file was written by a newer version; update this program")
	// ErrForeign: the file is another program's SQLite file.
	ErrForeign = errors.New("the file is another program's")
)

// Store is an open file. It is safe for concurrent use; one connection serves
// all, in turn.
type Store struct {
	db   *sql.DB
	path string
}

// Open opens the file at path, creating it if there is none (mode 0600), and
// brings it to the newest schema. Errors name the file; they wrap ErrCorrupt,
// ErrNewer or ErrForeign where the file is at fault.
func Open(path string) (*Store, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, explain(err))
	}
	return s, nil
}

func open(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := secureFile(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db, path: path}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// secureFile creates the file before SQLite would, with its mode; the files
// that SQLite puts beside it get the same one.
func secureFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// dsn applies the settings to every connection that database/sql makes.
// secure_delete: what was replaced, such as an old key, is overwritten.
func dsn(path string) string {
	query := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
			"secure_delete(ON)", "trusted_schema(OFF)", "cell_size_check(ON)", "journal_size_limit(4194304)",
		},
	}
	file := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	return file.String()
}

func (s *Store) prepare() error {
	var found string
	if err := s.db.QueryRow("PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w (%s)", ErrCorrupt, found)
	}
	return migrate(s.db, migrations)
}

// Close writes everything into the one file and closes it.
func (s *Store) Close() error { return s.fail("close", s.db.Close()) }

// fail says which file could not do what.
func (s *Store) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store %s: %s: %w", s.path, what, explain(err))
}

// explain adds the sentinel that the driver's error code stands for.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	}
	return err
}

func isUnique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// milli and fromMilli are how times are stored; the zero time is 0.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// blob keeps database/sql from making NULL of an empty slice.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
