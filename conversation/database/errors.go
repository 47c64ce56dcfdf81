package database

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What a caller may branch on.
var (
	// ErrCorrupt: the file is damaged, or no SQLite file.
	ErrCorrupt = errors.New("the file is damaged; move it away or restore it from a backup")
	// ErrNewer: a newer version of this program wrote the file.
	ErrNewer = errors.New("the file was written by a newer version; update this program")
	// ErrForeign: the file is another program's SQLite file, or not the one of
	// ours that it is opened as.
	ErrForeign = errors.New("the file is another program's")
)

// Explain adds the sentinel that the driver's error code stands for.
func Explain(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return err
	}
	switch code(err) & 0xff { // the primary code
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	}
	return err
}

// IsUnique tells whether err says that a row with these values exists.
func IsUnique(err error) bool { return code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE }

// code is 0 for errors that are not the driver's.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return sqlite3.SQLITE_OK
	}
	return e.Code()
}
