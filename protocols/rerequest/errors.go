package rerequest

import (
	"errors"
	"fmt"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Why a holder does not give a file. A [Book] and a [Directory] return them, or
// errors that wrap them; the asker finds them in a *[Denial].
var (
	// ErrUnknownConversation: the conversation is not known there.
	ErrUnknownConversation = errors.New("the conversation is not known")
	// ErrUnknownEntry: the conversation has no such entry.
	ErrUnknownEntry = errors.New("the conversation has no such entry")
	// ErrNotAFile: the entry announces no file.
	ErrNotAFile = errors.New("the entry is no file")
	// ErrNotHeld: the file does not lie there, or is not given any more because its
	// author took it back.
	ErrNotHeld = errors.New("the file is not there")
	// ErrChanged: what lies there is not what was announced any more.
	ErrChanged = errors.New("the file has changed since it was announced")
	// ErrNotMember: the device is not one of a member's.
	ErrNotMember = errors.New("the device is not one of a member of the conversation")
	// ErrRevoked: the device was a member's, and is revoked.
	ErrRevoked = errors.New("the device is revoked")
	// ErrDevice: the request names another device than the one that sent it.
	ErrDevice = errors.New("the request is made for another device")
	// ErrSending: the very file is being sent to this device already.
	ErrSending = errors.New("the file is being sent to this device already")
	// ErrBusy: the holder serves as many files as it allows.
	ErrBusy = errors.New("too many files are being sent, try again later")
	// ErrRange: the file has no such bytes.
	ErrRange = errors.New("the file has no such bytes")
	// ErrProtocol: the other side broke the rules of the wire.
	ErrProtocol = errors.New("the other side does not keep to the protocol")
	// ErrFailed: the holder cannot answer, for reasons of its own.
	ErrFailed = errors.New("the device cannot answer now")
)

// What else goes wrong with the asking.
var (
	// ErrDenied: a device said no; every *Denial is one.
	ErrDenied = errors.New("the device does not give the file")
	// ErrUnjoinable: no stream to the device could be opened.
	ErrUnjoinable = errors.New("the device cannot be reached")
	// ErrNoAnswer: the stream ended, or the time was over, before an answer.
	ErrNoAnswer = errors.New("the device did not answer")
	// ErrNoOffer: the device said OK and did not offer the file in time.
	ErrNoOffer = errors.New("the device did not offer the file it promised")
	// ErrMismatch: what the device offered is not the file that is wanted.
	ErrMismatch = errors.New("the device offered another file than the one announced")
	// ErrBadSum: what a device gave has not the announced SHA3-512.
	ErrBadSum = filexfer.ErrBadSum
	// ErrInterrupted: a transfer ended before all bytes were there.
	ErrInterrupted = errors.New("the transfer was interrupted")
	// ErrWanted: the file is wanted already.
	ErrWanted = errors.New("the file is wanted already")
	// ErrTooMany: MaxWants files are wanted.
	ErrTooMany = fmt.Errorf("more than %d files are wanted", MaxWants)
	// ErrForgotten: the file is not wanted any more.
	ErrForgotten = errors.New("the file is not wanted any more")
	// ErrClosed: this side's service is closed.
	ErrClosed = errors.New("asking for files is shut down")
)

// refusals are the errors that cross, each as its word after "NO ".
var refusals = []struct {
	err  error
	word string
}{
	{ErrUnknownConversation, "unknown-conversation"},
	{ErrUnknownEntry, "unknown-entry"},
	{ErrNotAFile, "not-a-file"},
	{ErrNotHeld, "not-here"},
	{ErrChanged, "changed"},
	{ErrNotMember, "not-a-member"},
	{ErrRevoked, "revoked"},
	{ErrDevice, "device"},
	{ErrSending, "sending"},
	{ErrBusy, "busy"},
	{ErrRange, "range"},
	{ErrProtocol, "protocol"},
	{ErrFailed, "failed"},
}

// wordOf is what err is called on the wire; what is not in the table is nobody
// else's business.
func wordOf(err error) string {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	return wordOf(ErrFailed)
}

// errorOfWord gives the error of a word, or nil.
func errorOfWord(word string) error {
	for _, r := range refusals {
		if r.word == word {
			return r.err
		}
	}
	return nil
}

// Denial is the no of a device. errors.Is finds ErrDenied in it and the error
// that its word stands for, if it is one of ours.
type Denial struct {
	// Word is the reason for machines. Hostile text, as Text is.
	Word string
	// Text is what people may read besides; mostly empty.
	Text string
}

// Error shows the reason, made visible.
func (d *Denial) Error() string {
	reason := filexfer.Visible(d.Word)
	if err := errorOfWord(d.Word); err != nil {
		reason = err.Error()
	}
	if d.Text != "" {
		reason += " (" + filexfer.Visible(d.Text) + ")"
	}
	return fmt.Sprintf("%v: %s", ErrDenied, reason)
}

// Is makes every Denial an ErrDenied.
func (d *Denial) Is(target error) bool { return target == ErrDenied }

// Unwrap gives the error of the word, or nil.
func (d *Denial) Unwrap() error { return errorOfWord(d.Word) }
