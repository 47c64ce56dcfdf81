package store

import (
	"database/sql"
	"errors"
)

// LoadRecord gives the newest directory record seen under key; nil if none.
func (s *Store) LoadRecord(key string) ([]byte, error) {
	raw, err := s.bytes("SELECT raw FROM record WHERE key = ?", key)
	return raw, s.fail("load a record", err)
}

// SaveRecord stores raw in place of the record under key.
func (s *Store) SaveRecord(key string, raw []byte) error {
	_, err := s.db.Exec("INSERT OR REPLACE INTO record (key, raw) VALUES (?, ?)", key, blob(raw))
	return s.fail("save a record", err)
}

// DeleteRecord forgets the record under key; none there is no error.
func (s *Store) DeleteRecord(key string) error {
	_, err := s.db.Exec("DELETE FROM record WHERE key = ?", key)
	return s.fail("delete a record", err)
}

// Blob gives the bytes stored under name; nil if none.
func (s *Store) Blob(name string) ([]byte, error) {
	raw, err := s.bytes("SELECT bytes FROM blob WHERE name = ?", name)
	return raw, s.fail("read "+name, err)
}

// PutBlob stores raw in place of the bytes under name. What it replaces is
// overwritten on the disk, for it may be a key that must not be read again (a
// file system that copies on write keeps it all the same).
func (s *Store) PutBlob(name string, raw []byte) error {
	_, err := s.db.Exec("INSERT OR REPLACE INTO blob (name, bytes) VALUES (?, ?)", name, blob(raw))
	if err != nil {
		return s.fail("put "+name, err)
	}
	// The log still has the old bytes until it is cut off.
	return s.fail("cut off the log", s.file.CutLog())
}

func (s *Store) bytes(query, key string) (raw []byte, err error) {
	err = s.db.QueryRow(query, key).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return blob(raw), err
}
