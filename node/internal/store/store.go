package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/passeur-p2p/passeur/conversation/database"
)

// What a caller may branch on.
var (
	// ErrNameTaken: another contact has this alias, whatever the case.
	ErrNameTaken = errors.New("another contact has this name")
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("not found")
	// ErrCorrupt: the file is damaged, or no SQLite file.
	ErrCorrupt = database.ErrCorrupt
	// ErrNewer: a newer version of this program wrote the file.
	ErrNewer = database.ErrNewer
	// ErrForeign: the file is another program's SQLite file.
	ErrForeign = database.ErrForeign
)

// applicationID is "PSSR".
const applicationID = 0x50535352

//go:embed migrations/*.sql
var embedded embed.FS

var migrations = must(fs.Sub(embedded, "migrations"))

func must(f fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the name above is wrong
	}
	return f
}

// Store is an open file. It is safe for concurrent use; one connection serves
// all, in turn.
type Store struct {
	file *database.DB
	db   *sql.DB
	path string
}

// Open opens the file at path, creating it if there is none (mode 0600), and
// brings it to the newest schema. Errors name the file; they wrap ErrCorrupt,
// ErrNewer or ErrForeign where the file is at fault.
func Open(path string) (*Store, error) {
	file, err := database.Open(path, database.Options{ApplicationID: applicationID, Steps: migrations})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := file.QuickCheck(context.Background()); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, errors.Join(err, file.Close()))
	}
	return &Store{file: file, db: file.Writer, path: file.Path()}, nil
}

// Close writes everything into the one file and closes it.
func (s *Store) Close() error { return s.fail("close", s.file.Close()) }

// fail says which file could not do what.
func (s *Store) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store %s: %s: %w", s.path, what, database.Explain(err))
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
