package store

import (
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var embedded embed.FS

var migrations = must(fs.Sub(embedded, "migrations"))

func must(f fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the name above is wrong
	}
	return f
}

// applicationID is "PSSR"; SQLite keeps it at a fixed place for file(1).
const applicationID = 0x50535352

// migrate runs what the file has not seen yet of 0001.sql, 0002.sql and so on,
// each in a transaction of its own. The last statement of each sets
// user_version to its number.
func migrate(db *sql.DB, steps fs.FS) error {
	known, err := countSteps(steps)
	if err != nil {
		return err
	}
	version, err := fileVersion(db)
	if err != nil {
		return err
	}
	if version > known {
		return fmt.Errorf("%w (schema %d; this one knows %d)", ErrNewer, version, known)
	}
	for version < known {
		version++
		if err := runStep(db, steps, version); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", version, err)
		}
	}
	return nil
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
func fileVersion(db *sql.DB) (version int, err error) {
	var id, tables int
	err = errors.Join(
		db.QueryRow("PRAGMA user_version").Scan(&version),
		db.QueryRow("PRAGMA application_id").Scan(&id),
		db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables),
	)
	empty := version == 0 && id == 0 && tables == 0
	if err == nil && !empty && id != applicationID {
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
