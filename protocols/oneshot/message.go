package oneshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Name names a transfer: 32 bytes drawn at random, as pairing.Result.Transfer has them.
// Only its two sides know it.
type Name [32]byte

// Offer is what is sent: a file, or a folder that travels as one.
type Offer struct {
	Name Name
	// Size is the number of bytes, Manifest how many of the first of them tell what
	// is in a folder; 0: it is a file.
	Size, Manifest int64
	// Root is that of the tree of sums; zero while it is being computed.
	Root sha3tree.Sum
	// FileName is what the file is called: 1 to 255 bytes of UTF-8, hostile.
	FileName string
}

// A message; numbers are big endian:
//
//	kind     1 byte
//	fields   by kind:
//
//	1 offer     name 32 ‖ size 8 ‖ manifest 8 ‖ root 32 ‖ file name 1+n, n = 1..255, UTF-8
//	2 over      name 32 ‖ reason 1+n, UTF-8
//	3 missing   count 1, 1..16 ‖ count times: start 8 ‖ end 8
//	4 whole     nothing
//	5 later     nothing
//	6 no        reason 1+n, UTF-8
//
// Sizes and ranges are at most 2^63-1; the manifest is no longer than the file; a
// root of zeros is not known yet. Ranges are from start to the byte before end, not
// empty, apart from each other, in order; each begins and ends with a unit of the tree
// (1 MiB) or with the file, which is for the sender to check. A reader refuses anything
// else, and what follows the fields.
type kind byte

const (
	kindOffer   kind = 1
	kindOver    kind = 2
	kindMissing kind = 3
	kindWhole   kind = 4
	kindLater   kind = 5
	kindNo      kind = 6
)

const (
	maxMessage  = 512
	maxFileName = 255
	maxReason   = 200
	// MaxRanges is how many ranges are told to be missing; the rest is told next time.
	MaxRanges = 16
)

// message is one of either side; what its kind does not have is zero.
type message struct {
	kind    kind
	offer   Offer // of an over: only the name
	reason  string
	missing []filexfer.Span
}

var errMessage = errors.New("a message that breaks the protocol")

func (m message) marshal() ([]byte, error) {
	b := cryptobyte.NewBuilder([]byte{byte(m.kind)})
	text := func(s string) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
	}
	switch m.kind {
	case kindOffer:
		b.AddBytes(m.offer.Name[:])
		b.AddUint64(uint64(m.offer.Size))
		b.AddUint64(uint64(m.offer.Manifest))
		b.AddBytes(m.offer.Root[:])
		text(m.offer.FileName)
	case kindOver:
		b.AddBytes(m.offer.Name[:])
		text(m.reason)
	case kindMissing:
		b.AddUint8(uint8(len(m.missing)))
		for _, s := range m.missing {
			b.AddUint64(uint64(s.Start))
			b.AddUint64(uint64(s.End))
		}
	case kindNo:
		text(m.reason)
	}
	raw, err := b.Bytes()
	if err == nil {
		_, err = parse(raw)
	}
	return raw, err
}

// parse reads one message. It copies what it keeps.
func parse(raw []byte) (m message, err error) {
	s := cryptobyte.String(raw)
	var ok bool
	if ok = len(raw) <= maxMessage && s.ReadUint8((*uint8)(&m.kind)); ok {
		switch m.kind {
		case kindOffer:
			ok = readOffer(&s, &m.offer)
		case kindOver:
			ok = s.CopyBytes(m.offer.Name[:]) && readText(&s, &m.reason, maxReason)
		case kindMissing:
			ok = readRanges(&s, &m.missing)
		case kindNo:
			ok = readText(&s, &m.reason, maxReason)
		default:
			ok = m.kind == kindWhole || m.kind == kindLater
		}
	}
	if !ok || !s.Empty() {
		return message{}, fmt.Errorf("%w: %d bytes", errMessage, len(raw))
	}
	return m, nil
}

// isEdge tells whether a range may begin or end there.
func (o Offer) isEdge(at int64) bool { return at%sha3tree.UnitSize == 0 || at == o.Size }

func readOffer(s *cryptobyte.String, o *Offer) bool {
	return s.CopyBytes(o.Name[:]) && readCount(s, &o.Size) && readCount(s, &o.Manifest) && o.Manifest <= o.Size &&
		s.CopyBytes(o.Root[:]) && readText(s, &o.FileName, maxFileName) && o.FileName != ""
}

func readRanges(s *cryptobyte.String, list *[]filexfer.Span) bool {
	var count uint8
	if !s.ReadUint8(&count) || count == 0 || count > MaxRanges {
		return false
	}
	last := int64(-1) // where the one before ends
	for range count {
		var r filexfer.Span
		if !readCount(s, &r.Start) || !readCount(s, &r.End) || r.Start <= last || r.End <= r.Start {
			return false
		}
		*list, last = append(*list, r), r.End
	}
	return true
}

func readCount(s *cryptobyte.String, n *int64) bool {
	var raw uint64
	ok := s.ReadUint64(&raw) && raw <= math.MaxInt64
	*n = int64(raw)
	return ok
}

func readText(s *cryptobyte.String, text *string, limit int) bool {
	var raw cryptobyte.String
	ok := s.ReadUint8LengthPrefixed(&raw) && len(raw) <= limit && utf8.Valid(raw)
	*text = string(raw)
	return ok
}

func writeMessage(w io.Writer, m message) error {
	raw, err := m.marshal()
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...))
	return err
}

func readMessage(r io.Reader) (message, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return message{}, err
	}
	length := binary.BigEndian.Uint16(size[:])
	if length > maxMessage {
		return message{}, fmt.Errorf("%w: it has %d bytes", errMessage, length)
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return message{}, err
	}
	return parse(raw)
}

// cut makes a text valid and short.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}
