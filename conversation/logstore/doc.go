// Package logstore keeps the signed logs of an account's conversations on disk:
// one SQLite file, which one process at a time has open.
//
// It takes entries in (Ingest from others, Append of one's own), holds them
// against the rules of package membership, and answers who belongs where, what
// people see, and what another device lacks. It neither dials nor listens, and
// draws nothing.
//
// Header, signature and body of an entry are kept byte for byte. Everything else
// (what is void, the heads, who is a member) is derived from them, is written in
// the same transaction, and can be built anew: see [Store.Rebuild]. What a method
// has stored is on the disk when it returns, all of it or nothing; a crash or a
// power cut loses nothing that was acknowledged.
//
// What is stored of a conversation is closed: with an entry come all its
// ancestors. So an exchange that was cut off goes on where it stood.
package logstore
