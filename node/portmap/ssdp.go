package portmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// ssdpPort and ssdpGroup are where UPnP devices are searched (UDA 1.1 §1.3.2).
	ssdpPort = 1900
	// ssdpDevice is what is searched, without its version.
	ssdpDevice = "urn:schemas-upnp-org:device:InternetGatewayDevice:"
	// ssdpRepeat is when the search is sent again, as datagrams get lost.
	ssdpRepeat = 400 * time.Millisecond
	// maxSSDPAnswer is more than any answer needs; what is longer is cut.
	maxSSDPAnswer = 4096
	// maxSSDPAnswers bounds the datagrams that are read in a search, maxSources the
	// addresses whose answers are looked at, besides gateways, and maxLocations the
	// different ones of an address.
	maxSSDPAnswers = 4096
	maxSources     = 16
	maxLocations   = 4
)

var ssdpGroup = netip.AddrFrom4([4]byte{239, 255, 255, 250})

// ssdpAnswer is a UPnP router's answer to a search.
type ssdpAnswer struct {
	from     netip.Addr
	location *url.URL // of its description, at from
}

// ssdpRequest searches for routers of a version of UPnP-IGD. Answers are spread over
// a second.
func ssdpRequest(version int) []byte {
	return fmt.Appendf(nil, "M-SEARCH * HTTP/1.1\r\nHOST: %s:%d\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s%d\r\n\r\n",
		ssdpGroup, ssdpPort, ssdpDevice, version)
}

// ssdpSearch searches on a network, by multicast, and at the gateways in it
// themselves, until ctx ends. handle is called once for each description. network
// has this device's address.
func ssdpSearch(ctx context.Context, network netip.Prefix, gateways []netip.Addr, handle func(ssdpAnswer)) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: network.Addr().AsSlice()})
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	targets := []netip.Addr{ssdpGroup}
	for _, gw := range gateways {
		if network.Contains(gw) {
			targets = append(targets, gw)
		}
	}
	if err := ssdpSend(c, targets); err != nil {
		return err
	}
	again := time.AfterFunc(ssdpRepeat, func() { ssdpSend(c, targets) })
	defer again.Stop()
	return ssdpReceive(c, network, gateways, handle)
}

// ssdpSend sends the search to addresses, and fails if none could be sent.
func ssdpSend(c *net.UDPConn, targets []netip.Addr) error {
	var errs []error
	sent := false
	for _, to := range targets {
		for version := 1; version <= 2; version++ {
			_, err := c.WriteToUDPAddrPort(ssdpRequest(version), netip.AddrPortFrom(to, ssdpPort))
			sent = sent || err == nil
			errs = append(errs, err)
		}
	}
	if sent {
		return nil
	}
	return errors.Join(errs...)
}

// ssdpReceive reads answers until the deadline of c.
func ssdpReceive(c *net.UDPConn, network netip.Prefix, gateways []netip.Addr, handle func(ssdpAnswer)) error {
	b := make([]byte, maxSSDPAnswer)
	seen := make(map[netip.Addr][]string)
	for range maxSSDPAnswers {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			return nil
		} else if err != nil {
			return err
		}
		a, err := parseSSDP(b[:n], from.Addr().Unmap(), network)
		if err != nil {
			continue
		}
		known, location := seen[a.from], a.location.String()
		room := len(known) > 0 || len(seen) < maxSources || slices.Contains(gateways, a.from)
		if !room || len(known) == maxLocations || slices.Contains(known, location) {
			continue
		}
		seen[a.from] = append(known, location)
		handle(a)
	}
	return fmt.Errorf("more than %d answers to a search", maxSSDPAnswers)
}

// parseSSDP parses an answer (UDA 1.1 §1.3.3). It must come from the network and
// refer to the address that it came from.
func parseSSDP(b []byte, from netip.Addr, network netip.Prefix) (ssdpAnswer, error) {
	if !network.Contains(from) {
		return ssdpAnswer{}, fmt.Errorf("%s is not in the network %s", from, network)
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return ssdpAnswer{}, err
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("ST"), ssdpDevice) {
		return ssdpAnswer{}, errors.New("not a router")
	}
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil {
		return ssdpAnswer{}, err
	}
	if err := at(u, from); err != nil {
		return ssdpAnswer{}, err
	}
	return ssdpAnswer{from, u}, nil
}

// at checks that a URL refers to an address by plain HTTP.
func at(u *url.URL, addr netip.Addr) error {
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || host.Unmap() != addr || u.Scheme != "http" || u.User != nil || u.Opaque != "" {
		return fmt.Errorf("%s refers to %q, which is not a place at this address", addr, u)
	}
	return nil
}
