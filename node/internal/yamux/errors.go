package yamux

import (
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
)

// Why a session ended, beside what the connection under it says. Streams and calls
// give them wrapped, together with [network.ErrReset].
var (
	ErrVersion         = errors.New("yamux: frame of an unknown version")
	ErrFrameType       = errors.New("yamux: frame of an unknown type")
	ErrStreamID        = errors.New("yamux: the peer opened a stream with an id that is not its own")
	ErrDuplicateStream = errors.New("yamux: the peer opened a stream twice")
	ErrWindow          = errors.New("yamux: the peer sent more than the window allows")
	ErrFlood           = errors.New("yamux: the peer causes answers and does not read them")
	ErrKeepAlive       = errors.New("yamux: the peer does not answer")
	ErrWriteTimeout    = errors.New("yamux: the connection takes no bytes")
)

// ErrStreamsExhausted is returned when all ids of this side are used: the
// connection must be made anew.
var ErrStreamsExhausted = errors.New("yamux: no stream id is left")

// ErrClosed is returned for a Write after Close or CloseWrite, and for a Read
// after Close or CloseRead.
var ErrClosed = errors.New("yamux: stream closed")

// errReadClosed counts as a reset, as in go-yamux.
var errReadClosed = fmt.Errorf("%w: %w", network.ErrReset, ErrClosed)

// streamReset is the error of a stream that one side reset.
func streamReset(code uint32, remote bool) error {
	return &network.StreamError{ErrorCode: network.StreamErrorCode(code), Remote: remote}
}

// goneAway is the error of a session that one side ended with a code.
func goneAway(code uint32, remote bool, why error) error {
	return &network.ConnError{ErrorCode: network.ConnErrorCode(code), Remote: remote, TransportError: why}
}

// lost is the error of a session whose connection failed. The end of the
// connection is not the end of a stream, so no io.EOF is in it.
func lost(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: connection closed: %w", network.ErrReset, err)
}
