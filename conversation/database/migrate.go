package database

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// migrate runs what the file has not seen yet of the steps, each in a
// transaction of its own. A file that holds something already is copied first.
func migrate(db *DB, o Options) error {
	known, err := countSteps(o.Steps)
	if err != nil {
		return err
	}
	version, err := fileVersion(db.Writer, o.ApplicationID)
	if err != nil {
		return err
	}
	if version > known {
		return fmt.Errorf("%w (schema %d; this one knows %d)", ErrNewer, version, known)
	}
	if err := keepCopy(db, version, known); err != nil {
		return fmt.Errorf("copy the file before it is changed: %w", err)
	}
	for version < known {
		version++
		if err := runStep(db.Writer, o.Steps, version); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", version, err)
		}
	}
	return nil
}

// keepCopy leaves PATH.schema-N beside a file that is about to leave schema N.
func keepCopy(db *DB, version, known int) error {
	if version == 0 || version == known {
		return nil
	}
	path := fmt.Sprintf("%s.schema-%d", db.path, version)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // one of an attempt that failed
	}
	if err := secureFile(path); err != nil {
		return err
	}
	_, err := db.Writer.Exec("VACUUM INTO ?", path)
	return err
}

func stepName(version int) string { return fmt.Sprintf("%04d.sql", version) }

// countSteps also checks that no number is missing.
func countSteps(steps fs.FS) (int, error) {
	entries, err := fs.ReadDir(steps, ".")
	if err != nil {
		return 0, err
	}
	for i, e := range entries {
		if e.Name() != stepName(i+1) {
			return 0, fmt.Errorf("migration %s stands where %s is expected", e.Name(), stepName(i+1))
		}
	}
	return len(entries), nil
}

// fileVersion is 0 for a file without anything in it.
func fileVersion(db *sql.DB, application int) (version int, err error) {
	var id, tables int
	err = errors.Join(
		db.QueryRow("PRAGMA user_version").Scan(&version),
		db.QueryRow("PRAGMA application_id").Scan(&id),
		db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables),
	)
	empty := version == 0 && id == 0 && tables == 0
	if err == nil && !empty && id != application {
		err = ErrForeign
	}
	return version, err
}

func runStep(db *sql.DB, steps fs.FS, version int) error {
	script, err := fs.ReadFile(steps, stepName(version))
	if err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect after Commit
	if _, err := tx.Exec(string(script)); err != nil {
		return err
	}
	var set int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&set); err != nil {
		return err
	}
	if set != version {
		return fmt.Errorf("%s sets user_version to %d", stepName(version), set)
	}
	return tx.Commit()
}
