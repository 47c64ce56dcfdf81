package api

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Codes of problems, stable for scripts.
const (
	CodeInvalid         = "invalid-request"
	CodeNotFound        = "not-found"
	CodeBadAccount      = "bad-account"
	CodeOwnAccount      = "own-account"
	CodeBadName         = "bad-name"
	CodeNameTaken       = "name-taken"
	CodeUnknownContact  = "unknown-contact"
	CodeNotPending      = "not-pending"
	CodeNotAccepted     = "not-accepted"
	CodeUnknownTransfer = "unknown-transfer"
	CodeNotWaiting      = "not-waiting"
	CodeEnded           = "already-ended"
	CodeBadFile         = "bad-file"
	CodeClosing         = "closing"
	CodeInternal        = "internal"
)

// Problem is an error that the node answered (RFC 9457). Detail may quote what
// a peer said.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Error gives the detail, which is a sentence for people.
func (p *Problem) Error() string { return p.Detail }

func problem(status int, code, detail string) *Problem {
	return &Problem{Status: status, Title: http.StatusText(status), Code: code, Detail: detail}
}

// known maps the errors of a Backend to what a client is told.
var known = []struct {
	is     error
	status int
	code   string
}{
	{conversation.ErrAccount, http.StatusBadRequest, CodeBadAccount},
	{node.ErrOwnAccount, http.StatusBadRequest, CodeOwnAccount},
	{node.ErrBadName, http.StatusBadRequest, CodeBadName},
	{node.ErrNameTaken, http.StatusConflict, CodeNameTaken},
	{node.ErrUnknownContact, http.StatusNotFound, CodeUnknownContact},
	{node.ErrNotPending, http.StatusConflict, CodeNotPending},
	{node.ErrNotAccepted, http.StatusConflict, CodeNotAccepted},
	{node.ErrUnknownTransfer, http.StatusNotFound, CodeUnknownTransfer},
	{node.ErrNotWaiting, http.StatusConflict, CodeNotWaiting},
	{node.ErrNotRunning, http.StatusConflict, CodeEnded},
	{filexfer.ErrSource, http.StatusUnprocessableEntity, CodeBadFile},
	{filexfer.ErrExists, http.StatusUnprocessableEntity, CodeBadFile},
	{filexfer.ErrNoSpace, http.StatusUnprocessableEntity, CodeBadFile},
	{filexfer.ErrNotWritable, http.StatusUnprocessableEntity, CodeBadFile},
	{node.ErrClosed, http.StatusServiceUnavailable, CodeClosing},
	{fs.ErrNotExist, http.StatusUnprocessableEntity, CodeBadFile},
	{fs.ErrExist, http.StatusUnprocessableEntity, CodeBadFile},
	{fs.ErrPermission, http.StatusUnprocessableEntity, CodeBadFile},
}

func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, k := range known {
		if errors.Is(err, k.is) {
			return problem(k.status, k.code, err.Error())
		}
	}
	return problem(http.StatusInternalServerError, CodeInternal, err.Error())
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // a failed write means that nobody reads it
}
