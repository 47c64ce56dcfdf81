package portmap

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// Opcodes and sizes of NAT-PMP, RFC 6886 §3.2 and §3.3. Numbers are big-endian.
//
//	request of the address  | 0 | 0 |
//	its answer              | 0 | 128 | result 2 | epoch 4 | address 4 |
//	request of a mapping    | 0 | 2 | reserved 2 | local port 2 | external port 2 | seconds 4 |
//	its answer              | 0 | 130 | result 2 | epoch 4 | local port 2 | external port 2 | seconds 4 |
const (
	natpmpVersion = 0
	natpmpAddress = 0
	natpmpMapTCP  = 2
	natpmpAnswer  = 128 // added to the opcode

	natpmpHeaderLen  = 8
	natpmpAddressLen = 12
	natpmpMapLen     = 16
)

// natpmpNoAddress is the result code for ErrNoAddress.
const natpmpNoAddress = 3

// natpmpResults are the other result codes of RFC 6886 §3.5.
var natpmpResults = map[uint16]string{
	1: "unsupported version",
	2: "not authorized, mapping is perhaps switched off",
	4: "out of resources",
	5: "unsupported opcode",
}

// natpmpHeader parses what answers begin with, which may be all of a refusal. Longer
// answers are as good: a later version may have more to say.
func natpmpHeader(b []byte, opcode byte) error {
	if len(b) < natpmpHeaderLen || len(b) > maxAnswer || b[0] != natpmpVersion || b[1] != natpmpAnswer+opcode {
		return errStray
	}
	switch code := binary.BigEndian.Uint16(b[2:]); code {
	case 0:
		return nil
	case natpmpNoAddress:
		return ErrNoAddress
	default:
		return refused(NATPMP, int(code), natpmpResults[code])
	}
}

func refused(p Protocol, code int, meaning string) error {
	if meaning == "" {
		meaning = "unknown"
	}
	return &RefusedError{Protocol: p, Code: code, Meaning: meaning}
}

func natpmpAddressRequest() []byte { return []byte{natpmpVersion, natpmpAddress} }

func parseNATPMPAddress(b []byte) (netip.Addr, error) {
	if err := natpmpHeader(b, natpmpAddress); err != nil {
		return netip.Addr{}, err
	}
	if len(b) < natpmpAddressLen {
		return netip.Addr{}, errStray
	}
	return external4(netip.AddrFrom4([4]byte(b[natpmpHeaderLen:])))
}

// external4 refuses what is no address at all.
func external4(a netip.Addr) (netip.Addr, error) {
	if !a.Is4() || a.IsUnspecified() {
		return netip.Addr{}, ErrNoAddress
	}
	return a, nil
}

func natpmpMapRequest(port, external uint16, lease time.Duration) []byte {
	b := []byte{natpmpVersion, natpmpMapTCP, 0, 0}
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, external)
	return binary.BigEndian.AppendUint32(b, seconds(lease))
}

// parseNATPMPMap gives the external port and the lease of an answer about a port.
func parseNATPMPMap(b []byte, port uint16) (external uint16, lease time.Duration, err error) {
	if err := natpmpHeader(b, natpmpMapTCP); err != nil {
		return 0, 0, err
	}
	if len(b) < natpmpMapLen || binary.BigEndian.Uint16(b[8:]) != port {
		return 0, 0, errStray
	}
	return binary.BigEndian.Uint16(b[10:]), time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second, nil
}

// natpmp is the driver.
type natpmp struct{ gateway netip.Addr }

// probeNATPMP asks a gateway for its external address. A refusal will do: it may
// be different later.
func probeNATPMP(ctx context.Context, gateway netip.Addr) (*natpmp, error) {
	d := &natpmp{gateway}
	_, err := d.address(ctx)
	if errors.Is(err, ErrNoAddress) || refusesButVersion(err, NATPMP) {
		err = nil
	}
	return d, err
}

// refusesButVersion says whether err is a refusal by that protocol for another
// reason than its version.
func refusesButVersion(err error, p Protocol) bool {
	refusal := (*RefusedError)(nil)
	return errors.As(err, &refusal) && refusal.Protocol == p && refusal.Code != 1
}

func (d *natpmp) protocol() Protocol { return NATPMP }

func (d *natpmp) address(ctx context.Context) (a netip.Addr, err error) {
	err = exchange(ctx, d.gateway, func(netip.Addr) []byte { return natpmpAddressRequest() }, func(b []byte) (err error) {
		a, err = parseNATPMPAddress(b)
		return err
	})
	return a, err
}

func (d *natpmp) add(ctx context.Context, port, external uint16, lease time.Duration) (grant, error) {
	addr, err := d.address(ctx)
	if err != nil {
		return grant{}, err
	}
	got, granted, err := d.askMap(ctx, port, external, lease)
	switch {
	case err != nil:
		return grant{}, err
	case got == 0 || granted == 0:
		return grant{}, refused(NATPMP, 0, "no port or no time was given")
	}
	return grant{netip.AddrPortFrom(addr, got), granted}, nil
}

// remove asks for no port and no time (RFC 6886 §3.4).
func (d *natpmp) remove(ctx context.Context, port, _ uint16) error {
	_, _, err := d.askMap(ctx, port, 0, 0)
	return err
}

func (d *natpmp) askMap(ctx context.Context, port, external uint16, lease time.Duration) (got uint16, granted time.Duration, err error) {
	request := func(netip.Addr) []byte { return natpmpMapRequest(port, external, lease) }
	err = exchange(ctx, d.gateway, request, func(b []byte) (err error) {
		got, granted, err = parseNATPMPMap(b, port)
		return err
	})
	return got, granted, err
}
