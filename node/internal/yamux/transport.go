package yamux

import (
	"fmt"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// ID names the protocol in multistream and in TLS's ALPN.
const ID = "/yamux/1.0.0"

// Transport makes sessions. The zero value works; it must not change once it is
// used.
type Transport struct {
	// Window is how many bytes a peer may send on a stream before they are read, once
	// 64 KiB were read; at least, and by default, 256 KiB, which hold before that.
	Window uint32
	// FrameSize bounds the payload of a data frame, in bytes; 0 is 256 KiB.
	// Frames of other streams, pings and credit go between frames.
	FrameSize int
	// MaxIncomingStreams bounds the streams that the peer has open; those beyond
	// are reset. 0 is 4096.
	MaxIncomingStreams int
	// KeepAlive is the time between pings; 0 is 30 s.
	KeepAlive time.Duration
	// WriteTimeout is how long the connection may take no byte, or the peer may
	// give no sign of life after a ping, before the session ends; 0 is 30 s.
	WriteTimeout time.Duration
}

var _ network.Multiplexer = (*Transport)(nil)

const (
	defaultFrame     = 256 << 10
	defaultIncoming  = 4096
	defaultKeepAlive = 30 * time.Second
	defaultTimeout   = 30 * time.Second
	// backlog is how many streams may wait for AcceptStream, and how many that
	// we opened may wait for the peer's word: beyond, the peer resets them.
	backlog = 256
)

// NewConn starts a session over c, which is its own from now on. Each stream
// reserves its window of scope's memory: 256 KiB, or it is refused; the rest as far as two
// fifths of each limit suffice (network.ReservationPriorityLow). scope may be nil.
func (t *Transport) NewConn(c net.Conn, isServer bool, scope network.PeerScope) (network.MuxedConn, error) {
	set, err := t.settings()
	if err != nil {
		return nil, err
	}
	return newSession(set, c, isServer, scope), nil
}

// settings are t's with the defaults filled in.
func (t *Transport) settings() (Transport, error) {
	set := *t
	if set.Window == 0 {
		set.Window = initialWindow
	}
	if set.Window < initialWindow {
		return set, fmt.Errorf("yamux: Window of %d bytes: streams begin with %d", set.Window, initialWindow)
	}
	if set.FrameSize < 0 || set.MaxIncomingStreams < 0 || set.KeepAlive < 0 || set.WriteTimeout < 0 {
		return set, fmt.Errorf("yamux: a negative value in %+v", set)
	}
	set.FrameSize = orDefault(set.FrameSize, defaultFrame)
	set.MaxIncomingStreams = orDefault(set.MaxIncomingStreams, defaultIncoming)
	set.KeepAlive = orDefault(set.KeepAlive, defaultKeepAlive)
	set.WriteTimeout = orDefault(set.WriteTimeout, defaultTimeout)
	return set, nil
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
