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
	// Size, Sum (SHA3-512, hex) and Tree (the root of the SHA3-256 tree, hex) are the
	// announced ones; one of the sums may be empty.
	Size      int64
	Sum, Tree string
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

const heldColumns = `conversation, entry, path, size, sum, tree, source, since,
	seen_size, seen_modified, seen_changed, seen_inode, same, settled`

// Tree is what the root of a held file's tree of sums stands for.
type Tree struct {
	// Units are the sums of its units, 32 bytes each, one after the other.
	Units []byte
	// Manifest is the beginning of a folder; empty: it is a file.
	Manifest []byte
}

// PutHeld stores h in place of what was stored for its entry, with the tree that
// h.Tree is the root of, unless that is nil.
func (s *Store) PutHeld(h Held, t *Tree) error {
	return s.fail("put a held file", s.transact(func(tx *sql.Tx) error {
		_, err := tx.Exec(`
			INSERT OR REPLACE INTO held (`+heldColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			idBytes(h.Conversation), idBytes(h.Entry), []byte(h.Path), h.Size, h.Sum, h.Tree, h.Source, milli(h.Since),
			h.Look.Stamp.Size, h.Look.Stamp.Modified, h.Look.Stamp.Changed, int64(h.Look.Stamp.Inode), h.Look.Same, h.Look.Settled)
		if err == nil && t != nil {
			_, err = tx.Exec("INSERT OR IGNORE INTO tree (root, units, manifest) VALUES (?, ?, ?)", h.Tree, blob(t.Units), blob(t.Manifest))
		}
		return err
	}))
}

// Tree gives the tree with that root (hex) of a file that is held, or ErrNotFound.
func (s *Store) Tree(root string) (t Tree, err error) {
	err = s.db.QueryRow("SELECT units, manifest FROM tree WHERE root = ?", root).Scan(&t.Units, &t.Manifest)
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("the tree %s: %w", root, ErrNotFound)
	}
	return t, s.fail("read a tree", err)
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
	return s.fail("forget held files", s.transact(func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM held WHERE conversation = ?", conv[:]); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM tree WHERE root NOT IN (SELECT tree FROM held)")
		return err
	}))
}

func scanHeld(row scanner) (h Held, err error) {
	var conv, entry, path []byte
	var since, inode int64
	err = row.Scan(&conv, &entry, &path, &h.Size, &h.Sum, &h.Tree, &h.Source, &since,
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
