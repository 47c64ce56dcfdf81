package yamux

import "encoding/binary"

// headerSize is the length of every frame's header, in bytes.
const headerSize = 12

// initialWindow is the window that every stream begins with, in bytes, as the
// specification has it.
const initialWindow = 256 << 10

const (
	typeData uint8 = iota
	typeWindowUpdate
	typePing
	typeGoAway
)

const (
	flagSYN uint16 = 1 << iota
	flagACK
	flagFIN
	flagRST
)

// Error codes of a go-away frame.
const (
	goAwayNormal uint32 = iota
	goAwayProtocol
)

// header of a frame, as it is on the wire.
type header [headerSize]byte

func encode(kind uint8, flags uint16, stream, length uint32) (h header) {
	h[1] = kind
	binary.BigEndian.PutUint16(h[2:], flags)
	binary.BigEndian.PutUint32(h[4:], stream)
	binary.BigEndian.PutUint32(h[8:], length)
	return h
}

func (h *header) version() uint8       { return h[0] }
func (h *header) kind() uint8          { return h[1] }
func (h *header) has(flag uint16) bool { return binary.BigEndian.Uint16(h[2:])&flag != 0 }
func (h *header) stream() uint32       { return binary.BigEndian.Uint32(h[4:]) }
func (h *header) length() uint32       { return binary.BigEndian.Uint32(h[8:]) }
