package turnrelay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The ports of a URL that names none (RFC 7065 §3.2, RFC 8656 §3.1).
const (
	defaultPort    = 3478
	defaultTLSPort = 5349
)

// URL is the address of a TURN server that is reached over TCP or TLS (RFC 7065).
type URL struct {
	Host string // name or IP address, without brackets
	Port uint16
	TLS  bool
}

// ParseURL reads a TURN server's URL:
//
//	turn:HOST[:PORT][?transport=tcp]     TCP, port 3478
//	turns:HOST[:PORT][?transport=tcp]    TLS over TCP, port 5349
//
// HOST is a name, an IPv4 address or an IPv6 address in brackets. What would mean
// UDP or DTLS is an error, and so is everything that RFC 7065 does not have: a user,
// a path, two slashes. Without a transport RFC 7065 leaves the choice to the client,
// and this one has only TCP.
func ParseURL(s string) (URL, error) {
	u, err := parseURL(s)
	if err != nil {
		return URL{}, fmt.Errorf("TURN server %q: %w", s, err)
	}
	return u, nil
}

func parseURL(s string) (u URL, err error) {
	scheme, rest, ok := strings.Cut(s, ":")
	switch strings.ToLower(scheme) {
	case "turn":
		u.Port = defaultPort
	case "turns":
		u.Port, u.TLS = defaultTLSPort, true
	default:
		ok = false
	}
	if !ok {
		return u, errors.New("write turn:HOST:PORT, or turns:HOST:PORT for TLS")
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery {
		if err := checkTransport(query); err != nil {
			return u, err
		}
	}
	return u, u.parseHostPort(rest)
}

func checkTransport(query string) error {
	switch transport, ok := strings.CutPrefix(query, "transport="); {
	case !ok:
		return fmt.Errorf("unknown parameter %q; only transport=tcp can be there", query)
	case strings.EqualFold(transport, "tcp"):
		return nil
	case strings.EqualFold(transport, "udp"):
		return errors.New("transport=udp: files are relayed over TCP only; write transport=tcp if the server has it")
	default:
		return fmt.Errorf("unknown transport %q; only transport=tcp can be there", transport)
	}
}

// parseHostPort reads HOST[:PORT] and leaves u's port when there is none.
func (u *URL) parseHostPort(s string) error {
	switch {
	case strings.HasPrefix(s, "//"):
		return errors.New("no // after the colon: write turn:HOST:PORT")
	case strings.ContainsRune(s, '@'):
		return errors.New("user name and password do not belong into the URL")
	case strings.ContainsRune(s, '/'):
		return errors.New("no path belongs after the host")
	}
	host, port, hasPort := cutPort(s)
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '+' {
			return fmt.Errorf("port %q is not a number from 1 to 65535", port)
		}
		u.Port = uint16(n)
	}
	var err error
	u.Host, err = parseHost(host)
	return err
}

// cutPort cuts s at the colon after the host, not at those of an IPv6 address.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || i < strings.LastIndexByte(s, ']') {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func parseHost(s string) (string, error) {
	if in, ok := strings.CutPrefix(s, "["); ok {
		in, ok = strings.CutSuffix(in, "]")
		ip, err := netip.ParseAddr(in)
		if !ok || err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", fmt.Errorf("%q is no IPv6 address", s)
		}
		return ip.String(), nil
	}
	switch {
	case s == "":
		return "", errors.New("the host is missing: write turn:HOST:PORT")
	case strings.ContainsRune(s, ':'):
		return "", fmt.Errorf("put the IPv6 address into brackets, as in turn:[2001:db8::1]:%d", defaultPort)
	case len(s) > 253 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "":
		return "", fmt.Errorf("%q is no host name; letters of other alphabets are written as xn--…", s)
	}
	return strings.ToLower(s), nil
}

// Addr gives host and port, for dialling and for people.
func (u URL) Addr() string { return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port))) }

// String gives the URL in the form that ParseURL reads, always with the port.
func (u URL) String() string {
	if u.TLS {
		return "turns:" + u.Addr()
	}
	return "turn:" + u.Addr() + "?transport=tcp"
}
