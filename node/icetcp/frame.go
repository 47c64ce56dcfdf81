package icetcp

import (
	"encoding/binary"
	"fmt"
	"io"
)

// On an ICE-TCP socket every STUN message is a frame: its length in two bytes, big
// endian, then the message (RFC 6544 §3, RFC 4571 §2).

const (
	frameHeader = 2
	// maxFrame is the longest frame that is read before the hand-off. STUN checks
	// are under 200 bytes, the marker has markerLen.
	maxFrame = 1500
)

// readFrame reads one frame into buf, which has room for maxFrame bytes.
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(h[:]))
	if n > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes, the limit is %d", n, maxFrame)
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return nil, fmt.Errorf("frame cut short: %w", err)
	}
	return buf[:n], nil
}

// appendFrame appends p as a frame to b. p must not be longer than 65535 bytes.
func appendFrame(b, p []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
	return append(b, p...)
}
