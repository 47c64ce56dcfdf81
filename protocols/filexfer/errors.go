package filexfer

import (
	"errors"
	"fmt"
)

// Why a transfer ended badly. They come inside an *[Error]; ask with
// errors.Is.
var (
	// ErrRefused: the receiver said no before any byte; every NGO is one.
	ErrRefused = errors.New("refused by the receiver")
	// ErrBusy: the receiver has as many transfers as it allows; try later.
	ErrBusy = errors.New("the receiver has too many transfers at once, try again later")
	// ErrCancelled: a user (or the sender's ctx) stopped it; Error.State says
	// on which side.
	ErrCancelled = errors.New("cancelled")
	// ErrTimeout: nobody accepted or refused in time.
	ErrTimeout = errors.New("nobody accepted in time")
	// ErrStalled: no byte moved for too long, or no verdict came.
	ErrStalled = errors.New("the other side has stopped moving bytes")
	// ErrLost: the connection broke, or the other side stopped without a reason.
	ErrLost = errors.New("the connection was lost")
	// ErrUnjoinable: no stream to the peer could be opened.
	ErrUnjoinable = errors.New("the device cannot be reached")
	// ErrSource: the sender's file cannot be read, or changed meanwhile.
	ErrSource = errors.New("the file cannot be read, or changed while it was sent")
	// ErrBadSum: what arrived is not what was announced, or not the file that the
	// receiver wants. Nothing was kept, but for the verified units of a [Part].
	ErrBadSum = errors.New("the sum of the file is not the announced one")
	// ErrNoSpace: the file does not fit where the receiver wants it.
	ErrNoSpace = errors.New("not enough space for the file")
	// ErrNotWritable: the receiver's folder or disk does not take the file.
	ErrNotWritable = errors.New("the file cannot be written")
	// ErrExists: the wanted name is taken and no other may be used.
	ErrExists = errors.New("a file of this name exists")
	// ErrInUse: another transfer writes the temporary file.
	ErrInUse = errors.New("another transfer is writing this file")
	// ErrRange: the offered bytes are not those that the receiver lacks.
	ErrRange = errors.New("the receiver lacks other bytes of the file than those offered")
	// ErrUnsupported: the receiver cannot take what was offered (a range).
	ErrUnsupported = errors.New("the receiver does not take such offers")
	// ErrProtocol: the other side broke the rules of the wire.
	ErrProtocol = errors.New("the other side does not keep to the protocol")
	// ErrPeerFailed: the receiver gave up for a reason of its own.
	ErrPeerFailed = errors.New("the receiver failed")
	// ErrClosed: this side's service is closed.
	ErrClosed = errors.New("file transfers are shut down")
	// ErrEnough is no failure: the Write of a [TreeSink] returns it when the rest of
	// the range is not wanted.
	ErrEnough = errors.New("the rest is not wanted")
	// ErrUnknownTransfer: no transfer of that id is running.
	ErrUnknownTransfer = errors.New("no such transfer is running")
)

// Error is how a transfer ended badly, as this side saw it. The table in the package
// comment has which State and reason each side reports.
type Error struct {
	// State is the final state, never Finished.
	State State
	// Op is the step that failed, for instance "await GO".
	Op string
	// Err is the reason; errors.Is finds the sentinels above in it.
	Err error

	verb string // NGO or BAD, when the other side is to be told in words
}

// Error gives step and reason.
func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// Refusal is a "no" with a reason. [Config.Accept] returns one (or ErrRefused)
// to refuse an offer; [Service.Send] fails with the one that came.
type Refusal struct {
	// Reason is one short line, sent as it is; "" says nothing.
	Reason string
}

// Error shows the reason, made visible.
func (r *Refusal) Error() string {
	if r.Reason == "" {
		return ErrRefused.Error()
	}
	return fmt.Sprintf("%v: %s", ErrRefused, Visible(r.Reason))
}

// Is makes every Refusal an [ErrRefused].
func (r *Refusal) Is(target error) bool { return target == ErrRefused }

// Unwrap gives the sentinel that the reason's word stands for, if any: a
// refusal "busy" is also an [ErrBusy].
func (r *Refusal) Unwrap() error { return errorOfWord(r.Reason) }
