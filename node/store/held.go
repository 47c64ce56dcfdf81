package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// Held is a row of the files that lie here for entries of conversations: one
// place for each entry.
type Held struct {
	Conversation, Entry conversation.ID
	// Path need not be UTF-8.
	Path string
	// Size and Sum (SHA3-512, hex) are the announced ones.
	Size int64
	Sum  string
	// Source: it is the file that was sent from here.
	Source bool
	Since  time.Time
	Look   Look
}

// Look is what was found when the bytes of a file were last read.
type Look struct {
	Stamp Stamp
	// Same: they were the announced ones.
	Same bool
	// Settled: whatever changes the file from then on changes the stamp.
	Settled bool
}

// Stamp is what tells, without reading it, that a file may have changed. Fields
// that the system does not tell are 0.
type Stamp struct {
	Size int64
	// Modified and Changed (of the file's bytes; of anything about it) are
	// nanoseconds since 1970.
	Modified, Changed int64
	Inode             uint64
}

const heldColumns = `conversation, entry, path, size, sum, source, since,
	seen_size, seen_modified, seen_changed, seen_inode, same, settled`

// PutHeld stores h in place of what was stored for its entry.
func (s *Store) PutHeld(h Held) error {
	_, err := s.db.Exec(`
		INSERT OR REPLACE INTO held (`+heldColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		idBytes(h.Conversation), idBytes(h.Entry), []byte(h.Path), h.Size, h.Sum, h.Source, milli(h.Since),
		h.Look.Stamp.Size, h.Look.Stamp.Modified, h.Look.Stamp.Changed, int64(h.Look.Stamp.Inode), h.Look.Same, h.Look.Settled)
	return s.fail("put a held file", err)
}

// LookedAt stores what was found at path, if the entry's file still is there.
func (s *Store) LookedAt(conv, entry conversation.ID, path string, l Look) error {
	_, err := s.db.Exec(`
		UPDATE held SET seen_size = ?, seen_modified = ?, seen_changed = ?, seen_inode = ?, same = ?, settled = ?
		WHERE conversation = ? AND entry = ? AND path = ?`,
		l.Stamp.Size, l.Stamp.Modified, l.Stamp.Changed, int64(l.Stamp.Inode), l.Same, l.Settled,
		conv[:], entry[:], []byte(path))
	return s.fail("remember what a held file is like", err)
}

// Held gives the file of an entry, or ErrNotFound.
func (s *Store) Held(conv, entry conversation.ID) (Held, error) {
	h, err := scanHeld(s.db.QueryRow(
		"SELECT "+heldColumns+" FROM held WHERE conversation = ? AND entry = ?", conv[:], entry[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return Held{}, fmt.Errorf("the file of entry %s: %w", entry, ErrNotFound)
	}
	return h, s.fail("read a held file", err)
}

// AllHeld gives all, the newest last.
func (s *Store) AllHeld() ([]Held, error) {
	list, err := collect(s.db, scanHeld, "SELECT "+heldColumns+" FROM held ORDER BY since, conversation, entry")
	return list, s.fail("read the held files", err)
}

// ForgetHeld forgets where the files of a conversation lie.
func (s *Store) ForgetHeld(conv conversation.ID) error {
	_, err := s.db.Exec("DELETE FROM held WHERE conversation = ?", conv[:])
	return s.fail("forget held files", err)
}

func scanHeld(row scanner) (h Held, err error) {
	var conv, entry, path []byte
	var since, inode int64
	err = row.Scan(&conv, &entry, &path, &h.Size, &h.Sum, &h.Source, &since,
		&h.Look.Stamp.Size, &h.Look.Stamp.Modified, &h.Look.Stamp.Changed, &inode, &h.Look.Same, &h.Look.Settled)
	if err != nil {
		return Held{}, err
	}
	h.Path, h.Since = string(path), fromMilli(since)
	h.Look.Stamp.Inode = uint64(inode)
	var errs [2]error
	h.Conversation, errs[0] = toID(conv)
	h.Entry, errs[1] = toID(entry)
	return h, errors.Join(errs[:]...)
}
