package portmap

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// Opcodes and sizes of PCP, RFC 6887 §7 and §11.1. Numbers are big-endian; IPv4
// addresses are written as IPv6 ones (::ffff:192.0.2.1).
//
//	request header  | 2 | opcode | reserved 2 | seconds 4 | local address 16 |
//	answer header   | 2 | 128 + opcode | reserved 1 | result 1 | seconds 4 | epoch 4 | reserved 12 |
//	MAP, both ways  | nonce 12 | IP protocol 1 | reserved 3 | local port 2 | external port 2 | external address 16 |
//
// Options may follow. None is sent, and those of answers are skipped.
const (
	pcpVersion  = 2
	pcpAnnounce = 0
	pcpMap      = 1
	pcpAnswer   = 128 // added to the opcode
	pcpTCP      = 6   // IANA's number of the IP protocol

	pcpHeaderLen = 24
	pcpMapLen    = pcpHeaderLen + 36
)

// pcpNonce proves that a mapping is one's own.
type pcpNonce [12]byte

// pcpNoAddress is the result code for ErrNoAddress.
const pcpNoAddress = 7

// pcpResults are the other result codes of RFC 6887 §7.4.
var pcpResults = map[byte]string{
	1:  "unsupported version",
	2:  "not authorized, mapping is perhaps switched off",
	3:  "malformed request",
	4:  "unsupported opcode",
	5:  "unsupported option",
	6:  "malformed option",
	8:  "out of resources",
	9:  "unsupported protocol",
	10: "this device has too many mappings",
	11: "the external address cannot be provided",
	12: "there is another router between",
	13: "too many remote peers",
}

func pcpRequest(opcode byte, local netip.Addr, lease time.Duration) []byte {
	b := []byte{pcpVersion, opcode, 0, 0}
	b = binary.BigEndian.AppendUint32(b, seconds(lease))
	return append(b, mapped4(local)...)
}

// mapped4 writes an address in 16 bytes.
func mapped4(a netip.Addr) []byte {
	b := a.As16()
	return b[:]
}

// pcpHeader parses what answers begin with (RFC 6887 §8.3).
func pcpHeader(b []byte, opcode byte) error {
	if len(b) < pcpHeaderLen || len(b) > maxAnswer || len(b)%4 != 0 || b[0] != pcpVersion || b[1] != pcpAnswer+opcode {
		return errStray
	}
	switch code := b[3]; code {
	case 0:
		return nil
	case pcpNoAddress:
		return ErrNoAddress
	default:
		return refused(PCP, int(code), pcpResults[code])
	}
}

func pcpMapRequest(local netip.Addr, nonce pcpNonce, port, external uint16, lease time.Duration) []byte {
	b := pcpRequest(pcpMap, local, lease)
	b = append(b, nonce[:]...)
	b = append(b, pcpTCP, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, external)
	return append(b, mapped4(netip.AddrFrom4([4]byte{}))...)
}

// parsePCPMap gives the external address and the lease of an answer about a port.
// The answer to a removal has no lease and any address.
func parsePCPMap(b []byte, nonce pcpNonce, port uint16) (external netip.AddrPort, lease time.Duration, err error) {
	if len(b) >= pcpMapLen {
		m := b[pcpHeaderLen:pcpMapLen]
		if pcpNonce(m) != nonce || m[12] != pcpTCP || binary.BigEndian.Uint16(m[16:]) != port {
			return external, 0, errStray
		}
	}
	if err := pcpHeader(b, pcpMap); err != nil {
		return external, 0, err
	}
	if len(b) < pcpMapLen {
		return external, 0, errStray
	}
	m := b[pcpHeaderLen:pcpMapLen]
	addr := netip.AddrFrom16([16]byte(m[20:])).Unmap()
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(m[18:])), time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second, nil
}

// pcp is the driver.
type pcp struct {
	gateway netip.Addr
	nonce   func(port uint16) pcpNonce
}

// probePCP asks a gateway to announce itself (RFC 6887 §14.1.2). A refusal will do,
// if it is not that of the version.
func probePCP(ctx context.Context, gateway netip.Addr, nonce func(uint16) pcpNonce) (*pcp, error) {
	request := func(local netip.Addr) []byte { return pcpRequest(pcpAnnounce, local, 0) }
	err := exchange(ctx, gateway, request, parsePCPAnnounce)
	if errors.Is(err, ErrNoAddress) || refusesButVersion(err, PCP) {
		err = nil
	}
	return &pcp{gateway, nonce}, err
}

// parsePCPAnnounce also knows how routers of NAT-PMP refuse the version (RFC 6887
// §9), so that they are not asked again and again.
func parsePCPAnnounce(b []byte) error {
	if len(b) >= 4 && b[0] == natpmpVersion && b[1] >= natpmpAnswer {
		code := binary.BigEndian.Uint16(b[2:])
		return refused(NATPMP, int(code), natpmpResults[code])
	}
	return pcpHeader(b, pcpAnnounce)
}

func (d *pcp) protocol() Protocol { return PCP }

func (d *pcp) add(ctx context.Context, port, external uint16, lease time.Duration) (grant, error) {
	at, granted, err := d.askMap(ctx, port, external, lease)
	if err != nil {
		return grant{}, err
	}
	if _, err := external4(at.Addr()); err != nil {
		return grant{}, err
	}
	if at.Port() == 0 || granted == 0 {
		return grant{}, refused(PCP, 0, "no port or no time was given")
	}
	return grant{at, granted}, nil
}

// remove asks for no time (RFC 6887 §15).
func (d *pcp) remove(ctx context.Context, port, _ uint16) error {
	_, _, err := d.askMap(ctx, port, 0, 0)
	return err
}

func (d *pcp) askMap(ctx context.Context, port, external uint16, lease time.Duration) (at netip.AddrPort, granted time.Duration, err error) {
	nonce := d.nonce(port)
	request := func(local netip.Addr) []byte { return pcpMapRequest(local, nonce, port, external, lease) }
	err = exchange(ctx, d.gateway, request, func(b []byte) (err error) {
		at, granted, err = parsePCPMap(b, nonce, port)
		return err
	})
	return at, granted, err
}
