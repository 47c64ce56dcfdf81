package history

import (
	"errors"
	"fmt"

	"github.com/passeur-p2p/passeur/conversation"
	"golang.org/x/crypto/cryptobyte"
)

// errMessage is wrapped by every error of parse but errSkipped.
var errMessage = errors.New("malformed message")

// errSkipped is a message of a type that this version does not know.
var errSkipped = errors.New("unknown message")

// parse reads one message. Entries and records in it are slices of b.
func parse(b []byte) (message, error) {
	s := cryptobyte.String(b)
	var kind uint8
	if !s.ReadUint8(&kind) {
		return nil, fmt.Errorf("%w: empty", errMessage)
	}
	read, known := parsers[kind]
	if !known {
		return nil, fmt.Errorf("%w: type %d", errSkipped, kind)
	}
	m, ok := read(&s)
	if !ok || !s.Empty() {
		return nil, fmt.Errorf("%w: type %d with %d bytes", errMessage, kind, len(b))
	}
	return m, nil
}

var parsers = map[uint8]func(*cryptobyte.String) (message, bool){
	typeHello:  parseHello,
	typeHeads:  parseHeads,
	typeWant:   parseWant,
	typeEntry:  parseEntry,
	typeEnd:    parseEnd,
	typeNew:    parseNew,
	typeNo:     parseNo,
	typeRecord: parseRecord,
}

func parseHello(s *cryptobyte.String) (message, bool) {
	var m hello
	var v uint8
	ok := s.ReadUint8(&v) && v == version &&
		s.ReadUint64(&m.number) && s.ReadUint16(&m.entries) && s.ReadUint32(&m.bytes) && s.ReadUint32(&m.follow) &&
		m.entries > 0 && m.bytes > 0
	*s = nil // a later version may say more
	return m, ok
}

func parseHeads(s *cryptobyte.String) (message, bool) {
	var m heads
	ok := readID(s, &m.conv) && s.ReadUint32(&m.total) && s.CopyBytes(m.digest[:]) &&
		readIDs(s, &m.ids, 0, maxHeads) && uint64(m.total) >= uint64(len(m.ids))
	return m, ok
}

func parseWant(s *cryptobyte.String) (message, bool) {
	var m want
	var kind uint8
	if !s.ReadUint8(&kind) || !readID(s, &m.conv) {
		return nil, false
	}
	m.kind = wantKind(kind)
	switch m.kind {
	case wantNothing:
		return m, true
	case wantHistory:
		ok := readIDs(s, &m.ids, 0, maxIDs) && readIDs(s, &m.have, 0, maxIDs) && readID(s, &m.after)
		return m, ok
	case wantBodies:
		ok := readIDs(s, &m.ids, 1, maxIDs)
		return m, ok
	}
	return nil, false
}

func parseEntry(s *cryptobyte.String) (message, bool) {
	var m entry
	ok := readRaw(s, &m.raw)
	return m, ok
}

func parseEnd(s *cryptobyte.String) (message, bool) {
	var m end
	var more uint8
	ok := readID(s, &m.conv) && s.ReadUint8(&more) && more <= 1
	m.more = more == 1
	return m, ok
}

func parseNew(s *cryptobyte.String) (message, bool) {
	var m fresh
	ok := readID(s, &m.conv) && readRaw(s, &m.raw)
	return m, ok
}

func parseNo(s *cryptobyte.String) (message, bool) {
	var m no
	var why uint8
	var proof cryptobyte.String
	if !readID(s, &m.conv) || !s.ReadUint8(&why) || !s.ReadUint24LengthPrefixed(&proof) {
		return nil, false
	}
	m.reason = reason(why)
	if proof.Empty() {
		return m, true
	}
	m.proof = new(conversation.Raw)
	ok := readRaw(&proof, m.proof) && proof.Empty()
	return m, ok
}

func parseRecord(s *cryptobyte.String) (message, bool) {
	var m record
	ok := len(*s) >= 1 && len(*s) <= MaxRecord && s.ReadBytes(&m.raw, len(*s))
	return m, ok
}

func readID(s *cryptobyte.String, id *conversation.ID) bool { return s.CopyBytes(id[:]) }

// readIDs reads from least to most ids.
func readIDs(s *cryptobyte.String, ids *[]conversation.ID, least, most int) bool {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) || len(list)%idSize != 0 {
		return false
	}
	n := len(list) / idSize
	if n < least || n > most {
		return false
	}
	*ids = make([]conversation.ID, n)
	for i := range *ids {
		readID(&list, &(*ids)[i])
	}
	return true
}

func readRaw(s *cryptobyte.String, raw *conversation.Raw) bool {
	var header, body cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&header) || len(header) == 0 ||
		!s.ReadBytes(&raw.Signature, sigSize) || !s.ReadUint24LengthPrefixed(&body) {
		return false
	}
	raw.Header = header
	if len(body) > 0 {
		raw.Body = body
	}
	return true
}
