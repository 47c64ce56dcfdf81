package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// Options say what a file is to hold. ApplicationID and Steps are needed.
type Options struct {
	// ApplicationID is what the first step sets as PRAGMA application_id; a file
	// with another one is refused. SQLite keeps it at a fixed place for file(1).
	ApplicationID int
	// Steps holds 0001.sql, 0002.sql and so on, no number left out, and nothing
	// else. The last statement of each sets PRAGMA user_version to its number.
	Steps fs.FS
	// Readers is how many connections read beside the one that writes. 0: none,
	// the writer reads too.
	Readers int
}

// DB is an open file. Both its halves are safe for concurrent use.
type DB struct {
	// Writer has one connection, which serves all, in turn. Its transactions are
	// BEGIN IMMEDIATE: they do not fail half-way because another one began.
	Writer *sql.DB
	// Reader cannot write, and sees what was committed when a statement or a
	// transaction began. It is the Writer if Options.Readers was 0.
	Reader *sql.DB
	path   string
}

// Open opens the file at path, creating it if there is none (mode 0600), and
// brings it to the newest schema. Errors wrap ErrCorrupt, ErrNewer or ErrForeign
// where the file is at fault; they do not name it.
//
// One process at a time may have a file open for writing.
func Open(path string, o Options) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := secureFile(path); err != nil {
		return nil, err
	}
	db := &DB{path: path}
	if err := db.open(o); err != nil {
		return nil, errors.Join(Explain(err), db.Close())
	}
	return db, nil
}

func (db *DB) open(o Options) (err error) {
	if db.Writer, err = sql.Open("sqlite", uri(db.path, writing)); err != nil {
		return err
	}
	db.Writer.SetMaxOpenConns(1)
	db.Reader = db.Writer
	if err := migrate(db, o); err != nil || o.Readers == 0 {
		return err
	}
	if db.Reader, err = sql.Open("sqlite", uri(db.path, reading)); err != nil {
		return err
	}
	db.Reader.SetMaxOpenConns(o.Readers)
	db.Reader.SetMaxIdleConns(o.Readers)
	return db.Reader.PingContext(context.Background())
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

// Settings of every connection that database/sql makes. secure_delete: what was
// replaced or deleted, such as an old key or a text taken back, is overwritten.
var (
	writing = url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
			"secure_delete(ON)", "trusted_schema(OFF)", "cell_size_check(ON)",
			"cache_size(-16384)", "wal_autocheckpoint(1000)", "journal_size_limit(67108864)",
		},
	}
	copying = url.Values{
		"mode":    {"rw"}, // or it could not take in what a writer left behind when it was killed
		"_pragma": {"busy_timeout(30000)", "trusted_schema(OFF)", "cell_size_check(ON)"},
	}
	reading = url.Values{
		"mode":    {"ro"},
		"_pragma": {"busy_timeout(5000)", "query_only(ON)", "trusted_schema(OFF)", "cell_size_check(ON)"},
	}
)

func uri(path string, settings url.Values) string {
	file := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: settings.Encode()}
	return file.String()
}

// QuickCheck reads the whole file; an error that wraps ErrCorrupt says what is
// wrong with it.
func (db *DB) QuickCheck(ctx context.Context) error {
	var found string
	if err := db.Reader.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return Explain(err)
	}
	if found != "ok" {
		return fmt.Errorf("%w (%s)", ErrCorrupt, found)
	}
	return nil
}

// CutLog writes everything into the one file and empties the log beside it, so
// that what was overwritten is in neither.
func (db *DB) CutLog() error {
	_, err := db.Writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	return Explain(err)
}

// Path is where the file is.
func (db *DB) Path() string { return db.path }

// Close writes everything into the one file and closes it.
func (db *DB) Close() (err error) {
	if db.Reader != nil && db.Reader != db.Writer {
		err = db.Reader.Close()
	}
	if db.Writer != nil {
		err = errors.Join(err, db.Writer.Close())
	}
	return err
}
