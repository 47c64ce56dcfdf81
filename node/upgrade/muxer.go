package upgrade

import (
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
)

const (
	// windowSize is what a stream may have in flight before its reader reads, in
	// bytes, once 64 KiB were read.
	windowSize = 16 << 20
	// shortWindowSize is the same on a path whose TLS handshake took less than
	// [shortPath]. It fills 2 Gbit/s there, and a reader that stalls holds less
	// memory.
	shortWindowSize = 8 << 20
	// shortPath is the longest time of a TLS handshake, which is a round trip and
	// some milliseconds of computing, that tells of a path without delay.
	shortPath = 25 * time.Millisecond
	// frameSize is the largest payload of a yamux frame sent, in bytes.
	frameSize = 512 << 10
)

// MuxerID names the muxer in multistream and in TLS's ALPN.
const MuxerID = yamux.ID

// writeTimeout is how long a connection may take no byte before it is given up;
// go-yamux's 10 s end connections that TCP would have brought through a change of
// Wi-Fi or a stop of the machine.
const writeTimeout = 30 * time.Second

// Muxer gives yamux as this project uses it: a stream's window is 256 KiB until
// 64 KiB were read and 16 MiB from then on, or 8 MiB over a connection of [TLS] whose
// handshake took less than 25 ms; frames carry up to 512 KiB. For libp2p.Muxer(MuxerID, Muxer()).
//
// A stream whose handler does not read can hold its window of memory, so the window is
// reserved of libp2p's resource manager, and is smaller where that has no more.
func Muxer() network.Multiplexer {
	return &muxer{long: withWindow(windowSize), short: withWindow(shortWindowSize)}
}

func withWindow(size uint32) *yamux.Transport {
	return &yamux.Transport{Window: size, FrameSize: frameSize, WriteTimeout: writeTimeout}
}

// muxer chooses the window by what the handshake told of the path.
type muxer struct{ long, short *yamux.Transport }

func (m *muxer) NewConn(c net.Conn, isServer bool, scope network.PeerScope) (network.MuxedConn, error) {
	return m.forPath(c).NewConn(c, isServer, scope)
}

func (m *muxer) forPath(c net.Conn) *yamux.Transport {
	if secure, ok := c.(*conn); ok && secure.shook < shortPath {
		return m.short
	}
	return m.long
}
