package database_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/passeur-p2p/passeur/conversation/database"
)

// TestCopyWhileItIsWritten: each copy holds whole transactions, and all that were
// committed before.
func TestCopyWhileItIsWritten(t *testing.T) {
	from := newPath(t)
	db := openDB(t, from, one)
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := db.Writer.Exec("INSERT INTO a VALUES (1), (2)"); err != nil {
				done <- err
				return
			}
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
		}
	}()
	for range 5 {
		before := count(t, db, "SELECT count(*) FROM a")
		to := newPath(t)
		check(t, database.Copy(t.Context(), from, to))
		info, err := os.Stat(to)
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the copy has mode %v", info.Mode())
		}
		copied := openDB(t, to, one)
		if n := count(t, copied, "SELECT count(*) FROM a"); n < before || n%2 != 0 {
			t.Errorf("the copy has %d rows, there were %d before", n, before)
		}
	}
	close(stop)
	check(t, <-done)
}

func TestCopyThatCannotBe(t *testing.T) {
	from, to := newPath(t), newPath(t)
	if err := database.Copy(t.Context(), from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	check(t, openDB(t, from, one).Close(), os.WriteFile(to, []byte("mine"), 0o600))
	if err := database.Copy(t.Context(), from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	check(t, os.WriteFile(from, []byte("no database, but quite long enough to be looked at as one"), 0o600), os.Remove(to))
	if err := database.Copy(t.Context(), from, to); !errors.Is(err, database.ErrCorrupt) {
		t.Errorf("of something else: %v", err)
	}
}
