package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// TestExitCodes pins what the help promises to scripts.
func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		state filexfer.State
		code  node.EndCode
		want  int
	}{
		{filexfer.Finished, node.EndNone, 0},
		{filexfer.ClosedByHost, node.EndCancelled, 1},
		{filexfer.ClosedByPeer, node.EndCancelled, 1},
		{filexfer.ClosedByPeer, node.EndLost, 1},
		{filexfer.ClosedByPeer, node.EndFailed, 1},
		{filexfer.InvalidPath, node.EndBadPath, 1},
		{filexfer.ClosedByHost, node.EndRestarted, 1},
		{filexfer.ClosedByPeer, node.EndRefused, 3},
		{filexfer.Unjoinable, node.EndUnjoinable, 4},
		{filexfer.Unjoinable, node.EndNone, 4},
		{filexfer.ClosedByPeer, node.EndBadSum, 5},
		{filexfer.ClosedByHost, node.EndBadSum, 5},
		{filexfer.TimeoutExpired, node.EndTimeout, 6},
		{filexfer.TimeoutExpired, node.EndNone, 6},
	} {
		transfer := api.Transfer{State: test.state, Code: test.code, Contact: "bob", Name: "photo.jpg"}
		var stdout, stderr bytes.Buffer
		got := report(ended(transfer), true, &stdout, &stderr)
		if got != test.want {
			t.Errorf("%s, %q: exit code %d, want %d", test.state, test.code, got, test.want)
		}
		if stdout.Len() != 0 {
			t.Errorf("%s, %q: said again on standard output: %s", test.state, test.code, &stdout)
		}
		if (stderr.Len() == 0) != (got == 0) {
			t.Errorf("%s, %q: standard error is %q", test.state, test.code, &stderr)
		}
	}
}

func TestErrorsOfCommands(t *testing.T) {
	for _, test := range []struct {
		err     error
		exit    int
		code    string
		message string
	}{
		{usageError("no"), 2, "usage", "no"},
		{fmt.Errorf("ask: %w", context.Canceled), 130, "interrupted", "interrupted"},
		{fmt.Errorf("%w in /h", api.ErrNotRunning), 1, "not-running", "the node is not running in /h: start it with 'passeur run'"},
		{fmt.Errorf("start: %w", node.ErrLocked), 1, "locked", "start: another passeur node runs on this home: stop that one first, or give another home with --home"},
		{&api.Problem{Status: 409, Code: api.CodeNameTaken, Detail: "taken"}, 1, api.CodeNameTaken, "taken: choose another with --name"},
		{errors.New("a\x1bb\nc"), 1, "error", "a\x1bb\nc"},
	} {
		var stdout, stderr bytes.Buffer
		if got := report(test.err, true, &stdout, &stderr); got != test.exit {
			t.Errorf("%v: exit code %d, want %d", test.err, got, test.exit)
		}
		want := fmt.Sprintf(`{"event":"error","code":%q,"message":%s}`+"\n", test.code, jsonString(test.message))
		if stdout.String() != want {
			t.Errorf("%v: got %s, want %s", test.err, &stdout, want)
		}
		if bytes.ContainsRune(stderr.Bytes(), '\x1b') {
			t.Errorf("%v: %q", test.err, &stderr)
		}
	}
}

// jsonString quotes text as show.JSON does, for the letters used here.
func jsonString(text string) string {
	out := []byte{'"'}
	for _, b := range []byte(text) {
		switch {
		case b == '\n':
			out = append(out, `\n`...)
		case b < ' ':
			out = fmt.Appendf(out, `\u%04x`, b)
		default:
			out = append(out, b)
		}
	}
	return string(append(out, '"'))
}
