package history

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

var (
	// ErrClosed: the Service is closed.
	ErrClosed = errors.New("history is closed")
	// ErrUnjoinable: no stream could be opened.
	ErrUnjoinable = errors.New("the device cannot be reached")
	// ErrRefused: one of the two does not speak with the other.
	ErrRefused = errors.New("the device is not one to share history with")
	// ErrBackOff: the device broke the rules lately; see BackOffError.
	ErrBackOff = errors.New("the device is cut off")
	// ErrProtocol: the other side broke the rules of the protocol.
	ErrProtocol = errors.New("the device broke the protocol")
	// ErrLost: the stream ended.
	ErrLost = errors.New("the stream was lost")
	// ErrStalled: the other side owes an answer, or does not read.
	ErrStalled = errors.New("the device is stalled")
	// ErrBusy: too many streams at a time.
	ErrBusy = errors.New("too many devices are connected")
	// ErrPaused: all was exchanged but what one side takes no more of for now.
	ErrPaused = errors.New("a conversation has had its share")
	// ErrLog: the log of one side failed.
	ErrLog = errors.New("the log failed")
	// ErrDeferred: all was exchanged but entries from the far future.
	ErrDeferred = errors.New("entries lie in the future: one clock is wrong")

	errReplaced = errors.New("another stream took over")
	errDropped  = fmt.Errorf("dropped: %w", ErrRefused)
)

// BackOffError says until when a device is cut off. It is ErrBackOff.
type BackOffError struct {
	// Device is not spoken with before Until.
	Device peer.ID
	Until  time.Time
}

func (e *BackOffError) Error() string {
	return fmt.Sprintf("%v until %s, for it broke the rules", ErrBackOff, e.Until.UTC().Format(time.RFC3339))
}

func (e *BackOffError) Unwrap() error { return ErrBackOff }

// Codes of a stream reset. The range 0x1000 to 0x1fff is libp2p's own.
const (
	codeReplaced network.StreamErrorCode = 0x2101
	codeRefused  network.StreamErrorCode = 0x2102
	codeStalled  network.StreamErrorCode = 0x2103
	codeBackOff  network.StreamErrorCode = 0x2104
	codeFailed   network.StreamErrorCode = 0x2105
	codeBusy                             = network.StreamResourceLimitExceeded
	codeProtocol                         = network.StreamProtocolViolation
	codeShutdown                         = network.StreamShutdown
)

var codes = []struct {
	err  error
	code network.StreamErrorCode
}{
	{errReplaced, codeReplaced},
	{ErrRefused, codeRefused},
	{ErrStalled, codeStalled},
	{ErrBackOff, codeBackOff},
	{ErrProtocol, codeProtocol},
	{ErrClosed, codeShutdown},
	{ErrBusy, codeBusy},
	{ErrLog, codeFailed},
}

// codeOf is what a reset for err tells the other side.
func codeOf(err error) network.StreamErrorCode {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return codeFailed
}

// suffered puts an error of the stream into our terms: what the other side said
// with its reset, a time that ran out, or a loss.
func suffered(err error) error {
	if errors.Is(err, ErrLog) {
		return err
	}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return fmt.Errorf("%w: %w", ErrStalled, err)
	}
	if reset, ok := errors.AsType[*network.StreamError](err); ok && reset.Remote {
		for _, c := range codes {
			if c.code == reset.ErrorCode {
				return &remoteError{c.err}
			}
		}
	}
	if errors.Is(err, errMessage) {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the other side closed it", ErrLost)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// remoteError is a reason that the other side gave for ending the stream.
type remoteError struct{ reason error }

func (e *remoteError) Error() string { return "the other side says: " + e.reason.Error() }

// Is makes errors.Is find ErrLost, and reasons that concern both sides alike;
// not ErrProtocol or ErrBackOff, by which it is we who are at fault.
func (e *remoteError) Is(target error) bool {
	return target == ErrLost || (target == e.reason && slices.Contains([]error{errReplaced, ErrRefused, ErrBusy, ErrLog}, target))
}
