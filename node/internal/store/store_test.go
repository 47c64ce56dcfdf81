package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// The guard that the directory can keep its records here.
var _ directory.Memory = (*store.Store)(nil)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		beVictim(path) // see crash_test.go
	}
	goleak.VerifyTestMain(m)
}

func TestEverythingSurvivesReopening(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	contact, transfer := fullContact(1, "Bob"), fullTransfer("00112233aabbccdd")
	check(t, s.PutContact(contact), s.PutTransfer(transfer), s.SaveRecord("/k", []byte("raw")), s.PutBlob("b", nil))
	check(t, s.Close())
	s = openStore(t, path)
	if got, err := s.Contacts(); err != nil || !reflect.DeepEqual(got, []store.Contact{contact}) {
		t.Errorf("Contacts = %+v, %v; want %+v", got, err, contact)
	}
	if got, err := s.Transfer(transfer.ID); err != nil || !reflect.DeepEqual(got, transfer) {
		t.Errorf("Transfer = %+v, %v; want %+v", got, err, transfer)
	}
	if raw, err := s.LoadRecord("/k"); err != nil || string(raw) != "raw" {
		t.Errorf("LoadRecord = %q, %v", raw, err)
	}
	if raw, err := s.Blob("b"); err != nil || raw == nil || len(raw) != 0 {
		t.Errorf("Blob = %v, %v; want empty, not none", raw, err)
	}
}

// Every field of the row structs is stored; a new one must be added to the SQL.
func TestNoFieldOfTheFixturesIsZero(t *testing.T) {
	for _, row := range []any{fullContact(1, "Bob"), fullTransfer("id"), fullPart(1), fullHeld(1), fullHeld(1).Look, fullHeld(1).Look.Stamp} {
		v := reflect.ValueOf(row)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%T.%s is not tested", row, v.Type().Field(i).Name)
			}
		}
	}
}

func TestRowsWithLittleInThem(t *testing.T) {
	s := openStore(t, newPath(t))
	contact := store.Contact{Account: account(1), State: "pending"}
	transfer := store.Transfer{ID: "x", Direction: "incoming", State: filexfer.Created}
	check(t, s.PutContact(contact), s.PutTransfer(transfer))
	contacts, err := s.Contacts()
	if err != nil || !reflect.DeepEqual(contacts, []store.Contact{contact}) {
		t.Errorf("%+v, %v", contacts, err)
	}
	transfers, err := s.Transfers()
	if err != nil || !reflect.DeepEqual(transfers, []store.Transfer{transfer}) {
		t.Errorf("%+v, %v", transfers, err)
	}
}

