package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/pairing"
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
	CodeRestarting      = "restarting"
	CodeInternal        = "internal"

	CodeUnknownDevice = "unknown-device"
	CodeNotKeeper     = "not-keeper"
	CodeRevoked       = "revoked"     // this device is, by its account
	CodeThisDevice    = "this-device" // is not to be revoked by itself
	CodeManyDevices   = "too-many-devices"
	CodeHasState      = "has-state"

	CodeUnknownPairing = "unknown-pairing"
	CodeBadCode        = "bad-code"      // what was typed is none; nothing was burnt
	CodeWrongPurpose   = "wrong-purpose" // a link's code for a contact, or the other way round
	CodeOwnCode        = "own-code"
	CodeBurnt          = "burnt-code"
	CodeUsed           = "used-code" // used, expired or mistyped: nobody answers
	CodeWrongCode      = "wrong-code"
	CodeExpired        = "expired-code" // nobody came
	CodeBusy           = "pairing-runs"
	CodeTooMany        = "too-many-codes"
	CodeOffline        = "offline"
	CodeNotMet         = "not-met"        // the code was right, but there is no way to each other
	CodePairing        = "pairing-failed" // for any other reason

	CodeUnknownConversation = "unknown-conversation"
	CodeUnknownEntry        = "unknown-entry"
	CodeAmbiguous           = "ambiguous"
	CodeNotAllowed          = "not-allowed" // by the conversation's rules
	CodeTooLong             = "too-long"
	CodeBadText             = "bad-text"

	CodeNotAFile  = "not-a-file" // the entry is something else
	CodeWithdrawn = "withdrawn"  // the file, by its author

	CodeBadLimit  = "bad-limit"  // too low
	CodeBadChoice = "bad-choice" // of no folder, or by a malformed pattern
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
	{node.ErrUnknownDevice, http.StatusNotFound, CodeUnknownDevice},
	{node.ErrNotKeeper, http.StatusForbidden, CodeNotKeeper},
	{node.ErrRevoked, http.StatusForbidden, CodeRevoked},
	{node.ErrThisDevice, http.StatusConflict, CodeThisDevice},
	{node.ErrTooManyDevices, http.StatusConflict, CodeManyDevices},
	{node.ErrHasState, http.StatusConflict, CodeHasState},
	{node.ErrUnknownPairing, http.StatusNotFound, CodeUnknownPairing},
	{node.ErrPairingEnded, http.StatusConflict, CodeEnded},
	{node.ErrNotMet, http.StatusServiceUnavailable, CodeNotMet},
	{pairing.ErrMalformed, http.StatusBadRequest, CodeBadCode},
	{pairing.ErrPurpose, http.StatusBadRequest, CodeWrongPurpose},
	{pairing.ErrSelf, http.StatusConflict, CodeOwnCode},
	{pairing.ErrBurnt, http.StatusConflict, CodeBurnt},
	{pairing.ErrUsed, http.StatusConflict, CodeUsed},
	{pairing.ErrWrongCode, http.StatusConflict, CodeWrongCode},
	{pairing.ErrExpired, http.StatusConflict, CodeExpired},
	{pairing.ErrLive, http.StatusConflict, CodeBusy},
	{pairing.ErrTooMany, http.StatusTooManyRequests, CodeTooMany},
	{pairing.ErrOffline, http.StatusServiceUnavailable, CodeOffline},
	{node.ErrAmbiguous, http.StatusConflict, CodeAmbiguous},
	{node.ErrUnknownConversation, http.StatusNotFound, CodeUnknownConversation},
	{node.ErrUnknownEntry, http.StatusNotFound, CodeUnknownEntry},
	{node.ErrNotAllowed, http.StatusForbidden, CodeNotAllowed},
	{node.ErrTooLong, http.StatusRequestEntityTooLarge, CodeTooLong},
	{node.ErrBadText, http.StatusBadRequest, CodeBadText},
	{node.ErrNotAFile, http.StatusUnprocessableEntity, CodeNotAFile},
	{node.ErrWithdrawn, http.StatusGone, CodeWithdrawn},
	{node.ErrBadLimit, http.StatusBadRequest, CodeBadLimit},
	{node.ErrBadChoice, http.StatusBadRequest, CodeBadChoice},
	{filexfer.ErrSource, http.StatusUnprocessableEntity, CodeBadFile},
	{filexfer.ErrExists, http.StatusUnprocessableEntity, CodeBadFile},
	{filexfer.ErrNoSpace, http.StatusUnprocessableEntity, CodeBadFile},
	{filexfer.ErrNotWritable, http.StatusUnprocessableEntity, CodeBadFile},
	{node.ErrClosed, http.StatusServiceUnavailable, CodeClosing},
	{fs.ErrNotExist, http.StatusUnprocessableEntity, CodeBadFile},
	{fs.ErrExist, http.StatusUnprocessableEntity, CodeBadFile},
	{fs.ErrPermission, http.StatusUnprocessableEntity, CodeBadFile},
}

// failureOf classifies why a pairing failed, by the same words as problems.
func failureOf(p node.Pairing) string {
	if p.State != node.PairFailed {
		return ""
	}
	if code := problemOf(p.Err).Code; code != CodeInternal {
		return code
	}
	return CodePairing
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
	return problem(http.StatusInternalServerError, CodeInternal, fmt.Sprint(err))
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // a failed write means that nobody reads it
}
