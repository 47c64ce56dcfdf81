package node

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// closeTimeout is how long closing a stream waits for the other side to agree on
// its protocol.
const closeTimeout = 10 * time.Second

// promptStreams opens streams on the connection that stands, without waiting for
// identify and for the other side's word on the protocol: the first bytes go with
// the question. That is two round trips less than host.NewStream on a connection
// that has just been made.
type promptStreams struct{ host host.Host }

var _ filexfer.Host = promptStreams{}

func (h promptStreams) NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error) {
	s, err := h.host.Network().NewStream(network.WithNoDial(ctx, "reached already"), p)
	if err != nil {
		return nil, err
	}
	if err := s.SetProtocol(pids[0]); err != nil {
		s.Reset()
		return nil, fmt.Errorf("open a stream of %s: %w", pids[0], err)
	}
	return &promptStream{Stream: s, agreed: multistream.NewMSSelect(s, pids[0])}, nil
}

// promptStream is a stream whose protocol is agreed on with its first bytes.
type promptStream struct {
	network.Stream
	agreed io.ReadWriteCloser
}

func (s *promptStream) Read(b []byte) (int, error)  { return s.agreed.Read(b) }
func (s *promptStream) Write(b []byte) (int, error) { return s.agreed.Write(b) }

func (s *promptStream) Close() error {
	if err := s.SetReadDeadline(time.Now().Add(closeTimeout)); err != nil {
		s.Reset()
		return err
	}
	return s.agreed.Close()
}

func (s *promptStream) CloseWrite() error {
	if waiting, ok := s.agreed.(interface{ Flush() error }); ok {
		if err := waiting.Flush(); err != nil {
			return err
		}
	}
	return s.Stream.CloseWrite()
}
