package show

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

// PairingEvent is a line of device link, device join, contact invite, contact join, send
// --code and receive with --json: "pairing" for each step, "done" for the last.
type PairingEvent struct {
	Event string `json:"event"`
	api.Pairing
}

// NewPairingEvent is the line for p as it is now. The code of a file is done when the
// file begins to come, which is not the end.
func NewPairingEvent(p api.Pairing) PairingEvent {
	if p.State.Ended() && (p.Purpose != node.PairFile || p.State != node.PairDone) {
		return PairingEvent{"done", p}
	}
	return PairingEvent{"pairing", p}
}

// CodeStyle is how a one-time code is to be shown.
type CodeStyle struct {
	// QR draws the code for a camera too.
	QR bool
	// Colour allows escape sequences of ours.
	Colour bool
	// Zone is whose hours are meant; nil is this machine's.
	Zone *time.Location
}

// Code writes the code of p for people, and the command that takes it. A code that
// has no words is shown by the text of its QR code. With its QR code it takes 22 lines,
// so that a terminal of 24 shows all of it and what is told then.
func Code(w io.Writer, p api.Pairing, command string, o CodeStyle) error {
	var b bytes.Buffer
	code := Text(cmp.Or(p.Code, p.QR))
	words := paint(o.Colour, bold, strings.Join(strings.Split(code, "-"), "   "))
	until := p.Expires.In(cmp.Or(o.Zone, time.Local)).Format("15:04")
	if o.QR {
		if err := QR(&b, p.QR, o.Colour); err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n      %s\n\nThe code works once, until %s. On the other device type\n      %s %s\n", words, until, command, code)
	} else {
		fmt.Fprintf(&b, "This code works once, until %s:\n\n      %s\n\nOn the other device type\n\n      %s %s\n\n", until, words, command, code)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Shown tells whether the code of p is shown here; else it was entered here.
func Shown(p api.Pairing) bool { return p.Code+p.QR != "" }

// PairingStep says in words how far a pairing is; "" for what needs none.
func PairingStep(p api.Pairing) string {
	switch p.State {
	case node.PairWaiting:
		return "waiting for somebody to enter the code (Ctrl-C ends it)"
	case node.PairExchange:
		if Shown(p) {
			return "somebody entered a code; each side proves to the other that it is this one"
		}
		return "looking for the device that shows the code; each proves to the other that it knows it"
	case node.PairConnect:
		return "proven; connecting" + verifier(p)
	}
	return ""
}

// verifier tells the words for whoever wants to compare.
func verifier(p api.Pairing) string {
	if p.Verifier == "" {
		return ""
	}
	return ". Both sides now show the words: " + Text(p.Verifier)
}

// Paired says what came of a pairing that is done.
func Paired(p api.Pairing) string {
	switch {
	case p.Device != nil && p.Device.Keeper:
		return fmt.Sprintf("%s (%s) is one of your devices now, and a keeper of the account's key", Clip(p.Device.Name, nameWidth), Text(p.Device.ID))
	case p.Device != nil:
		return fmt.Sprintf("%s (%s) is one of your devices now", Clip(p.Device.Name, nameWidth), Text(p.Device.ID))
	case p.Contact != nil:
		return fmt.Sprintf("%s is a contact now; you may send each other files and messages", Clip(p.Contact.Name, nameWidth))
	case p.Purpose == node.PairLink:
		return "this device is one of the account's now"
	}
	return "done"
}

// PairingFailure says why a pairing ended badly.
func PairingFailure(p api.Pairing) string {
	switch {
	case p.State == node.PairCancelled:
		return "the code was cancelled; it is burnt"
	case p.Reason == "":
		return "it failed; the code is burnt"
	}
	return Text(p.Reason)
}
