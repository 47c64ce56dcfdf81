package icetcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun"
)

const (
	stunHeader  = 20   // RFC 8489 §5
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
	var seen stun.XORMappedAddress
	if err := seen.GetFrom(answer); err != nil {
		return netip.AddrPort{}, err
	}
	ip, ok := netip.AddrFromSlice(seen.IP)
	if !ok || seen.Port < 1 || seen.Port > 1<<16-1 {
		return netip.AddrPort{}, errors.New("XOR-MAPPED-ADDRESS holds no address")
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(seen.Port)), nil
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
