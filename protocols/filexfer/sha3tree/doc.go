// Package sha3tree is the tree of SHA3-256 sums of a file: one sum names the
// whole file, and a list of sums lets a receiver check every MiB of it alone, in
// any order, from any source. It is arithmetic on bytes: where a list comes from,
// whom a root is believed from and what to do with a wrong unit is the matter of
// whoever has one.
//
// A file is cut into units of 1 MiB, and a unit into eight parts of 128 KiB; the
// last unit and its last part are what is left, and never empty. An empty file has
// no units. With ‖ for "followed by", and the last byte telling the three kinds of
// sum apart:
//
//	part = SHA3-256(the part's bytes ‖ 0x00)
//	unit = SHA3-256(the sums of the unit's parts ‖ 0x01)
//	root = SHA3-256(the sums of all units ‖ the file's size, 8 bytes, big endian ‖ 0x02)
//
// The list of a file is the sums of its units one after the other, 32 bytes a MiB.
// SHA3-256 is that of FIPS 202. The eight parts of a unit have one length so that
// a processor with wide registers hashes them at once.
// Test vectors are in testdata.
package sha3tree
