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
	// Name is the file's name; File is where it lies here.
	Name, File  string
	Size, Bytes int64
	State       filexfer.State
	// Reason and Code say how it ended badly.
	Reason, Code string
	// Sum is the SHA3-512 in hex, or empty.
	Sum string
	// PathKind is how it was connected in a word; Path has the details.
	PathKind         string
	Path             json.RawMessage
	Created, Updated time.Time
}

const transferColumns = `id, direction, account, device, name, file, size, bytes, state, reason, code, sum,
	path_kind, path, created, updated`

// PutTransfer stores t in place of what was stored under its ID.
func (s *Store) PutTransfer(t Transfer) error {
	if t.ID == "" || (len(t.Path) > 0 && !json.Valid(t.Path)) {
		return fmt.Errorf("store %s: put transfer %q: its ID is empty, or its path is not JSON", s.path, t.ID)
	}
	_, err := s.db.Exec(`
		INSERT OR REPLACE INTO transfer (`+transferColumns+`, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.Direction, t.Account[:], blob([]byte(t.Device)), t.Name, blob([]byte(t.File)), t.Size, t.Bytes,
		t.State.String(), t.Reason, t.Code, t.Sum, t.PathKind, blob(t.Path), milli(t.Created), milli(t.Updated),
		t.State.Final())
	return s.fail("put a transfer", err)
}

// Transfers gives all, the newest last.
func (s *Store) Transfers() ([]Transfer, error) {
	list, err := collect(s, scanTransfer, "SELECT "+transferColumns+" FROM transfer ORDER BY created, id")
	return list, s.fail("read the transfers", err)
}

// Transfer gives one, or ErrNotFound.
func (s *Store) Transfer(id string) (Transfer, error) {
	t, err := scanTransfer(s.db.QueryRow("SELECT "+transferColumns+" FROM transfer WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Transfer{}, fmt.Errorf("transfer %q: %w", id, ErrNotFound)
	}
	return t, s.fail("read a transfer", err)
}

// PruneTransfers forgets the oldest of those that have ended, all but the
// newest keep of them, and says how many it forgot.
func (s *Store) PruneTransfers(keep int) (forgotten int64, err error) {
	result, err := s.db.Exec(`
		DELETE FROM transfer WHERE id IN (
			SELECT id FROM transfer WHERE ended = 1 ORDER BY created DESC, id DESC LIMIT -1 OFFSET ?)`, max(keep, 0))
	if err != nil {
		return 0, s.fail("prune the transfers", err)
	}
	return result.RowsAffected()
}

func scanTransfer(row scanner) (t Transfer, err error) {
	var account, device, file, path []byte
	var state string
	var created, updated int64
	err = row.Scan(&t.ID, &t.Direction, &account, &device, &t.Name, &file, &t.Size, &t.Bytes, &state,
		&t.Reason, &t.Code, &t.Sum, &t.PathKind, &path, &created, &updated)
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
	t.Account, err = toAccount(account)
	return t, err
}
