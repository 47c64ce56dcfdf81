// Package membership holds the rules of a conversation: who is in it, and what
// counts. It knows no bytes, no signatures, no clock and no disk; it is given
// entries in an order in which parents come first, and answers.
//
// Two questions are kept apart.
//
//   - Is an entry valid? That is decided by its ancestors alone, so the answer
//     never changes and every device gives the same. An entry that is not valid
//     is not stored and not passed on.
//   - Is it live? That is a function of the set of all entries, and may change
//     as the set grows. A valid entry that is not live is void: it is kept, has
//     no effect, and nothing new is built on it.
//
// [Resolve] is the reference: it works everything out from scratch, line by line
// as docs/protocol.md has it. [Book] gives the same answers one entry at a time,
// fast enough for a hundred thousand entries.
package membership
