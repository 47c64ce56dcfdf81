package icetcp

import (
	"net"
	"net/netip"
)

// door is a port that is listened on, with one listener a family.
type door struct{ listeners []*net.TCPListener }

// newDoor listens at an address and has the mux take in who comes, until it closes.
func (m *mux) newDoor(at netip.AddrPort) (*door, error) {
	ls, err := listen(at)
	if err != nil {
		return nil, err
	}
	d := &door{ls}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		closeAll(ls...)
		return nil, net.ErrClosed
	}
	m.doors = append(m.doors, d)
	for _, l := range ls {
		m.wg.Go(func() { m.accept(l) })
	}
	return d, nil
}

// port gives the listening port for that family, 0 if there is none.
func (d *door) port(v6 bool) uint16 { return d.outside(v6).Port() }

// outside is where a connection to anywhere leaves from: the listening port of the
// family, on the address that is listened on or, where that is any, on the one
// that the kernel picks. The zero value if there is none.
func (d *door) outside(v6 bool) netip.AddrPort {
	for _, l := range d.listeners {
		if a := addrPort(l.Addr()); a.Addr().Is6() == v6 {
			return a
		}
	}
	return netip.AddrPort{}
}
