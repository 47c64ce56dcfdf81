package api

import (
	"fmt"
	"slices"
	"strings"
)

// Code classifies a problem in one word, stable for scripts.
type Code = string

// Codes of problems.
const (
	CodeInvalid         = "invalid-request"
	CodeNotFound        = "not-found"
	CodeBadMethod       = "bad-method"
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
	CodeRevoked       = "revoked"
	CodeThisDevice    = "this-device"
	CodeManyDevices   = "too-many-devices"
	CodeHasState      = "has-state"

	CodeUnknownPairing = "unknown-pairing"
	CodeBadCode        = "bad-code"
	CodeWrongPurpose   = "wrong-purpose"
	CodeOwnCode        = "own-code"
	CodeBurnt          = "burnt-code"
	CodeUsed           = "used-code"
	CodeWrongCode      = "wrong-code"
	CodeExpired        = "expired-code"
	CodeBusy           = "pairing-runs"
	CodeTooMany        = "too-many-codes"
	CodeOffline        = "offline"
	CodeNotMet         = "not-met"
	CodePairing        = "pairing-failed"

	CodeUnknownConversation = "unknown-conversation"
	CodeUnknownEntry        = "unknown-entry"
	CodeAmbiguous           = "ambiguous"
	CodeNotAllowed          = "not-allowed"
	CodeTooLong             = "too-long"
	CodeBadText             = "bad-text"

	CodeNotAFile  = "not-a-file"
	CodeWithdrawn = "withdrawn"

	CodeBadLimit  = "bad-limit"
	CodeBadChoice = "bad-choice"

	CodeBadLifetime   = "bad-lifetime"
	CodeUnknownUpload = "unknown-upload"
	CodeNoSpace       = "no-space"
	CodeCut           = "cut-short"
	CodeIdempotency   = "idempotency"
	CodeNotHere       = "not-here"
	CodeBadLevels     = "bad-levels"
	CodeBadConfig     = "bad-config"
	CodeUnavailable   = "unavailable"
	CodeNotReady      = "not-ready"

	CodeUnauthorized = "unauthorized"
	CodeCrossOrigin  = "cross-origin"
	CodeWrongHost    = "wrong-host"
	CodeSocketOnly   = "socket-only"
)

// outcome is one kind of problem: the status it is answered with, and what it means.
type outcome struct {
	code    Code
	status  int
	meaning string
}

