package icetcp

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun"
)

const (
	stunHeader  = 20 // RFC 8489 §5
	stunCookie  = 0x2112A442
	maxSTUN     = 1280 // a Binding response has no reason to be longer
	stunTimeout = 5 * time.Second
)

// binding asks a STUN server over c, by TCP (RFC 8489 §6.2.2), from which address
// it sees us. Over TCP a message is not framed: its header tells its length.
func binding(c net.Conn) (netip.AddrPort, error) {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if err := c.SetDeadline(time.Now().Add(stunTimeout)); err != nil {
		return netip.AddrPort{}, err
	}
	if _, err := c.Write(request.Raw); err != nil {
		return netip.AddrPort{}, err
	}
	raw, err := readSTUN(c)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return parseBinding(raw, request.TransactionID)
}

// readSTUN reads one message of at most maxSTUN bytes.
func readSTUN(r io.Reader) ([]byte, error) {
	header := make([]byte, stunHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(header[2:]))
	if length > maxSTUN-stunHeader {
		return nil, fmt.Errorf("STUN message of %d bytes", length)
	}
	raw := append(header, make([]byte, length)...)
	_, err := io.ReadFull(r, raw[stunHeader:])
	return raw, err
}

// parseBinding gives the address in the answer to a Binding request.
func parseBinding(raw []byte, id [stun.TransactionIDSize]byte) (netip.AddrPort, error) {
	answer := &stun.Message{Raw: raw}
	if err := answer.Decode(); err != nil {
		return netip.AddrPort{}, err
	}
	if answer.Type != stun.BindingSuccess || answer.TransactionID != id {
		return netip.AddrPort{}, fmt.Errorf("%s is no answer to our Binding request", answer.Type)
	}
	value, err := answer.Get(stun.AttrXORMappedAddress)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return parseXORAddress(value, id)
}

// parseXORAddress reads the value of an XOR-MAPPED-ADDRESS (RFC 8489 §14.2): a zero
// byte, the family, the port xor the cookie, and the address xor the cookie and
// the transaction ID. pion's own reader panics when it is short.
func parseXORAddress(value []byte, id [stun.TransactionIDSize]byte) (netip.AddrPort, error) {
	const v4, v6 = 1, 2
	switch {
	case len(value) == 4+net.IPv4len && value[1] == v4:
	case len(value) == 4+net.IPv6len && value[1] == v6:
	default:
		return netip.AddrPort{}, fmt.Errorf("XOR-MAPPED-ADDRESS of %d bytes is no address", len(value))
	}
	key := append(binary.BigEndian.AppendUint32(nil, stunCookie), id[:]...)
	for i := range value[4:] {
		key[i] ^= value[4+i]
	}
	ip, _ := netip.AddrFromSlice(key[:len(value)-4])
	port := binary.BigEndian.Uint16(value[2:]) ^ stunCookie>>16
	if ip = ip.Unmap(); port == 0 || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.AddrPort{}, fmt.Errorf("XOR-MAPPED-ADDRESS %s port %d is no address of ours", ip, port)
	}
	return netip.AddrPortFrom(ip, port), nil
}

// resolveTCP gives the addresses of "host:port", IPv4 and IPv6.
func resolveTCP(ctx context.Context, hostPort string) (addrs []netip.AddrPort, err error) {
	host, service, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return addrs, err
}
