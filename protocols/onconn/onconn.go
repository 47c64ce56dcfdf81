// Package onconn opens a stream over one given connection, where a host chooses
// one itself. It is what sends several parts of a file over several connections
// to the same device, or an answer back over the connection that asked.
//
// The protocol is negotiated lazily, as a host does with a peer that it knows:
// the multistream header goes out with the first bytes that are written, so that
// nothing waits for a round trip. That the other side does not speak the
// protocol shows in the first Read.
package onconn

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// closeTimeout bounds how long Close waits for the other side's half of the
// negotiation.
const closeTimeout = 10 * time.Second

// NewStream opens a stream of protocol id over c. It does not dial: when c is
// closed it fails.
func NewStream(ctx context.Context, c network.Conn, id protocol.ID) (network.Stream, error) {
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a stream over a connection to %s: %w", c.RemotePeer(), err)
	}
	if err := s.SetProtocol(id); err != nil {
		s.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, fmt.Errorf("open a stream of %s: %w", id, err)
	}
	return &stream{Stream: s, talk: multistream.NewMSSelect(s, id)}, nil
}

// stream is a network.Stream that negotiates while it talks.
type stream struct {
	network.Stream
	talk io.ReadWriteCloser
}

func (s *stream) Read(p []byte) (int, error)  { return s.talk.Read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.talk.Write(p) }

// Close ends both directions. A negotiation that is still open is waited for, but
// not for long.
func (s *stream) Close() error {
	s.SetReadDeadline(time.Now().Add(closeTimeout))
	return s.talk.Close()
}

// CloseWrite sends what is left of the negotiation first. That this fails shows
// in the next Read.
func (s *stream) CloseWrite() error {
	if lazy, ok := s.talk.(interface{ Flush() error }); ok {
		lazy.Flush()
	}
	return s.Stream.CloseWrite()
}
