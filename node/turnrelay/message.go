package turnrelay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/pion/stun"
)

// What a server sends on a control connection, and as the answer on a data
// connection before it is joined, is STUN messages back to back (RFC 8489 §6.2.2).
// pion's client panics on some that are malformed, so each is checked here first.

const (
	headerSize = 20
	// maxMessage bounds a server's message; the longest attributes that a client has
	// any use for fill 2 KiB (RFC 8489 §14).
	maxMessage = 4 << 10
	// minLifetime is the shortest allocation worth having. The client refreshes at
	// half the lifetime, so a server could make it busy with a shorter one.
	minLifetime = 4 * time.Second
)

var (
	errNotSTUN = errors.New("not a STUN message")
	errBad     = errors.New("the server sent a malformed message")
)

// family is an address family as REQUESTED-ADDRESS-FAMILY has it (RFC 6156 §4.1.1).
type family byte

const (
	ipv4 family = 0x01
	ipv6 family = 0x02
)

func familyOf(ip netip.Addr) family {
	if ip.Is4() {
		return ipv4
	}
	return ipv6
}

func (f family) String() string {
	if f == ipv4 {
		return "IPv4"
	}
	return "IPv6"
}

// step names the family's allocation in errors.
func (f family) step() string { return "lend an " + f.String() + " address" }

// readMessage reads one message, and not a byte more.
func readMessage(r io.Reader) (*stun.Message, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := headerSize + int(binary.BigEndian.Uint16(head[2:4]))
	switch {
	case head[0]>>6 != 0, !stun.IsMessage(head[:]):
		return nil, errNotSTUN
	case size%4 != 0:
		return nil, fmt.Errorf("%w: its length is not a multiple of 4", errBad)
	case size > maxMessage:
		return nil, fmt.Errorf("%w: %d bytes, more than %d", errBad, size, maxMessage)
	}
	m := &stun.Message{Raw: append(make([]byte, 0, size), head[:]...)[:size]}
	if _, err := io.ReadFull(r, m.Raw[headerSize:]); err != nil {
		return nil, noEOF(err)
	}
	if err := m.Decode(); err != nil {
		return nil, fmt.Errorf("%w: %w", errBad, err)
	}
	return m, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// address reads an XOR-RELAYED-ADDRESS or XOR-PEER-ADDRESS: zero, family, port,
// address (RFC 8489 §14.2). An IPv4-mapped one becomes IPv4.
func address(m *stun.Message, t stun.AttrType) (netip.AddrPort, error) {
	v, err := m.Get(t)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %s is missing", errBad, t)
	}
	if len(v) < 2 || !(v[1] == byte(ipv4) && len(v) == 8 || v[1] == byte(ipv6) && len(v) == 20) {
		return netip.AddrPort{}, fmt.Errorf("%w: bad %s", errBad, t)
	}
	var x stun.XORMappedAddress
	if err := x.GetFromAs(m, t); err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", errBad, err)
	}
	ip, _ := netip.AddrFromSlice(x.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(x.Port)), nil
}

// lifetime reads a LIFETIME, in seconds (RFC 8656 §18.2).
func lifetime(m *stun.Message) (time.Duration, error) {
	v, err := number(m, stun.AttrLifetime)
	return time.Duration(v) * time.Second, err
}

// number reads an attribute of four bytes.
func number(m *stun.Message, t stun.AttrType) (uint32, error) {
	v, err := m.Get(t)
	if err != nil || len(v) != 4 {
		return 0, fmt.Errorf("%w: no %s of 4 bytes", errBad, t)
	}
	return binary.BigEndian.Uint32(v), nil
}

// errorCode gives the code of an error response, 0 if there is none.
func errorCode(m *stun.Message) int {
	var code stun.ErrorCodeAttribute
	if code.GetFrom(m) != nil {
		return 0
	}
	return int(code.Code)
}
