package history

import (
	"fmt"

	"github.com/passeur-p2p/passeur/conversation"
	"golang.org/x/crypto/cryptobyte"
)

// Sizes of messages.
const (
	// MaxFrame bounds a message, in bytes, without the length before it.
	MaxFrame = 72 << 10
	// MaxRecord bounds an account record, in bytes.
	MaxRecord = 16 << 10

	maxHeads = 256 // ids in HEADS: 8 KiB
	maxIDs   = 64  // ids in WANT, and as many again in its have
	idSize   = len(conversation.ID{})
	sigSize  = 64
)

// version is the first field of HELLO. Another one ends the stream.
const version = 1

// A message on the wire is its type and its fields. Numbers are big endian; a
// list of ids and bytes of variable size have their size in bytes before them.
// An entry's body of no bytes is withheld: a stored one is never empty.
//
//	type       1 byte
//	fields     by type:
//
//	1 HELLO    version 1 (1), number 8, entries 2 and bytes 4 of the largest
//	           answer that its sender takes or gives, HEADS that follow 4;
//	           what comes behind is skipped
//	2 HEADS    conversation 32, all heads 4, digest 32, ids 2+32n (at most 256)
//	3 WANT     kind 1, conversation 32; then by kind
//	             0 nothing
//	             1 history   ids 2+32n (at most 64; none: all live heads),
//	                         have 2+32n (at most 64), after 32 (zero: none)
//	             2 bodies    ids 2+32n (1 to 64)
//	4 ENTRY    header 2+n, signature 64, body 3+n
//	5 END      conversation 32, more 1 (0 or 1)
//	6 NEW      conversation 32, header 2+n, signature 64, body 3+n
//	7 NO       conversation 32, reason 1 (1 not given or not taken, 2 paused),
//	           proof 3+n: nothing, or an entry as in ENTRY
//	8 RECORD   1 to 16384 bytes
//
// A message of another type is skipped. One with fields too short or too long
// or out of these bounds ends the stream.
type message interface {
	// marshal adds type and fields to b.
	marshal(b *cryptobyte.Builder)
}

const (
	typeHello  = 1
	typeHeads  = 2
	typeWant   = 3
	typeEntry  = 4
	typeEnd    = 5
	typeNew    = 6
	typeNo     = 7
	typeRecord = 8
)

// hello opens each direction of a stream.
type hello struct {
	number  uint64 // of this stream among those of its sender; it grows
	entries uint16 // of an answer, at most
	bytes   uint32 // of an answer, at most; the last entry may go beyond
	follow  uint32 // HEADS that come before anything else
}

// heads says where a conversation stands at its sender's.
type heads struct {
	conv   conversation.ID
	total  uint32            // live heads
	digest [32]byte          // of them all, see digestOf
	ids    []conversation.ID // the first of them
}

// wantKind is what a WANT is after.
type wantKind uint8

const (
	wantNothing wantKind = 0 // no more: the answer to HEADS is complete
	wantHistory wantKind = 1 // ids with all ancestors, less have with theirs
	wantBodies  wantKind = 2 // exactly these ids, for the sake of their bodies
)

// want asks for entries.
type want struct {
	kind      wantKind
	conv      conversation.ID
	ids, have []conversation.ID
	// after is the last entry of the answer before: what precedes it in the
	// order of the side that answers is here.
	after conversation.ID
}

// entry is one of an answer.
type entry struct{ raw conversation.Raw }

// end closes an answer.
type end struct {
	conv conversation.ID
	more bool
}

// fresh pushes one entry.
type fresh struct {
	conv conversation.ID
	raw  conversation.Raw
}

// reason is why a conversation is not given or taken.
type reason uint8

const (
	reasonNo     reason = 1 // unknown here, or not for you: the same answer
	reasonPaused reason = 2 // not now
)

// no refuses a conversation. It stands beside what answers a WANT or HEADS, and
// does not replace it.
type no struct {
	conv   conversation.ID
	reason reason
	proof  *conversation.Raw // the entry that took the right away; or nil
}

// record is an account record.
type record struct{ raw []byte }

// encode gives the bytes of m, which are no more than a frame holds.
func encode(m message) ([]byte, error) {
	b := cryptobyte.NewBuilder(nil)
	m.marshal(b)
	raw, err := b.Bytes()
	if err == nil && len(raw) > MaxFrame {
		err = fmt.Errorf("%d bytes are more than a frame", len(raw))
	}
	return raw, err
}

func (m hello) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeHello)
	b.AddUint8(version)
	b.AddUint64(m.number)
	b.AddUint16(m.entries)
	b.AddUint32(m.bytes)
	b.AddUint32(m.follow)
}

func (m heads) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeHeads)
	b.AddBytes(m.conv[:])
	b.AddUint32(m.total)
	b.AddBytes(m.digest[:])
	addIDs(b, m.ids)
}

func (m want) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeWant)
	b.AddUint8(uint8(m.kind))
	b.AddBytes(m.conv[:])
	switch m.kind {
	case wantHistory:
		addIDs(b, m.ids)
		addIDs(b, m.have)
		b.AddBytes(m.after[:])
	case wantBodies:
		addIDs(b, m.ids)
	}
}

func (m entry) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeEntry)
	addRaw(b, m.raw)
}

func (m end) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeEnd)
	b.AddBytes(m.conv[:])
	more := uint8(0)
	if m.more {
		more = 1
	}
	b.AddUint8(more)
}

func (m fresh) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeNew)
	b.AddBytes(m.conv[:])
	addRaw(b, m.raw)
}

func (m no) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeNo)
	b.AddBytes(m.conv[:])
	b.AddUint8(uint8(m.reason))
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		if m.proof != nil {
			addRaw(b, *m.proof)
		}
	})
}

func (m record) marshal(b *cryptobyte.Builder) {
	b.AddUint8(typeRecord)
	b.AddBytes(m.raw)
}

func addIDs(b *cryptobyte.Builder, ids []conversation.ID) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for i := range ids {
			b.AddBytes(ids[i][:])
		}
	})
}

func addRaw(b *cryptobyte.Builder, raw conversation.Raw) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(raw.Header) })
	b.AddBytes(raw.Signature)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(raw.Body) })
}
