package icetcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// samePortTries is how often a port free on IPv4 is looked for that IPv6 has free too.
const samePortTries = 10

// listen opens the TCP listeners that at asks for: one for a single address; one a
// family, on the same port if that can be had, when the address is unspecified or
// missing. A machine without one family gets the other alone.
func listen(at netip.AddrPort) ([]*net.TCPListener, error) {
	if ip := at.Addr().Unmap(); ip.IsValid() && !ip.IsUnspecified() {
		l, err := listenTCP("tcp", ip.String(), at.Port())
		if err != nil {
			return nil, err
		}
		return []*net.TCPListener{l}, nil
	}
	return listenBoth(at.Port())
}

func listenBoth(port uint16) ([]*net.TCPListener, error) {
	for try := 1; ; try++ {
		l4, err4 := listenTCP("tcp4", "", port)
		port6 := port
		if err4 == nil && try < samePortTries {
			port6 = portOf(l4)
		}
		l6, err6 := listenTCP("tcp6", "", port6)
		switch {
		case err4 == nil && err6 == nil:
			return []*net.TCPListener{l4, l6}, nil
		case port == 0 && try < samePortTries && errors.Is(err6, syscall.EADDRINUSE):
			l4.Close() // another draw
		case errors.Is(err4, syscall.EADDRINUSE), errors.Is(err6, syscall.EADDRINUSE):
			closeAll(l4, l6)
			return nil, errors.Join(err4, err6)
		case err4 == nil:
			return []*net.TCPListener{l4}, nil
		case err6 == nil:
			return []*net.TCPListener{l6}, nil
		default:
			return nil, errors.Join(err4, err6)
		}
	}
}

func closeAll(ls ...*net.TCPListener) {
	for _, l := range ls {
		if l != nil {
			l.Close()
		}
	}
}

// listenTCP opens one listener whose port dials may share. Sharing would also let
// a second process take the port, and half of our connections with it; so a port
// that was asked for is first tried without.
func listenTCP(network, host string, port uint16) (*net.TCPListener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	if port != 0 {
		probe, err := net.Listen(network, address)
		if err != nil {
			return nil, fmt.Errorf("icetcp: %w; choose another port or 0 for a free one", err)
		}
		probe.Close()
	}
	lc := net.ListenConfig{Control: reusePort}
	lc.SetMultipathTCP(false) // a candidate pair is one path, the one that was checked
	l, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	return l.(*net.TCPListener), nil
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// addrPort gives a TCP address as netip has it, IPv4 never mapped.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
