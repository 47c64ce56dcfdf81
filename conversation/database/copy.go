package database

import (
	"context"
	"database/sql"
	"errors"
	"os"
)

// Copy writes what the file at from holds to a new file at to, mode 0600: all that was
// committed at one moment, also while another process writes it. Errors wrap
// ErrCorrupt where from is at fault.
func Copy(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", uri(from, copying))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return Explain(errors.Join(err, f.Sync(), f.Close(), db.Close()))
}
