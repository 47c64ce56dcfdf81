// Package membership holds the rules of a conversation: who is in it, and what
// counts. It knows no bytes, no signatures, no clock and no disk; it is given
// entries in an order in which parents come first, and answers. The rules are
// told in docs/protocol.md.
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
//
// # Why a Book agrees with Resolve
//
// Only control entries void others, grant something or end it, and the steps
// read of an entry its rank, what is in its past, and what is concurrent with
// it: neither is in the past of the other. The past of an entry is fixed, so
// whether two entries are concurrent never changes. Hence:
//
//   - What a set comes to is a function of its control entries. Permission and
//     rank are decided by the set of control entries in the past, which is the
//     same for long runs of entries: it is interned, and the standings that it
//     comes to are worked out once.
//   - A data entry changes nothing but itself. Whether it is void follows from
//     its rank, its past, and those threats (live entries that remove or ban its
//     account or revoke its device) that are concurrent with it. When it arrives
//     nothing follows it, so those are the threats not in its past.
//   - A control entry c that follows all others is concurrent with none. It voids
//     and revives no control entry. It is live: it is valid, so the set of the
//     others gives its author a standing, by a live word that no live word ends,
//     and that is what steps 3 and 4 ask for. Its own word follows all words about
//     the same account, so it decides that account's standing and no other. Older
//     data does not follow c, so c supports none of it and ends none of its
//     support; as a threat it voids what it does not follow of its account.
//   - Any other control entry may void what its target or the revoked device
//     wrote beside it, with that what hung on it (joins by an invitation, acts by
//     a promotion), and so revive what those had voided. All control entries
//     are then resolved anew. Where the reason or the effective rank of one
//     differs from before, data of the account that it bears on may have lost or
//     found a support or a threat, and is reviewed; all other data is as it was.
//     The reason tells in which step an entry fell, so that an entry with the
//     same reason was alive in the same steps.
//
// Whether entries follow each other is asked of the interned sets where one of
// them is control, and else by walking down from the later one, newest first,
// without recursion.
package membership