// codes is the closed list of problems.
var codes = []outcome{
	{CodeInvalid, 400, "the request is none of this document (also with 408: it came too slowly, 413: it is too big, 415: it is of another media type)"},
	{CodeBadAccount, 400, "the text is no account"},
	{CodeOwnAccount, 400, "that is the node's own account"},
	{CodeBadName, 400, "a name is empty, too long or has characters that do not show"},
	{CodeBadCode, 400, "what was typed is no code; nothing was burnt"},
	{CodeWrongPurpose, 400, "the code is for something else: a link's for a contact, or the other way round"},
	{CodeBadText, 400, "a message has no text, or is no UTF-8"},
	{CodeBadLimit, 400, "the limit is too low"},
	{CodeBadChoice, 400, "a choice of some files is of no folder, or a pattern is malformed"},
	{CodeBadLifetime, 400, "a one-shot code cannot be entered for so long"},
	{CodeBadLevels, 400, "the text names no levels of the log"},
	{CodeCut, 400, "the upload ended before its time; nothing of it was kept"},
	{CodeUnauthorized, 401, "the token is missing or wrong; over TCP send 'Authorization: Bearer TOKEN' with what the file api.token in the node's home says"},
	{CodeNotKeeper, 403, "only a keeper, a device that holds the account key, may do that"},
	{CodeRevoked, 403, "this device was revoked by its account"},
	{CodeNotAllowed, 403, "the rules of the conversation do not allow it"},
	{CodeCrossOrigin, 403, "a web page of another origin asked"},
	{CodeSocketOnly, 403, "that is answered on the unix socket only"},
	{CodeNotFound, 404, "there is nothing at that path"},
	{CodeUnknownContact, 404, "no contact has that alias or account"},
	{CodeUnknownTransfer, 404, "no transfer has that id"},
	{CodeUnknownDevice, 404, "no device of the account is called that"},
	{CodeUnknownPairing, 404, "no pairing has that id"},
	{CodeUnknownConversation, 404, "no conversation is called that"},
	{CodeUnknownEntry, 404, "no entry of the conversation is called that"},
	{CodeUnknownUpload, 404, "no upload has that id; unused ones are removed after a day"},
	{CodeBadMethod, 405, "the path has no such method; the header Allow says which it has"},
	{CodeNameTaken, 409, "another contact has that alias"},
	{CodeNotPending, 409, "the contact has not asked, or was accepted before"},
	{CodeNotAccepted, 409, "both sides must have accepted the contact before"},
	{CodeNotWaiting, 409, "the transfer does not wait for a decision"},
	{CodeEnded, 409, "it has ended already"},
	{CodeThisDevice, 409, "a device cannot revoke itself"},
	{CodeManyDevices, 409, "the account has as many devices as it can have"},
	{CodeHasState, 409, "this device has contacts or conversations, so it cannot join another account"},
	{CodeOwnCode, 409, "the code is this device's own"},
	{CodeBurnt, 409, "the code was burnt: by a wrong guess, or by somebody who began to use it and fell silent"},
	{CodeUsed, 409, "nobody answers to the code: it was used, has expired or was mistyped"},
	{CodeWrongCode, 409, "the other side proved to know another code; both are burnt"},
	{CodeExpired, 409, "nobody came in time"},
	{CodeBusy, 409, "another pairing of this purpose runs"},
	{CodeAmbiguous, 409, "it could mean several; write more of its id"},
	{CodeIdempotency, 409, "the Idempotency-Key was used before, with another body"},
	{CodeNotHere, 409, "the file is not on this device: the transfer is outgoing, has not finished, or is of a folder"},
	{CodeBadConfig, 409, "the configuration that was read again is wrong; the node goes on with the one it has"},
	{CodeWithdrawn, 410, "the file was taken back by its author"},
	{CodeTooLong, 413, "a message is too long"},
	{CodeWrongHost, 421, "the request's Host is not this node: another name leads here"},
	{CodeBadFile, 422, "the file cannot be read, or not be written there"},
	{CodeNotAFile, 422, "the entry is no file"},
	{CodeTooMany, 429, "too many codes were tried or shown lately"},
	{CodeInternal, 500, "something that should not happen; the detail says what"},
	{CodeUnavailable, 501, "this node was started without that"},
	{CodeOffline, 503, "the node knows no other, so nobody can be found"},
	{CodeNotMet, 503, "the code was right, but there is no way to each other"},
	{CodePairing, 503, "the pairing failed for another reason"},
	{CodeClosing, 503, "the node is stopping"},
	{CodeRestarting, 503, "the node is starting anew; ask again in a moment"},
	{CodeNotReady, 503, "the node runs, but cannot do its work yet"},
	{CodeNoSpace, 507, "the disk has not the room"},
}

// outcomeOf finds a code in the list; what is not there is CodeInternal.
func outcomeOf(code Code) outcome {
	is := func(code Code) func(outcome) bool { return func(o outcome) bool { return o.code == code } }
	if i := slices.IndexFunc(codes, is(code)); i >= 0 {
		return codes[i]
	}
	return codes[slices.IndexFunc(codes, is(CodeInternal))]
}

// statusOf gives the HTTP status of a code.
func statusOf(code Code) int { return outcomeOf(code).status }

// listOfCodes is the table of all problems for the document, in Markdown.
func listOfCodes() string {
	var b strings.Builder
	b.WriteString("| status | code | meaning |\n| --- | --- | --- |\n")
	for _, c := range codes {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", c.status, c.code, c.meaning)
	}
	return b.String()
}