func TestHostileTextComesBackAsItWent(t *testing.T) {
	s := openStore(t, newPath(t))
	text := "'); DROP TABLE contact; --\x00\x1b[2J\u202e\xff"
	contact := store.Contact{Account: account(1), SelfName: text, State: "pending"}
	transfer := store.Transfer{ID: text, Direction: "incoming", Name: text, File: text, State: filexfer.Created, Reason: text}
	check(t, s.PutContact(contact), s.PutTransfer(transfer), s.SaveRecord(text, []byte(text)))
	if got, err := s.Contacts(); err != nil || len(got) != 1 || got[0] != contact {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Transfer(text); err != nil || !reflect.DeepEqual(got, transfer) {
		t.Errorf("%+v, %v", got, err)
	}
	if raw, err := s.LoadRecord(text); err != nil || string(raw) != text {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestAliasesAreUniqueWhateverTheCase(t *testing.T) {
	s := openStore(t, newPath(t))
	check(t, s.PutContact(fullContact(1, "Bob")), s.PutContact(fullContact(1, "BOB")), s.PutContact(fullContact(2, "Straße")))
	for _, alias := range []string{"bob", "Bob", "STRASSE", "Stra\u00dfe"} {
		if err := s.PutContact(fullContact(3, alias)); !errors.Is(err, store.ErrNameTaken) || !strings.Contains(err.Error(), alias) {
			t.Errorf("alias %q: %v, want ErrNameTaken", alias, err)
		}
	}
	composed, decomposed := "Zo\u00eb", "Zoe\u0308"
	check(t, s.PutContact(fullContact(4, composed)))
	if err := s.PutContact(fullContact(5, decomposed)); !errors.Is(err, store.ErrNameTaken) {
		t.Errorf("the same letters composed otherwise: %v", err)
	}
	check(t, s.PutContact(fullContact(6, "")), s.PutContact(fullContact(7, "")))
	check(t, s.DeleteContact(account(1)), s.DeleteContact(account(1)), s.PutContact(fullContact(3, "bob")))
	if got, err := s.Contacts(); err != nil || len(got) != 5 {
		t.Errorf("%d contacts, %v", len(got), err)
	}
}

func TestRowsThatMakeNoSenseAreRefused(t *testing.T) {
	s := openStore(t, newPath(t))
	noState, noDirection, noID, badPath := fullContact(1, "x"), fullTransfer("x"), fullTransfer(""), fullTransfer("x")
	noState.State, noDirection.Direction, badPath.Path = "friend", "sideways", json.RawMessage("{")
	twice, badPartPath := fullTransfer("x"), fullTransfer("x")
	twice.Parts[1], badPartPath.Parts[1].Path = twice.Parts[0], json.RawMessage("{")
	noEntry, noPath, noSum := fullHeld(1), fullHeld(1), fullHeld(1)
	noEntry.Entry, noPath.Path, noSum.Sum = conversation.ID{}, "", "ab"
	for name, err := range map[string]error{
		"state": s.PutContact(noState), "direction": s.PutTransfer(noDirection), "id": s.PutTransfer(noID), "path": s.PutTransfer(badPath),
		"part of a device that has one": s.PutTransfer(twice),
		"part's path":                   s.PutTransfer(badPartPath), "held entry": s.PutHeld(noEntry, nil), "held path": s.PutHeld(noPath, nil),
		"sum": s.PutHeld(noSum, nil),
	} {
		if err == nil {
			t.Errorf("a wrong %s was stored", name)
		}
	}
	if _, err := s.Transfer("x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Transfer = %v, want ErrNotFound", err)
	}
}

func TestTransfersComeNewestLastAndAreForgotten(t *testing.T) {
	s := openStore(t, newPath(t))
	for i := range 4 {
		transfer := fullTransfer(fmt.Sprint(i))
		transfer.Created = time.UnixMilli(int64(1000 - i)).UTC()
		check(t, s.PutTransfer(transfer))
	}
	assertIDs(t, s, "3 2 1 0")
	check(t, s.ForgetTransfers(nil))
	check(t, s.ForgetTransfers([]string{"3", "1", "never there"}))
	assertIDs(t, s, "2 0")
}

func assertIDs(t *testing.T, s *store.Store, want string) {
	t.Helper()
	var ids []string
	transfers, err := s.Transfers()
	for _, transfer := range transfers {
		ids = append(ids, transfer.ID)
	}
	if got := strings.Join(ids, " "); err != nil || got != want {
		t.Errorf("transfers %q, %v; want %q", got, err, want)
	}
}

func TestRecordsAndBlobs(t *testing.T) {
	s := openStore(t, newPath(t))
	for _, kind := range []struct {
		name string
		put  func(string, []byte) error
		get  func(string) ([]byte, error)
	}{{"record", s.SaveRecord, s.LoadRecord}, {"blob", s.PutBlob, s.Blob}} {
		if raw, err := kind.get("k"); raw != nil || err != nil {
			t.Errorf("%s before: %v, %v; want nil, nil", kind.name, raw, err)
		}
		big := bytes.Repeat([]byte{7}, 1<<20)
		check(t, kind.put("k", []byte("one")), kind.put("k", big))
		if raw, err := kind.get("k"); err != nil || !bytes.Equal(raw, big) {
			t.Errorf("%s: %d bytes, %v", kind.name, len(raw), err)
		}
	}
	check(t, s.DeleteRecord("k"), s.DeleteRecord("k"))
	if raw, err := s.LoadRecord("k"); raw != nil || err != nil {
		t.Errorf("deleted record: %v, %v", raw, err)
	}
}

// A key that was replaced is in none of the files any more.
func TestReplacedBlobIsOverwritten(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	secret := bytes.Repeat([]byte("secret"), 20)
	check(t, s.PutBlob("ring", secret), s.SaveRecord("k", []byte("raw")), s.PutBlob("ring", []byte("next")))
	files, err := filepath.Glob(path + "*")
	check(t, err)
	for _, file := range files {
		if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, secret[:12]) {
			t.Errorf("%s still holds the old blob (%v)", file, err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := openStore(t, newPath(t))
	var wg sync.WaitGroup
	for worker := range byte(8) {
		wg.Go(func() {
			for i := range 10 {
				transfer := fullTransfer(fmt.Sprintf("%d-%d", worker, i))
				err := errors.Join(s.PutTransfer(transfer), s.PutContact(fullContact(worker, fmt.Sprint("c", worker))))
				_, err2 := s.Transfers()
				if err := errors.Join(err, err2, s.SaveRecord(fmt.Sprint(worker), []byte{byte(i)})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	transfers, err := s.Transfers()
	contacts, err2 := s.Contacts()
	if len(transfers) != 80 || len(contacts) != 8 || err != nil || err2 != nil {
		t.Errorf("%d transfers, %d contacts, %v, %v", len(transfers), len(contacts), err, err2)
	}
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	path := newPath(t)
	check(t, os.WriteFile(path, nil, 0o644))
	s := openStore(t, path)
	check(t, s.SaveRecord("k", []byte("raw")))
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v: want the file and its log", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", file, info.Mode(), err)
		}
	}
}

func TestPathsWithLettersThatMeanSomethingInURIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c=d&e#f%20g;h'ü")
	check(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "node.db")
	s := openStore(t, path)
	check(t, s.SaveRecord("k", []byte("raw")), s.Close())
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	check(t, s.SaveRecord("k", []byte("raw")), s.Close())
	if files, err := filepath.Glob(path + "*"); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	if err := s.SaveRecord("k", nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("SaveRecord after Close: %v", err)
	}
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "node.db") }

func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func account(n byte) conversation.Account { return conversation.Account{1, 2, 3, n} }

func fullContact(n byte, alias string) store.Contact {
	return store.Contact{
		Account: account(n), Alias: alias, SelfName: "Robert", State: "accepted", Since: time.UnixMilli(1795400000123).UTC(), Verified: "code",
	}
}

func fullTransfer(id string) store.Transfer {
	return store.Transfer{
		ID: id, Direction: "incoming", Account: account(9), Device: peer.ID("\x00\x24device"),
		Name: "photo.jpg", File: "/tmp/\xff/photo.jpg", Size: 1 << 40, Bytes: 1<<40 - 1, State: filexfer.ClosedByPeer, Ended: true,
		Reason: "the other side went away", Code: "lost", Sum: strings.Repeat("ab", 64), Tree: strings.Repeat("cd", 32), Manifest: 3,
		Rule: "photos", PathKind: "direct", Path: json.RawMessage(`{"rtt":1}`),
		Created: time.UnixMilli(1795400000123).UTC(), Updated: time.UnixMilli(1795400000456).UTC(),
		Conversation: conversation.ID{1, 2}, Entry: conversation.ID{3, 4}, Exact: true,
		Parts: []store.Part{fullPart(2), fullPart(1)},
	}
}

func fullPart(n byte) store.Part {
	return store.Part{
		Device: peer.ID([]byte{0, 0x24, n}), Account: account(n), State: filexfer.Unjoinable, Bytes: int64(n),
		Reason: "it is off", Code: "unjoinable", PathKind: "relayed", Path: json.RawMessage(`{"rtt":2}`),
		Updated: time.UnixMilli(1795400000789).UTC(),
	}
}

func fullHeld(n byte) store.Held {
	return store.Held{
		Conversation: conversation.ID{1, 2}, Entry: conversation.ID{3, n}, Path: "/tmp/\xff/photo.jpg",
		Size: 1 << 40, Sum: strings.Repeat("ab", 64), Tree: strings.Repeat("cd", 32), Source: true,
		Since: time.UnixMilli(1795400000123).UTC(),
		Look: store.Look{
			Stamp: store.Stamp{Size: 1 << 40, Modified: -1, Changed: 1795400000123456789, Inode: 1<<64 - 1},
			Same:  true, Settled: true,
		},
	}
}
