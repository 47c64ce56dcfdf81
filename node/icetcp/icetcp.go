// Package icetcp is a libp2p transport, multiaddr "/ice", that connects two devices
// by a TCP connection found with ICE (RFC 8445, RFC 6544): an offer and its answer
// travel by a [Signaller], both sides try every pair of addresses at once, and the
// first that works becomes a libp2p connection secured by TLS 1.3.
//
// It is not a signalling: whoever implements Signaller delivers the offers, seals
// them and says for certain whom one comes from. It is no relay either.
//
//	Dial                                     the other side
//	gather, offer  ───── Signaller ─────▶    gather
//	               ◀──── Signaller ──────    answer
//	checks         ◀──── TCP, RFC 4571 ──▶   checks
//	nominate, hand off one socket            hand off
//	TLS client     ◀──── that socket ────▶   TLS server, yamux
//
// The offerer is the controlling agent and the TLS client. TLS refuses any peer but
// the one that the offer was sent to, or came from. When both sides dial at once
// there are two sessions, which do not disturb each other.
//
// pion/ice gathers the addresses, runs the checks and nominates a pair. It does not
// carry the connection: over TCP an ice.Conn drops what its reader is too slow for.
// So a mux of ours owns all sockets, and after the nomination the socket of
// the pair is switched to a bare byte stream (see handoff.go). What comes out has
// the semantics and the speed of a TCP connection.
package icetcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The defaults of Config.
const (
	defaultTimeout     = 30 * time.Second
	defaultMaxSessions = 64

	// maxPeerSessions is how many negotiations go on with one peer, in each direction.
	maxPeerSessions = 4
)

var (
	// ErrClosed: the transport is closed.
	ErrClosed = errors.New("icetcp: transport closed")
	// ErrBusy: too many negotiations are going on here; try again later.
	ErrBusy = errors.New("icetcp: too many negotiations at once")
	// ErrRefused: the other side answered the offer with a refusal.
	ErrRefused = errors.New("icetcp: offer refused")
	// ErrNoHandOff: the other side cannot hand off the nominated socket.
	ErrNoHandOff = errors.New("icetcp: the other side knows no " + handOffVersion)
	// ErrListening: the transport has a listener already. There is one stream of
	// offers to a device, so there can be one listener.
	ErrListening = errors.New("icetcp: already listening on /ice")
)

// Signaller carries an offer to a device and brings back its answer. Both are
// opaque bytes, at most 8 KiB (see sdp.MaxMessage). They hold addresses and
// passwords, so only the device they are for may read them.
type Signaller interface {
	// Offer delivers offer to the device and returns its answer. It resends until
	// answered or ctx ends, and returns at once when ctx ends.
	Offer(ctx context.Context, to peer.ID, offer []byte) (answer []byte, err error)
	// HandleOffers sets the function that answers the offers of others; nil removes
	// it. from is authenticated. The function may be called concurrently; an error
	// means that the bytes are no offer.
	HandleOffers(answer func(ctx context.Context, from peer.ID, offer []byte) ([]byte, error))
}

// Config says how to build a Transport. Only Signaller is required.
type Config struct {
	// Listen is the address and port of the TCP listeners. Without an address, or
	// with an unspecified one: every interface, IPv4 and IPv6, but no loopback.
	// With a loopback address: that address only, and loopback addresses of
	// others are dialled (tests, a demo on one machine). Port 0: a free one.
	Listen netip.AddrPort
	// Signaller is required.
	Signaller Signaller
	// STUN are servers, "host:port", that are asked over TCP at which public address
	// our listening ports appear (RFC 8489); none: no server reflexive candidates.
	// With two or more, NATs that map by destination can be told from others.
	STUN []string
	// Relay lends relayed addresses of TURN servers; nil: none.
	Relay Relay
	// RelayDelay is how long the other side's relayed addresses, and what comes through
	// our own, are held back, so that direct ones win when they can; three times that
	// while a router refuses us and a hole in it is a matter of time. 0 = 2 s.
	RelayDelay time.Duration
	// Mapper has routers forward our listening port; nil: none.
	Mapper Mapper
	// Gater is asked before a candidate is dialled, when a connection is accepted and
	// when it is secured. nil allows all.
	Gater connmgr.ConnectionGater
	// Observe is told how each negotiation goes. It must not block. nil: nobody.
	Observe func(Event)
	// Ended is told of each negotiation that has ended. It must not block. nil: nobody.
	Ended func(Negotiation)
	// Timeout bounds a negotiation from gathering to TLS; 0 = 30 s.
	Timeout time.Duration
	// MaxSessions bounds the negotiations that go on at once, in each direction;
	// 0 = 64. One peer can have 4 in each direction; an offer of his beyond takes the
	// place of the oldest that came to no connection yet.
	MaxSessions int
	// Logger gets what is not returned as an error; nil: nobody.
	Logger *slog.Logger
}

// Event is a step of a negotiation with Peer.
type Event struct {
	Peer  peer.ID
	Phase string // "offered", "answered", "pair" or "tls", in this order
	// Path is nil before "pair"; TLS is in it from "tls" on. It must not be changed.
	Path *Path
	// Detail says a little more for a person, "6 addresses" say.
	Detail string
}

// withDefaults checks c and fills in what it leaves open.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Signaller == nil:
		return c, errors.New("icetcp: Config.Signaller is missing")
	case c.Timeout < 0:
		return c, fmt.Errorf("icetcp: Config.Timeout is %s", c.Timeout)
	case c.RelayDelay < 0:
		return c, fmt.Errorf("icetcp: Config.RelayDelay is %s", c.RelayDelay)
	case c.MaxSessions < 0:
		return c, fmt.Errorf("icetcp: Config.MaxSessions is %d", c.MaxSessions)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.RelayDelay == 0 {
		c.RelayDelay = 2 * time.Second
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = defaultMaxSessions
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
