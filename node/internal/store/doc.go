// Package store is a node's own memory on disk: contacts, transfers, where
// the files of conversations lie, the newest directory records seen, and small
// secrets such as the key ring. It is one SQLite file, readable by its owner only,
// that one process at a time has open.
//
// It knows no rules: who may become a contact, or when a transfer has ended, is
// decided elsewhere. It stores no files, no account key and no device key.
//
// What a method has stored is on the disk when it returns (WAL with
// synchronous=FULL), all of it or nothing; a crash or a power cut loses nothing
// that was acknowledged.
package store
