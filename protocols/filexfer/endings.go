package filexfer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
)

// Codes of a stream reset. The range 0x1000 to 0x1fff is libp2p's own.
const (
	codeCancelled network.StreamErrorCode = 0x2001
	codeTimeout   network.StreamErrorCode = 0x2002
	codeStalled   network.StreamErrorCode = 0x2003
	codeSource    network.StreamErrorCode = 0x2004
	codeProtocol                          = network.StreamProtocolViolation // 0x1004
	codeShutdown                          = network.StreamShutdown          // 0x1007
)

// ending is a reason, how it crosses (as the code of a reset, as the word after
// NGO or BAD, or not at all), and the state it means on the side where it
// happened and on the other.
type ending struct {
	err         error
	code        network.StreamErrorCode
	word        string
	here, there State
}

var endings = []ending{
	{ErrCancelled, codeCancelled, "", ClosedByHost, ClosedByPeer},
	{ErrTimeout, codeTimeout, "", TimeoutExpired, TimeoutExpired},
	{ErrStalled, codeStalled, "", ClosedByPeer, ClosedByPeer},
	{ErrSource, codeSource, "", InvalidPath, ClosedByPeer},
	{ErrProtocol, codeProtocol, "protocol", ClosedByPeer, ClosedByPeer},
	{ErrClosed, codeShutdown, "", ClosedByHost, ClosedByPeer},
	{ErrLost, 0, "", ClosedByPeer, ClosedByPeer},
	{ErrBusy, 0, "busy", ClosedByHost, ClosedByPeer},
	{ErrUnsupported, 0, "unsupported", ClosedByHost, ClosedByPeer},
	{ErrBadSum, 0, "sum", ClosedByHost, ClosedByPeer},
	{ErrNoSpace, 0, "space", InvalidPath, ClosedByPeer},
	{ErrNotWritable, 0, "write", InvalidPath, ClosedByPeer},
	{ErrExists, 0, "exists", InvalidPath, ClosedByPeer},
	{ErrInUse, 0, "in-use", ClosedByHost, ClosedByPeer},
	{ErrRange, 0, "range", ClosedByHost, ClosedByPeer},
}

// hereState is the state that err means on the side where it happened.
func hereState(err error) State {
	for _, e := range endings {
		if errors.Is(err, e.err) {
			return e.here
		}
	}
	return ClosedByHost
}

func isListed(err error) bool {
	return slices.ContainsFunc(endings, func(e ending) bool { return errors.Is(err, e.err) })
}

// codeOf is the code that tells the other side why this one stops. A ctx that
// the app cancelled, for whatever cause, is a cancel.
func codeOf(err error) network.StreamErrorCode {
	for _, e := range endings {
		if errors.Is(err, e.err) && e.code != 0 {
			return e.code
		}
	}
	return codeCancelled
}

// reasonOf is what follows NGO or BAD for err: an app's own words, a word of
// the table, or nothing.
func reasonOf(err error) string {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	for _, e := range endings {
		if errors.Is(err, e.err) {
			return e.word
		}
	}
	return ""
}

// errorOfWord gives the sentinel of a word after NGO or BAD, or nil.
func errorOfWord(word string) error {
	for _, e := range endings {
		if e.word != "" && e.word == word {
			return e.err
		}
	}
	return nil
}

// failure turns err, which stopped step op on the stream, into the end of the
// transfer. What this side decided (the cause of ctx) counts before what the
// stream said, which is then only the echo of our own reset.
func failure(ctx context.Context, op string, err error) *Error {
	if ctx.Err() == nil {
		return suffered(op, err)
	}
	cause := context.Cause(ctx)
	if ended, ok := errors.AsType[*Error](cause); ok {
		return ended
	}
	if !isListed(cause) { // the app's own ctx, for whatever reason it has
		cause = fmt.Errorf("%w: %w", ErrCancelled, cause)
	}
	return decided(op, cause)
}

// failureHere is failure for a step that is not on the stream.
func failureHere(ctx context.Context, op string, err error) *Error {
	if ctx.Err() == nil {
		return decided(op, err)
	}
	return failure(ctx, op, err)
}

// decided is an end whose reason lies on this side.
func decided(op string, err error) *Error {
	return &Error{State: hereState(err), Op: op, Err: err}
}

// suffered is an end that an error of the stream brought: the other side's
// reset with its code, its breach of the rules, or a lost connection.
func suffered(op string, err error) *Error {
	if errors.Is(err, ErrProtocol) {
		return &Error{State: ClosedByPeer, Op: op, Err: err}
	}
	reset, ok := errors.AsType[*network.StreamError](err)
	if ok && reset.Remote && reset.ErrorCode != codeShutdown {
		for _, e := range endings {
			if e.code != 0 && e.code == reset.ErrorCode {
				return &Error{State: e.there, Op: op, Err: fmt.Errorf("the other side: %w", e.err)}
			}
		}
	}
	return &Error{State: ClosedByPeer, Op: op, Err: fmt.Errorf("%w: %w", ErrLost, err)}
}

// said is the end that a receiver's NGO or BAD brings to the sender.
func said(op string, a answer) *Error {
	if a.verb == verbRefuse {
		return &Error{State: ClosedByPeer, Op: op, Err: &Refusal{Reason: a.reason}}
	}
	reason := errorOfWord(a.reason)
	if reason == nil {
		reason = fmt.Errorf("%w: %s", ErrPeerFailed, Visible(a.reason))
	}
	return &Error{State: ClosedByPeer, Op: op, Err: reason}
}
