package database_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation/database"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testID = 0x54455354

var (
	first = "PRAGMA application_id = 1413829460; CREATE TABLE a (n); PRAGMA user_version = 1;"
	one   = fstest.MapFS{"0001.sql": file(first)}
	two   = fstest.MapFS{
		"0001.sql": file(first),
		"0002.sql": file("ALTER TABLE a RENAME TO b; INSERT INTO b VALUES (2); PRAGMA user_version = 2;"),
	}
)

func file(script string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(script)} }

func options(steps fstest.MapFS) database.Options {
	return database.Options{ApplicationID: testID, Steps: steps, Readers: 2}
}

func TestStepsRunOnceAndInOrder(t *testing.T) {
	path := newPath(t)
	for _, known := range []fstest.MapFS{one, one, two, two} {
		check(t, openDB(t, path, known).Close())
	}
	db := openDB(t, path, two)
	if n := count(t, db, "SELECT count(*) FROM b"); n != 1 {
		t.Errorf("%d rows", n)
	}
	check(t, db.Close())
	if _, err := database.Open(path, options(one)); !errors.Is(err, database.ErrNewer) {
		t.Errorf("an older program on a newer file: %v, want ErrNewer", err)
	}
}

func TestAFileIsCopiedBeforeItsSchemaChanges(t *testing.T) {
	path := newPath(t)
	db := openDB(t, path, one)
	_, err := db.Writer.Exec("INSERT INTO a VALUES (1)")
	check(t, err, db.Close())
	check(t, os.WriteFile(path+".schema-1", []byte("half a copy of an attempt before"), 0o600))
	check(t, openDB(t, path, two).Close())
	old := openDB(t, path+".schema-1", one)
	if n := count(t, old, "SELECT count(*) FROM a"); n != 1 {
		t.Errorf("the copy has %d rows", n)
	}
	if info, err := os.Stat(path + ".schema-1"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v", info, err)
	}
}

func TestAStepThatFailsChangesNothing(t *testing.T) {
	path := newPath(t)
	check(t, openDB(t, path, one).Close())
	for name, script := range map[string]string{
		"error in the middle": "CREATE TABLE b (n); SELECT nonsense; PRAGMA user_version = 2;",
		"number forgotten":    "CREATE TABLE b (n);",
	} {
		_, err := database.Open(path, options(fstest.MapFS{"0001.sql": file(first), "0002.sql": file(script)}))
		if err == nil || !strings.Contains(err.Error(), "schema 2") {
			t.Errorf("%s: %v", name, err)
		}
		db := openDB(t, path, one)
		if n := count(t, db, "SELECT count(*) FROM sqlite_schema"); n != 1 {
			t.Errorf("%s: %d tables", name, n)
		}
		check(t, db.Close())
	}
	if _, err := database.Open(newPath(t), options(fstest.MapFS{"0002.sql": file(first)})); err == nil {
		t.Error("a gap in the numbers went unnoticed")
	}
}

func TestAFileOfAnotherKindIsRefused(t *testing.T) {
	path := newPath(t)
	check(t, openDB(t, path, one).Close())
	other := options(one)
	other.ApplicationID++
	if _, err := database.Open(path, other); !errors.Is(err, database.ErrForeign) {
		t.Errorf("%v, want ErrForeign", err)
	}
}

func TestReadersSeeWhatWasCommittedAndCannotWrite(t *testing.T) {
	db := openDB(t, newPath(t), one)
	tx, err := db.Writer.Begin()
	check(t, err)
	_, err = tx.Exec("INSERT INTO a VALUES (1)")
	check(t, err)
	if n := count(t, db, "SELECT count(*) FROM a"); n != 0 {
		t.Errorf("%d rows are seen before they are committed", n)
	}
	check(t, tx.Commit())
	if n := count(t, db, "SELECT count(*) FROM a"); n != 1 {
		t.Errorf("%d rows are seen", n)
	}
	if _, err := db.Reader.Exec("INSERT INTO a VALUES (2)"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestWritersWaitForEachOther(t *testing.T) {
	db := openDB(t, newPath(t), one)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := db.Writer.Exec("INSERT INTO a VALUES (1)"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db, "SELECT count(*) FROM a"); n != 160 {
		t.Errorf("%d rows", n)
	}
}

func TestDamageIsFound(t *testing.T) {
	path := newPath(t)
	db := openDB(t, path, one)
	_, err := db.Writer.Exec("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 9000) INSERT INTO a SELECT n FROM c")
	check(t, err, db.QuickCheck(t.Context()), db.Close())
	raw, err := os.ReadFile(path)
	check(t, err)
	for i := 3 * 4096; i < len(raw); i++ {
		raw[i] = 0xaa
	}
	check(t, os.WriteFile(path, raw, 0o600))
	db = openDB(t, path, one)
	if err := db.QuickCheck(t.Context()); !errors.Is(err, database.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

func TestWhatWasOverwrittenIsInNeitherFile(t *testing.T) {
	path := newPath(t)
	db := openDB(t, path, one)
	secret := strings.Repeat("secret", 20)
	_, err := db.Writer.Exec("INSERT INTO a VALUES (?)", secret)
	_, err2 := db.Writer.Exec("UPDATE a SET n = 'next'")
	check(t, err, err2, db.CutLog())
	files, err := filepath.Glob(path + "*")
	check(t, err)
	for _, f := range files {
		if raw, err := os.ReadFile(f); err != nil || strings.Contains(string(raw), secret[:12]) {
			t.Errorf("%s still holds the secret (%v)", f, err)
		}
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	path := newPath(t)
	db := openDB(t, path, one)
	_, err := db.Writer.Exec("INSERT INTO a VALUES (1)")
	check(t, err, db.Close())
	if files, err := filepath.Glob(path + "*"); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "x.db") }

func openDB(t *testing.T, path string, steps fstest.MapFS) *database.DB {
	t.Helper()
	db, err := database.Open(path, options(steps))
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func count(t *testing.T, db *database.DB, query string) (n int) {
	t.Helper()
	check(t, db.Reader.QueryRow(query).Scan(&n))
	return n
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
