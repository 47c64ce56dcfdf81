package signalling

import (
	"errors"
	"fmt"
)

var (
	// ErrRefused says that the other side's user or program declined; the error is a
	// *Refusal.
	ErrRefused = errors.New("refused by the other side")
	// ErrNoServer says that no inbox server took the request before the context
	// ended: this node knows no DHT server, or none can be reached. Itself does not
	// count while it is connected to nobody.
	ErrNoServer = errors.New("no inbox server took the request")
	// ErrNoAnswer says that the request was left for the recipient and that no
	// answer came before the context ended: it is away, or silent on purpose.
	ErrNoAnswer = errors.New("no answer")
	// ErrTooLarge says that a payload exceeds MaxPayload.
	ErrTooLarge = errors.New("too large")
	// ErrBusy says that too many requests are under way already (Limits.Requests).
	ErrBusy = errors.New("too many requests under way")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("signalling is closed")

	// ErrNoKey is what Keys.SealKey returns (or wraps) for a device whose record is
	// not known: the request is then sealed to the X25519 form of its peer ID.
	ErrNoKey = errors.New("the device's key is not known")
	// ErrSilent is what Config.Admit or a Handler returns (or wraps) to give no
	// answer at all, so that a stranger does not learn that somebody is here.
	ErrSilent = errors.New("dropped silently")
)

// Refusal is an answer that says no. A Handler (or Config.Admit) returns one to
// choose the words; Request returns one to the sender. It wraps ErrRefused.
type Refusal struct {
	// Reason is for people, at most 256 bytes of UTF-8, possibly empty. In what
	// Request returns it is the other side's text: hostile until made visible.
	Reason string
}

func (r *Refusal) Error() string {
	if r.Reason == "" {
		return ErrRefused.Error()
	}
	return fmt.Sprintf("%v: %q", ErrRefused, r.Reason)
}

// Unwrap gives ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }
