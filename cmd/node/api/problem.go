package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// problemType is the media type of a problem (RFC 9457).
const problemType = "application/problem+json"

// Problem is an error that the node answered (RFC 9457). Detail may quote what
// a peer said.
type Problem struct {
	Status int    `json:"status" minimum:"400" maximum:"599" example:"404"`
	Title  string `json:"title" example:"Not Found"`
	// Code is the word that scripts can rely on, one of the closed list below.
	Code   Code   `json:"code" example:"unknown-contact"`
	Detail string `json:"detail" example:"there is no such contact: \"bob\""`
	// Errors say what of the request is wrong, and where; only for invalid-request.
	Errors []Fault `json:"errors,omitempty"`
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	// Location is where it is wrong.
	Location string `json:"location" example:"body.contact"`
	Message  string `json:"message" example:"expected string"`
}

// Error gives the detail, which is a sentence for people.
func (p *Problem) Error() string { return p.Detail }

// GetStatus and ContentType are what huma asks of an error.
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return problemType }

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// problem makes one whose status is the code's own.
func problem(code Code, detail string) *Problem {
	return problemWith(statusOf(code), code, detail)
}

func problemWith(status int, code Code, detail string) *Problem {
	return &Problem{Status: status, Title: http.StatusText(status), Code: code, Detail: detail}
}

// known maps the errors of a Backend to what a client is told.
var known = []struct {
	is   error
	code Code
}{
	{conversation.ErrAccount, CodeBadAccount},
	{node.ErrOwnAccount, CodeOwnAccount},
	{node.ErrBadName, CodeBadName},
	{node.ErrNameTaken, CodeNameTaken},
	{node.ErrUnknownContact, CodeUnknownContact},
	{node.ErrNotPending, CodeNotPending},
	{node.ErrNotAccepted, CodeNotAccepted},
	{node.ErrUnknownTransfer, CodeUnknownTransfer},
	{node.ErrNotWaiting, CodeNotWaiting},
	{node.ErrNotRunning, CodeEnded},
	{node.ErrUnknownDevice, CodeUnknownDevice},
	{node.ErrNotKeeper, CodeNotKeeper},
	{node.ErrRevoked, CodeRevoked},
	{node.ErrThisDevice, CodeThisDevice},
	{node.ErrTooManyDevices, CodeManyDevices},
	{node.ErrHasState, CodeHasState},
	{node.ErrUnknownPairing, CodeUnknownPairing},
	{node.ErrPairingEnded, CodeEnded},
	{node.ErrNotMet, CodeNotMet},
	{pairing.ErrMalformed, CodeBadCode},
	{pairing.ErrPurpose, CodeWrongPurpose},
	{pairing.ErrSelf, CodeOwnCode},
	{pairing.ErrBurnt, CodeBurnt},
	{pairing.ErrUsed, CodeUsed},
	{pairing.ErrWrongCode, CodeWrongCode},
	{pairing.ErrExpired, CodeExpired},
	{pairing.ErrLive, CodeBusy},
	{pairing.ErrTooMany, CodeTooMany},
	{pairing.ErrOffline, CodeOffline},
	{pairing.ErrFull, CodeTooMany},
	{pairing.ErrGuessed, CodeTooMany},
	{pairing.ErrSilent, CodeBurnt},
	{node.ErrBadLifetime, CodeBadLifetime},
	{node.ErrAmbiguous, CodeAmbiguous},
	{node.ErrUnknownConversation, CodeUnknownConversation},
	{node.ErrUnknownEntry, CodeUnknownEntry},
	{node.ErrNotAllowed, CodeNotAllowed},
	{node.ErrTooLong, CodeTooLong},
	{node.ErrBadText, CodeBadText},
	{node.ErrNotAFile, CodeNotAFile},
	{node.ErrWithdrawn, CodeWithdrawn},
	{node.ErrBadLimit, CodeBadLimit},
	{node.ErrBadChoice, CodeBadChoice},
	{filexfer.ErrSource, CodeBadFile},
	{filexfer.ErrExists, CodeBadFile},
	{filexfer.ErrNoSpace, CodeNoSpace},
	{filexfer.ErrNotWritable, CodeBadFile},
	{node.ErrClosed, CodeClosing},
	{fs.ErrNotExist, CodeBadFile},
	{fs.ErrExist, CodeBadFile},
	{fs.ErrPermission, CodeBadFile},
}

// failureOf classifies why a pairing failed, by the same words as problems.
func failureOf(p node.Pairing) Code {
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
			return problem(k.code, err.Error())
		}
	}
	return problem(CodeInternal, fmt.Sprint(err))
}

// problemOfRequest is how huma tells what is wrong with a request: a body or
// parameter off the document is 400, whatever huma's own status of it.
func problemOfRequest(status int, message string, errs ...error) huma.StatusError {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	p := problemWith(status, CodeInvalid, message)
	if status >= http.StatusInternalServerError {
		p.Code = CodeInternal
	}
	for _, err := range errs {
		var d huma.ErrorDetailer
		if !errors.As(err, &d) {
			continue
		}
		detail := d.ErrorDetail() // without its value: that echoes what may be a secret
		p.Errors = append(p.Errors, Fault{detail.Location, detail.Message})
		p.Detail = detail.Location + ": " + detail.Message
	}
	if len(p.Errors) > 1 {
		p.Detail = fmt.Sprintf("%s: %s, and %d more", p.Errors[0].Location, p.Errors[0].Message, len(p.Errors)-1)
	}
	return p
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // a failed write means that nobody reads it
}
