package node

import (
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

var (
	errStoppedThere   = errors.New("the other node was stopped, and the code is used up; send it by a new one")
	errForgottenThere = errors.New("the other node knows nothing of this transfer any more: it was restarted, or gave up; send it by a new code")
	errTooLong        = fmt.Errorf("the other device was not reached again within %v; send it by a new code", handTime)
	errOtherFile      = errors.New("the other node began to send something else")
)

// codeEnds says how a transfer by code ends with an error of this side, the word by
// which the other side is told ("": it knows, or never will), and what that means to it.
// The first error that matches counts.
var codeEnds = []struct {
	err   error
	state filexfer.State
	code  EndCode
	word  string
	there error
}{
	{pairing.ErrExpired, filexfer.TimeoutExpired, EndTimeout, "", nil},
	{ErrNotMet, filexfer.Unjoinable, EndUnjoinable, "", nil},
	{errTooLong, filexfer.ClosedByPeer, EndLost, "lost", errTooLong},
	{errForgottenThere, filexfer.ClosedByPeer, EndLost, "", nil},
	{errStoppedThere, filexfer.ClosedByPeer, EndLost, "", nil},
	{errStopped, filexfer.ClosedByHost, EndRestarted, "stopped", errStoppedThere},
	{filexfer.ErrCancelled, filexfer.ClosedByHost, EndCancelled, "cancelled", filexfer.ErrCancelled},
	{filexfer.ErrSource, filexfer.InvalidPath, EndBadPath, "source", filexfer.ErrSource},
	{filexfer.ErrBadSum, filexfer.ClosedByHost, EndBadSum, "sum", filexfer.ErrBadSum},
	{filexfer.ErrNoSpace, filexfer.InvalidPath, EndBadPath, "space", filexfer.ErrNoSpace},
	{filexfer.ErrNotWritable, filexfer.InvalidPath, EndBadPath, "write", filexfer.ErrNotWritable},
	{filexfer.ErrExists, filexfer.InvalidPath, EndBadPath, "exists", filexfer.ErrExists},
	{errOtherFile, filexfer.ClosedByPeer, EndFailed, "other", errOtherFile},
}

// codeEnd is how a transfer by code ended; the zero reason: well.
type codeEnd struct {
	state  filexfer.State
	code   EndCode
	reason string
	word   string // for the other side
}

// endOfCode tells how a transfer by code ends with err, nil being well.
func endOfCode(err error) codeEnd {
	if err == nil {
		return codeEnd{state: filexfer.Finished}
	}
	var end codeEnd
	end.state, end.code, end.reason = endOf(err)
	told, isOfStream := errors.AsType[*filexfer.Error](err)
	for _, known := range codeEnds {
		if !errors.Is(err, known.err) {
			continue
		}
		if end.code = known.code; !isOfStream { // else it says who did it
			end.state = known.state
		}
		if !isOfStream || told.State != filexfer.ClosedByPeer {
			end.word = known.word
		}
		return end
	}
	return end
}

// endThere makes an error of a word of the other side. It has the state of one that a
// stream told.
func endThere(word string) error {
	for _, known := range codeEnds {
		if word != "" && known.word == word {
			return &filexfer.Error{State: filexfer.ClosedByPeer, Op: "the other side", Err: known.there}
		}
	}
	return &filexfer.Error{State: filexfer.ClosedByPeer, Op: "the other side", Err: &oneshot.Refusal{Reason: word}}
}

// isFinalByCode tells the errors after which nothing goes on: somebody's will, or
// something that would be so again.
func isFinalByCode(err error) bool {
	for _, end := range []error{
		filexfer.ErrCancelled, filexfer.ErrSource, filexfer.ErrBadSum, filexfer.ErrNoSpace, filexfer.ErrNotWritable,
		filexfer.ErrExists, filexfer.ErrPeerFailed, filexfer.ErrProtocol, filexfer.ErrUnsupported,
		oneshot.ErrRefused, errStoppedThere, errTooLong, errOtherFile,
	} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// stopsThere tells whether the other node said, by its reset, that it is being stopped.
func stopsThere(err error) bool {
	reset, is := errors.AsType[*network.StreamError](err)
	return is && reset.Remote && reset.ErrorCode == network.StreamShutdown
}
