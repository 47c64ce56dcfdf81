package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Exit codes of commands.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnjoinable  = 4
	exitBadSum      = 5
	exitTimeout     = 6
	exitInterrupted = 130
)

// exitCodes say what they mean, as help and docs/scripts.md do.
var exitCodes = []struct {
	code  int
	means string
}{
	{exitOK, "done"},
	{exitError, "an error that is none of the others"},
	{exitUsage, "the command, its flags or the config file are wrong; nothing was begun"},
	{exitRefused, "refused: by somebody, by a rule, or by the rules of a conversation"},
	{exitUnjoinable, "nobody could be reached"},
	{exitBadSum, "what arrived, or what was verified, is not what it should be"},
	{exitTimeout, "the time was up: nobody decided, nobody came, or --wait was over"},
	{exitInterrupted, "interrupted by Ctrl-C"},
}

// failure is an error with the exit code and the word for scripts it means.
type failure struct {
	exit int
	code string
	err  error
	// told: its JSON line is out already, so only people are still to be told.
	told bool
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Words of errors that no node answered, beside those of package api and of how
// transfers end. They never change.
const (
	codeUsage        = "usage"
	codeNotRunning   = "not-running"
	codeLocked       = "locked"
	codeOtherUser    = "other-user"
	codeInterrupted  = "interrupted"
	codeCancelled    = "cancelled"
	codeStillRunning = "still-running"
	codeNoOutput     = "no-output"
	codeDamaged      = "damaged"
	codeBadExport    = "bad-export"
	codeError        = "error"
)

func usageError(format string, args ...any) error {
	return &failure{exit: exitUsage, code: codeUsage, err: fmt.Errorf(format, args...)}
}

// fileError is about a file that a command names: code "bad-file".
func fileError(format string, args ...any) error {
	return &failure{exit: exitError, code: api.CodeBadFile, err: fmt.Errorf(format, args...)}
}

// ended gives nil for a transfer that went well, else what its end means.
func ended(t api.Transfer) error {
	exit := exitOf(t)
	if exit == exitOK {
		return nil
	}
	return &failure{exit: exit, code: string(t.Code), err: errors.New(show.Failure(t)), told: true}
}

func exitOf(t api.Transfer) int {
	switch t.Code {
	case node.EndRefused:
		return exitRefused
	case node.EndUnjoinable:
		return exitUnjoinable
	case node.EndBadSum:
		return exitBadSum
	case node.EndTimeout:
		return exitTimeout
	}
	switch t.State {
	case filexfer.Finished:
		return exitOK
	case filexfer.Unjoinable:
		return exitUnjoinable
	case filexfer.TimeoutExpired:
		return exitTimeout
	}
	return exitError
}

// exitOfProblem is the exit code for an error that the node answered, by its word.
func exitOfProblem(code string) int {
	switch code {
	case api.CodeNotAllowed, api.CodeNotKeeper, api.CodeRevoked:
		return exitRefused
	case api.CodeOffline, api.CodeNotMet:
		return exitUnjoinable
	case api.CodeExpired:
		return exitTimeout
	}
	return exitError
}

// classify finds exit code and word of any error that a command returned.
func classify(err error) *failure {
	var f *failure
	var p *api.Problem
	switch {
	case errors.As(err, &f):
		return &failure{f.exit, f.code, err, f.told}
	case errors.Is(err, context.Canceled):
		return &failure{exit: exitInterrupted, code: codeInterrupted, err: errors.New("interrupted")}
	case errors.As(err, &p):
		return &failure{exit: exitOfProblem(p.Code), code: p.Code, err: err}
	case errors.Is(err, api.ErrNotRunning):
		return &failure{exit: exitError, code: codeNotRunning, err: err}
	case errors.Is(err, api.ErrOtherUser):
		return &failure{exit: exitError, code: codeOtherUser, err: err}
	case errors.Is(err, node.ErrLocked):
		return &failure{exit: exitError, code: codeLocked, err: err}
	}
	return &failure{exit: exitError, code: codeError, err: err}
}

// report tells people on stderr and, with asJSON, scripts on stdout what went
// wrong, and gives the exit code.
func report(err error, asJSON bool, stdout, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	f := classify(err)
	message := f.Error() + advice(f.code)
	if asJSON && !f.told {
		show.JSON(stdout, show.ErrorEvent{Event: "error", Code: f.code, Message: message})
	}
	for line := range strings.SplitSeq(message, "\n") {
		fmt.Fprintln(stderr, "passeur: "+show.Text(line))
	}
	return f.exit
}
