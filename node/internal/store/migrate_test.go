package store

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Files of every schema there ever was stay readable.
func TestUpgradeFromEarlierSchemas(t *testing.T) {
	dumps, err := filepath.Glob("testdata/schema-*.sql")
	if err != nil || len(dumps) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	for _, dump := range dumps {
		path := build(t, dump)
		s, err := Open(path)
		if err != nil {
			t.Fatalf("%s: %v", dump, err)
		}
		contacts, err := s.Contacts()
		if err != nil || len(contacts) != 1 || contacts[0].Alias != "Bob" || contacts[0].Account != (conversation.Account{1}) {
			t.Errorf("%s: contacts %+v, %v", dump, contacts, err)
		}
		if transfer, err := s.Transfer("00112233aabbccdd"); err != nil || transfer.Size != 5 || string(transfer.Path) != `{"rtt":1}` ||
			!transfer.Conversation.IsZero() || !transfer.Entry.IsZero() || transfer.Exact || transfer.Parts != nil {
			t.Errorf("%s: transfer %+v, %v", dump, transfer, err)
		}
		record, err := s.LoadRecord("/passeur-acct/x")
		ring, err2 := s.Blob("ring")
		if string(record) != "record" || string(ring) != "secret" || err != nil || err2 != nil {
			t.Errorf("%s: %q, %v, %q, %v", dump, record, err, ring, err2)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What came with schema 2 stays readable, too.
func TestFilesOfConversationsOfSchema2(t *testing.T) {
	s, err := Open(build(t, "testdata/schema-2.sql"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conv, entry := conversation.ID{2}, conversation.ID{3}
	transfer, err := s.Transfer("8899aabbccddeeff")
	if err != nil || transfer.Conversation != conv || transfer.Entry != entry || !transfer.Exact || len(transfer.Parts) != 2 ||
		transfer.Parts[0].Device != "\x00\x24\x01" || transfer.Parts[0].State != filexfer.Ongoing || transfer.Parts[1].Code != "refused" {
		t.Errorf("transfer %+v, %v", transfer, err)
	}
	held, err := s.Held(conv, entry)
	if err != nil || held.Path != "/tmp/\xff" || !held.Source || !held.Look.Same || !held.Look.Settled || held.Look.Stamp.Inode != 1<<64-2 {
		t.Errorf("held %+v, %v", held, err)
	}
}

// What came with schema 3 stays readable, too.
func TestTreesOfSchema3(t *testing.T) {
	s, err := Open(build(t, "testdata/schema-3.sql"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	transfer, err := s.Transfer("8899aabbccddeeff")
	if err != nil || transfer.Tree != strings.Repeat("cd", 32) || transfer.Manifest != 0 {
		t.Errorf("transfer %+v, %v", transfer, err)
	}
	held, err := s.Held(conversation.ID{2}, conversation.ID{4})
	if err != nil || held.Sum != "" || held.Tree != strings.Repeat("ef", 32) || !held.Look.Same {
		t.Errorf("held %+v, %v", held, err)
	}
	tree, err := s.Tree(held.Tree)
	if err != nil || !bytes.Equal(tree.Units, bytes.Repeat([]byte{9}, 32)) || string(tree.Manifest) != "m" {
		t.Errorf("tree %+v, %v", tree, err)
	}
}

// What came with schema 4 stays readable, too.
func TestRulesOfSchema4(t *testing.T) {
	s, err := Open(build(t, "testdata/schema-4.sql"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	contacts, err := s.Contacts()
	if err != nil || contacts[0].Verified != "code" {
		t.Errorf("contacts %+v, %v", contacts, err)
	}
	transfer, err := s.Transfer("00112233aabbccdd")
	if err != nil || transfer.Rule != "photos from Bob" {
		t.Errorf("transfer %+v, %v", transfer, err)
	}
	taken, err := s.Taken(time.UnixMilli(0))
	if err != nil || !reflect.DeepEqual(taken, []Taken{{"photos from Bob", 4096, 1}}) {
		t.Errorf("taken %+v, %v", taken, err)
	}
}

// A file of version 1 is used on as one of this version, and what it was stays
// beside it.
func TestAFileOfSchema1GetsPartsAndHeldFiles(t *testing.T) {
	path := build(t, "testdata/schema-1.sql")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	transfer, err := s.Transfer("00112233aabbccdd")
	if err != nil {
		t.Fatal(err)
	}
	transfer.Entry, transfer.Parts = conversation.ID{3}, []Part{{Device: "\x00\x24\x01", State: filexfer.Created}}
	held := Held{Conversation: conversation.ID{2}, Entry: conversation.ID{3}, Path: "/a", Sum: strings.Repeat("0", 128)}
	if err := errors.Join(s.PutTransfer(transfer), s.PutHeld(held, nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	again, err := s.Transfer(transfer.ID)
	heldAgain, err2 := s.Held(held.Conversation, held.Entry)
	if err != nil || err2 != nil || !reflect.DeepEqual(again, transfer) || heldAgain != held {
		t.Errorf("%+v, %v; %+v, %v", again, err, heldAgain, err2)
	}
	if _, err := os.Stat(path + ".schema-1"); err != nil {
		t.Error(err)
	}
}

// The newest dump is of the newest schema: none that only was while it was made.
func TestTheNewestDumpIsOfTheNewestSchema(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	s, err := Open(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var of [2][]string
	for i, path := range []string{fresh, build(t, "testdata/schema-4.sql")} {
		db := openRaw(t, path)
		defer db.Close()
		rows, err := db.Query("SELECT tbl.name || '.' || col.name || ' ' || col.type FROM sqlite_schema AS tbl, pragma_table_info(tbl.name) AS col WHERE tbl.type = 'table' ORDER BY tbl.name, col.cid")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var column string
			if err := rows.Scan(&column); err != nil {
				t.Fatal(err)
			}
			of[i] = append(of[i], column)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if len(of[0]) < 30 || !reflect.DeepEqual(of[0], of[1]) {
		t.Errorf("a fresh file has\n%q\nthe dump has\n%q", of[0], of[1])
	}
}

// build makes a file of a dump.
func build(t *testing.T, dump string) (path string) {
	t.Helper()
	script, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "old.db")
	db := openRaw(t, path)
	defer db.Close()
	if _, err := db.Exec(string(script)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesThatAreNotOursAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	db := openRaw(t, foreign)
	if _, err := db.Exec("CREATE TABLE other (n)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	newer := build(t, "testdata/schema-1.sql")
	db = openRaw(t, newer)
	if _, err := db.Exec("PRAGMA user_version = 9999"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for path, want := range map[string]error{
		foreign: ErrForeign,
		newer:   ErrNewer,
		write(t, dir, "text", "not a database, but long enough to be one: "+strings.Repeat("x", 4096)): ErrCorrupt,
		damaged(t):                            ErrCorrupt,
		dir:                                   nil, // a folder
		filepath.Join(dir, "missing", "x.db"): os.ErrNotExist,
	} {
		_, err := Open(path)
		if err == nil || (want != nil && !errors.Is(err, want)) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open gives %v; want %v, with the path %s", err, want, path)
		}
	}
}

// damaged gives a file whose pages after the first are overwritten.
func damaged(t *testing.T) string {
	t.Helper()
	path := build(t, "testdata/schema-1.sql")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("\xaa", int(info.Size()-4096))), 4096); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openRaw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}
