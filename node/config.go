package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/node/turnrelay"
)

// DHTMode says whether a node answers the DHT queries of others.
type DHTMode string

const (
	// DHTServer answers queries, stores records and serves inboxes. Right for
	// any node that others can reach, and on a LAN without internet.
	DHTServer DHTMode = "server"
	// DHTClient only asks. Right behind a NAT.
	DHTClient DHTMode = "client"
)

// AcceptMode says what happens to an offered file.
type AcceptMode string

const (
	// AcceptAsk keeps an offer waiting until the user accepts or refuses it.
	AcceptAsk AcceptMode = "ask"
	// AcceptContacts takes every file that an accepted contact offers.
	AcceptContacts AcceptMode = "contacts"
)

// Config says how a node is to be. Only Home is required.
type Config struct {
	// Home is the folder of this node's state; it is made, mode 0700, if missing.
	// One node at a time may use it.
	Home string
	// Name is what this device calls itself to contacts, at most 64 bytes.
	// Empty: the name used before, or the machine's host name.
	Name string
	// Listen is HOST:PORT for libp2p over TCP. An empty HOST listens on every
	// interface, an empty or zero PORT takes a free one. The ICE transport
	// listens on the same HOST, on a free port. Empty: ":0". A loopback HOST
	// keeps everything, candidates too, on this machine.
	Listen string
	// Bootstrap are multiaddrs, each ending in /p2p/<peer id>, of nodes by which
	// to join the DHT. Empty: only nodes found on the LAN.
	Bootstrap []string
	// Role says for whom the node is there; empty is RoleOwner.
	Role Role
	// DHT is the role on the DHT; empty is DHTServer.
	DHT DHTMode
	// MDNS looks for other nodes on the LAN by multicast DNS and answers them.
	MDNS bool
	// STUN are servers, "host:port", that are asked over TCP under which public
	// address this node is seen. None: only addresses of the machine itself, and
	// mapped and relayed ones, are offered. Two or more tell the kind of NAT.
	STUN []string
	// TURN are servers that relay TCP (RFC 6062) when nothing else connects.
	TURN []turnrelay.Server
	// PortMap asks the router to forward a port (UPnP-IGD, NAT-PMP, PCP), unless
	// Listen is a loopback address.
	PortMap bool
	// Accept says what happens to offers; empty is AcceptAsk.
	Accept AcceptMode
	// Downloads is the folder for files accepted without a path; empty is
	// "received" in Home.
	Downloads string
	// Rules decide about offers before Accept does: the first that fits.
	Rules []Rule
	// Reserve is how many bytes are kept free on the disk that a file goes to; what
	// would leave less is not accepted. 0 is 256 MiB, less than 0 none.
	Reserve int64
	// Audit receives a record of who got what and who was let in; nil: there is
	// none. It is called where the thing happens, and must not block for long.
	Audit *slog.Logger
	// Logger receives what an operator may want to read; nil discards it.
	Logger *slog.Logger
}

// settings is a Config that has been checked, with its defaults filled in.
type settings struct {
	Config
	listen    netip.AddrPort // unspecified address: every interface
	bootstrap []peer.AddrInfo
	rules     *rules.Set
	askRetry  time.Duration // rerequest.Config.Retry
}

func (c Config) check() (settings, error) {
	s := settings{Config: c}
	if c.Home == "" {
		return s, errors.New("config: Home is empty; name the folder of the node's state")
	}
	if s.Downloads == "" {
		s.Downloads = filepath.Join(c.Home, "received")
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Reserve == 0 {
		s.Reserve = defaultReserve
	}
	var err error
	if s.DHT, err = oneOf("DHT", c.DHT, DHTServer, DHTClient); err != nil {
		return s, err
	}
	if s.Role, err = oneOf("Role", c.Role, RoleOwner, RoleDHT); err != nil {
		return s, err
	}
	if s.Role == RoleDHT && s.DHT != DHTServer {
		return s, fmt.Errorf("config: Role is %q, which answers the DHT; DHT must be %q", s.Role, DHTServer)
	}
	if s.Accept, err = oneOf("Accept", c.Accept, AcceptAsk, AcceptContacts); err != nil {
		return s, err
	}
	if s.listen, err = parseListen(c.Listen); err != nil {
		return s, fmt.Errorf("config: Listen %q: %w", c.Listen, err)
	}
	for _, server := range c.STUN {
		if host, port, err := net.SplitHostPort(server); err != nil || host == "" || port == "" {
			return s, fmt.Errorf("config: STUN %q: write HOST:PORT, for instance stun.example.org:3478", server)
		}
	}
	if s.rules, err = rules.New(c.Rules, userHome()); err != nil {
		return s, fmt.Errorf("config: %w", err)
	}
	if s.bootstrap, err = parseBootstrap(c.Bootstrap); err != nil {
		return s, err
	}
	return s, nil
}

// userHome is what "~" stands for; "" if that is not known.
func userHome() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

// oneOf gives value, or the first choice where value is empty.
func oneOf[T ~string](field string, value T, choices ...T) (T, error) {
	if value == "" {
		return choices[0], nil
	}
	for _, choice := range choices {
		if value == choice {
			return value, nil
		}
	}
	return value, fmt.Errorf("config: %s is %q; it must be one of %q", field, value, choices)
}

func parseListen(text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, errors.New("write HOST:PORT, for instance 0.0.0.0:4001 or [::1]:0")
	}
	var addr netip.Addr
	if host != "" {
		if addr, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%q is no IP address", host)
		}
	}
	if port == "" {
		port = "0"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no port; it must be a number from 0 to 65535", port)
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

// listenAddrs are the multiaddrs of the host's TCP transport.
func (s settings) listenAddrs() ([]multiaddr.Multiaddr, error) {
	hosts := []netip.Addr{s.listen.Addr()}
	if !s.listen.Addr().IsValid() {
		hosts = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	addrs := make([]multiaddr.Multiaddr, 0, len(hosts))
	for _, host := range hosts {
		addr, err := manet.FromNetAddr(net.TCPAddrFromAddrPort(netip.AddrPortFrom(host, s.listen.Port())))
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// iceListen is where the ICE transport listens: the same host, a free port.
// The zero value means every interface.
func (s settings) iceListen() netip.AddrPort {
	if host := s.listen.Addr(); host.IsValid() && !host.IsUnspecified() {
		return netip.AddrPortFrom(host, 0)
	}
	return netip.AddrPort{}
}

func parseBootstrap(texts []string) ([]peer.AddrInfo, error) {
	addrs := make([]multiaddr.Multiaddr, 0, len(texts))
	for _, text := range texts {
		addr, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return nil, fmt.Errorf("config: Bootstrap %q: %w", text, err)
		}
		if _, err := peer.AddrInfoFromP2pAddr(addr); err != nil {
			return nil, fmt.Errorf("config: Bootstrap %q: it must end in /p2p/<peer id>: %w", text, err)
		}
		addrs = append(addrs, addr)
	}
	return peer.AddrInfosFromP2pAddrs(addrs...)
}
