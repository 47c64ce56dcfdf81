// Package upgrade says how a byte stream becomes a libp2p connection here:
// TLS 1.3 (libp2p's own, /tls/1.0.0) and yamux, nothing else.
//
// What goes over the wire is plain libp2p; any libp2p that speaks TLS and yamux
// is understood, and understands us. Only the way in which bytes are handed to
// the kernel differs from go-libp2p's defaults: windows that fill a long path
// from the first byte, larger frames, fewer calls of write(2), and a muxer that
// copies less (node/internal/yamux). That is what docs/performance.md measures.
//
// It is not a transport: it listens on nothing and dials nobody. The host's TCP
// transport and node/icetcp both use it.
package upgrade

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

// New gives an upgrader with TLS as its only security and [Muxer] as its only
// muxer, for a transport that is added to a host whose own upgrader may have
// others. rc nil means no limits, gater nil refuses nobody. It fails if libp2p's TLS
// cannot certify key.
func New(key crypto.PrivKey, rc network.ResourceManager, gater connmgr.ConnectionGater) (transport.Upgrader, error) {
	muxers := []upgrader.StreamMuxer{{ID: MuxerID, Muxer: Muxer()}}
	tls, err := NewTLS(libp2ptls.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	u, err := upgrader.New([]sec.SecureTransport{tls}, muxers, nil, rc, gater)
	if err != nil {
		return nil, fmt.Errorf("make the upgrader: %w", err)
	}
	return u, nil
}
