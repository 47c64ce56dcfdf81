package portmap

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Router is what is known of a router, for people.
type Router struct {
	// Gateway is its address on the network of this device.
	Gateway netip.Addr
	// Protocol is the one in use, Speaks lists all by which it answered.
	Protocol Protocol
	Speaks   []Protocol
	// External is its address outside; the zero Addr until it has mapped a port.
	External netip.Addr
	// DoubleNAT: External is no address of the internet, so that there is another
	// router behind this one (or the provider's, RFC 6598), which has to map, too.
	DoubleNAT bool
	// Ports are the mappings that stand.
	Ports []Mapping
	// Err is why the last request failed, nil if it did not. It wraps a *RefusedError
	// if the router answered.
	Err error
}

// Mapping is a port of this device with the address at which a router forwards it.
type Mapping struct {
	Port     uint16
	External netip.AddrPort
	Expires  time.Time // if it was not renewed; zero: never
}

// Status tells of the routers that were found, by address.
func (m *Mapper) Status() []Router {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Router, 0, len(m.routers))
	for _, r := range m.routers {
		all = append(all, r.statusLocked())
	}
	slices.SortFunc(all, func(a, b Router) int { return a.Gateway.Compare(b.Gateway) })
	return all
}

func (r *router) statusLocked() Router {
	s := Router{Gateway: r.gateway, Protocol: r.drivers[0].protocol(), Err: r.err}
	for _, d := range r.drivers {
		s.Speaks = append(s.Speaks, d.protocol())
	}
	now := time.Now()
	for port, mp := range r.mappings {
		if !mp.stands(now) {
			continue
		}
		s.External = mp.external.Addr()
		s.DoubleNAT = !public(s.External)
		s.Ports = append(s.Ports, Mapping{Port: port, External: mp.external, Expires: mp.expires})
	}
	slices.SortFunc(s.Ports, func(a, b Mapping) int { return cmp.Compare(a.Port, b.Port) })
	return s
}
