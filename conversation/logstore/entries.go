package logstore

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
)

// readRaw gives the bytes of an entry by its number.
func readRaw(q queryer, n int64) (raw conversation.Raw, err error) {
	err = q.QueryRow("SELECT header, signature, body FROM raw WHERE n = ?", n).Scan(&raw.Header, &raw.Signature, &raw.Body)
	return raw, err
}

func readEntry(q queryer, n int64) (*conversation.Entry, error) {
	raw, err := readRaw(q, n)
	if err != nil {
		return nil, err
	}
	return decodeStored(raw)
}

// decodeStored decodes what was checked before it was stored.
func decodeStored(raw conversation.Raw) (*conversation.Entry, error) {
	e, err := conversation.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", database.ErrCorrupt, err)
	}
	return e, nil
}

// leastDigits is how many digits name something at least.
const leastDigits = 4

var hexDigits = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// prefix gives the least and the greatest ID that begin like ref.
func prefix(ref string) (least, greatest conversation.ID, err error) {
	ref = strings.ToLower(ref)
	if !hexDigits.MatchString(ref) {
		return least, greatest, fmt.Errorf("%q is not the beginning of an id: %d to 64 hex digits", ref, leastDigits)
	}
	low, err := conversation.ParseID(ref + strings.Repeat("0", 64-len(ref)))
	if err != nil {
		return least, greatest, err
	}
	high, err := conversation.ParseID(ref + strings.Repeat("f", 64-len(ref)))
	return low, high, err
}

// Find gives the conversation whose ID begins with ref, at least 4 hex digits.
// Errors are ErrUnknownConversation and ErrAmbiguous, or say that ref is none.
func (s *Store) Find(ref string) (conversation.ID, error) {
	least, greatest, err := prefix(ref)
	if err != nil {
		return conversation.ID{}, fmt.Errorf("%w: %w", ErrUnknownConversation, err)
	}
	found, err := collect(s.db.Reader, scanID, "SELECT id FROM conversation WHERE id BETWEEN ? AND ? LIMIT 2", least[:], greatest[:])
	return one(found, ref, ErrUnknownConversation, s.fail("find a conversation", err))
}

func one(found []conversation.ID, ref string, unknown, err error) (conversation.ID, error) {
	switch {
	case err != nil:
		return conversation.ID{}, err
	case len(found) == 0:
		return conversation.ID{}, fmt.Errorf("%w: %s", unknown, ref)
	case len(found) > 1:
		return conversation.ID{}, fmt.Errorf("%w: %s", ErrAmbiguous, ref)
	}
	return found[0], nil
}

// FindEntry gives the entry of a conversation whose ID begins with ref, at least
// 4 hex digits. Errors are ErrUnknownEntry and ErrAmbiguous, or say that ref is
// none.
func (s *Store) FindEntry(id conversation.ID, ref string) (conversation.ID, error) {
	least, greatest, err := prefix(ref)
	if err != nil {
		return conversation.ID{}, fmt.Errorf("%w: %w", ErrUnknownEntry, err)
	}
	key, err := s.key(s.db.Reader, id)
	if err != nil {
		return conversation.ID{}, err
	}
	found, err := collect(s.db.Reader, scanID, "SELECT id FROM entry WHERE id BETWEEN ? AND ? AND +conv = ? LIMIT 2",
		least[:], greatest[:], key)
	return one(found, ref, ErrUnknownEntry, s.fail("find an entry", err))
}

// Entry gives an entry of a conversation, live or void, or ErrUnknownEntry.
func (s *Store) Entry(id, entry conversation.ID) (e *conversation.Entry, err error) {
	err = s.view(func(q queryer) error {
		n, err := s.find(q, id, entry)
		if err == nil {
			e, err = readEntry(q, n)
		}
		return err
	})
	return e, s.fail("read an entry", err)
}

// key gives the number of a conversation, or ErrUnknownConversation.
func (s *Store) key(q queryer, id conversation.ID) (key int64, err error) {
	err = q.QueryRow("SELECT key FROM conversation WHERE id = ?", id[:]).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, unknown(id)
	}
	return key, err
}

func unknown(id conversation.ID) error { return fmt.Errorf("%w: %s", ErrUnknownConversation, id) }

// find gives the number of an entry.
func (s *Store) find(q queryer, id, entry conversation.ID) (n int64, err error) {
	key, err := s.key(q, id)
	if err != nil {
		return 0, err
	}
	err = q.QueryRow("SELECT n FROM entry WHERE id = ? AND +conv = ?", entry[:], key).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("%w: %s", ErrUnknownEntry, entry)
	}
	return n, err
}
