package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Transfer is a row of the transfers.
type Transfer struct {
	ID string
	// Direction is "outgoing" or "incoming".
	Direction string
	Account   conversation.Account
	// Device is empty while it is not known.
	Device peer.ID
	// Conversation and Entry are what the file belongs to; zero: to none.
	Conversation, Entry conversation.ID
	// Name is the file's name; File is where it lies here.
	Name, File string
	// Exact: the file must get the name that File says, or none.
	Exact       bool
	Size, Bytes int64
	State       filexfer.State
	// Ended: nothing more will happen. A part may run after the whole is Finished.
	Ended bool
	// Reason and Code say how it ended badly.
	Reason, Code string
	// Rule is the name of the rule that accepted it; empty: a person did.
	Rule string
	// Sum is the SHA3-512 in hex, or empty; so is Tree, the root of the SHA3-256 tree.
	Sum, Tree string
	// Manifest is how many bytes at the beginning tell of a folder; 0: it is a file.
	Manifest int64
	// PathKind is how it was connected in a word; Path has the details.
	PathKind         string
	Path             json.RawMessage
	Created, Updated time.Time
	// Parts come back in the order in which they were put.
	Parts []Part
}

const transferColumns = `id, direction, account, device, name, file, size, bytes, state, reason, code, sum,
	path_kind, path, created, updated, conversation, entry, exact, ended, tree, manifest, rule`

// PutTransfer stores t, with its parts, in place of what was stored under its ID.
// A device of an account may have one part.
func (s *Store) PutTransfer(t Transfer) error {
	return s.putTransfer(t, func(*sql.Tx) error { return nil })
}

// putTransfer stores t and does what else is to be done with it.
func (s *Store) putTransfer(t Transfer, with func(*sql.Tx) error) error {
	if t.ID == "" || !validPath(t.Path) {
		return fmt.Errorf("store %s: put transfer %q: its ID is empty, or its path is not JSON", s.path, t.ID)
	}
	return s.fail("put transfer "+t.ID, s.transact(func(tx *sql.Tx) error {
		if err := putTransfer(tx, t); err != nil { // what it replaces takes its parts with it
			return err
		}
		if err := putParts(tx, t.ID, t.Parts); err != nil {
			return err
		}
		return with(tx)
	}))
}

func putTransfer(tx *sql.Tx, t Transfer) error {
	_, err := tx.Exec(`
		INSERT OR REPLACE INTO transfer (`+transferColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.Direction, t.Account[:], blob([]byte(t.Device)), t.Name, blob([]byte(t.File)), t.Size, t.Bytes,
		t.State.String(), t.Reason, t.Code, t.Sum, t.PathKind, blob(t.Path), milli(t.Created), milli(t.Updated),
		idBytes(t.Conversation), idBytes(t.Entry), t.Exact, t.Ended, t.Tree, t.Manifest, t.Rule)
	return err
}

func validPath(raw json.RawMessage) bool { return len(raw) == 0 || json.Valid(raw) }

// Transfers gives all, the newest last.
func (s *Store) Transfers() (list []Transfer, err error) {
	err = s.transact(func(tx *sql.Tx) error {
		list, err = transfersWithParts(tx, "", "")
		return err
	})
	return list, s.fail("read the transfers", err)
}

// Transfer gives one, or ErrNotFound.
func (s *Store) Transfer(id string) (Transfer, error) {
	var list []Transfer
	err := s.transact(func(tx *sql.Tx) (err error) {
		list, err = transfersWithParts(tx, " WHERE id = ?", " WHERE transfer = ?", id)
		return err
	})
	if err == nil && len(list) == 0 {
		return Transfer{}, fmt.Errorf("transfer %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return Transfer{}, s.fail("read a transfer", err)
	}
	return list[0], nil
}

// transfersWithParts reads them in two queries, however many they are.
func transfersWithParts(tx *sql.Tx, which, whose string, args ...any) ([]Transfer, error) {
	list, err := collect(tx, scanTransfer, "SELECT "+transferColumns+" FROM transfer"+which+" ORDER BY created, id", args...)
	if err != nil {
		return nil, err
	}
	parts, err := readParts(tx, whose, args...)
	for i := range list {
		list[i].Parts = parts[list[i].ID]
	}
	return list, err
}

// ForgetTransfers removes those with these IDs, all or none.
func (s *Store) ForgetTransfers(ids []string) error {
	return s.fail("forget transfers", s.transact(func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec("DELETE FROM transfer WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	}))
}

func scanTransfer(row scanner) (t Transfer, err error) {
	var account, device, file, path, conv, entry []byte
	var state string
	var created, updated int64
	err = row.Scan(&t.ID, &t.Direction, &account, &device, &t.Name, &file, &t.Size, &t.Bytes, &state,
		&t.Reason, &t.Code, &t.Sum, &t.PathKind, &path, &created, &updated, &conv, &entry, &t.Exact, &t.Ended, &t.Tree, &t.Manifest, &t.Rule)
	if err != nil {
		return Transfer{}, err
	}
	t.Device, t.File = peer.ID(device), string(file)
	t.Created, t.Updated = fromMilli(created), fromMilli(updated)
	if len(path) > 0 {
		t.Path = path
	}
	if err := t.State.UnmarshalText([]byte(state)); err != nil {
		return Transfer{}, fmt.Errorf("%w: transfer %s: %w", ErrCorrupt, t.ID, err)
	}
	var errs [3]error
	t.Account, errs[0] = toAccount(account)
	t.Conversation, errs[1] = toID(conv)
	t.Entry, errs[2] = toID(entry)
	return t, errors.Join(errs[:]...)
}
