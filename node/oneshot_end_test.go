package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

// What one side ends for a reason is, by the word that it tells, the same reason on the
// other.
func TestEndsOfTransfersByCode(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		here, there filexfer.State
		code        EndCode
		codeThere   EndCode
	}{
		"the user":       {filexfer.ErrCancelled, filexfer.ClosedByHost, filexfer.ClosedByPeer, EndCancelled, EndCancelled},
		"the file":       {fmt.Errorf("%w: gone", filexfer.ErrSource), filexfer.InvalidPath, filexfer.ClosedByPeer, EndBadPath, EndBadPath},
		"the disk":       {filexfer.ErrNoSpace, filexfer.InvalidPath, filexfer.ClosedByPeer, EndBadPath, EndBadPath},
		"the name":       {filexfer.ErrExists, filexfer.InvalidPath, filexfer.ClosedByPeer, EndBadPath, EndBadPath},
		"the sum":        {filexfer.ErrBadSum, filexfer.ClosedByHost, filexfer.ClosedByPeer, EndBadSum, EndBadSum},
		"the node":       {errStopped, filexfer.ClosedByHost, filexfer.ClosedByPeer, EndRestarted, EndLost},
		"the time":       {errTooLong, filexfer.ClosedByPeer, filexfer.ClosedByPeer, EndLost, EndLost},
		"something else": {errOtherFile, filexfer.ClosedByPeer, filexfer.ClosedByPeer, EndFailed, EndFailed},
	} {
		end := endOfCode(c.err)
		if end.state != c.here || end.code != c.code || end.reason == "" || end.word == "" {
			t.Errorf("%s: here %+v", name, end)
		}
		there := endThere(end.word)
		if got := endOfCode(there); got.state != c.there || got.code != c.codeThere || got.word != "" || !isFinalByCode(there) {
			t.Errorf("%s: there %+v (%v)", name, got, there)
		}
	}
	for err, want := range map[error]codeEnd{
		nil:                {state: filexfer.Finished},
		pairing.ErrExpired: {filexfer.TimeoutExpired, EndTimeout, pairing.ErrExpired.Error(), ""},
		ErrNotMet:          {filexfer.Unjoinable, EndUnjoinable, ErrNotMet.Error(), ""},
		errForgottenThere:  {filexfer.ClosedByPeer, EndLost, errForgottenThere.Error(), ""},
	} {
		if got := endOfCode(err); got != want {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

// A word that this version does not know is shown, and nothing worse.
func TestUnknownWordOfAnEnd(t *testing.T) {
	for _, word := range []string{"", "tired", "\x1b[31m"} {
		err := endThere(word)
		if end := endOfCode(err); !errors.Is(err, oneshot.ErrRefused) || end.state != filexfer.ClosedByPeer || strings.Contains(end.reason, "\x1b") {
			t.Errorf("%q: %+v", word, end)
		}
	}
}

func TestNamesInPlaceOfConversations(t *testing.T) {
	name := oneshot.Name{1, 2, 31: 9}
	if got, is := nameIn(conversationOf(name)); !is || got != name {
		t.Errorf("%x, %v", got, is)
	}
	for _, text := range []string{
		"", "code:", "code:00", strings.TrimPrefix(conversationOf(name), "code:"), conversationOf(name) + "00", "code:" + strings.Repeat("zz", 32),
	} {
		if got, is := nameIn(text); is {
			t.Errorf("%q is %x", text, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	sent := []filexfer.Span{{Start: 10, End: 20}, {Start: 30, End: 40}}
	for r, want := range map[filexfer.Span]bool{
		{Start: 0, End: 10}: false, {Start: 20, End: 30}: false, {Start: 40, End: 50}: false,
		{Start: 0, End: 11}: true, {Start: 35, End: 36}: true, {Start: 5, End: 50}: true,
	} {
		if overlap(sent, []filexfer.Span{r}) != want {
			t.Errorf("%v", r)
		}
	}
	if overlap(nil, sent) || overlap(sent, nil) {
		t.Error("nothing overlaps")
	}
}
