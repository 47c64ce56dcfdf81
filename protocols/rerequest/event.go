package rerequest

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Kind is what an [Event] tells of.
type Kind string

// What happens to a wanted file.
const (
	// Asked: the device was reached and is being asked.
	Asked Kind = "asked"
	// Denied: the device will not give it, as Err says: a *Denial, ErrUnjoinable,
	// ErrNoAnswer, ErrNoOffer, ErrMismatch. It is asked again when it appears
	// anew, or after a while.
	Denied Kind = "denied"
	// Claimed: Offer of the device is being taken. Its ID is the transfer's.
	Claimed Kind = "claimed"
	// Freed: that ended without the whole file, as Err says: ErrInterrupted,
	// ErrBadSum, or what the sink failed with. The file is still wanted, and
	// others are asked for what is missing.
	Freed Kind = "freed"
	// Done: the file lies at Path, whole and verified, and is not wanted any more.
	Done Kind = "done"
)

// What happens to a file held here.
const (
	// Serving: the device will be offered the file, by Config.Files.
	Serving Kind = "serving"
	// Served: that has ended; Err is nil when the device has stored it.
	Served Kind = "served"
	// Refused: the device asked and is not given the file, as Err says. It is told
	// once for the same device, reason and entry, as the log is.
	Refused Kind = "refused"
)

// Event is one thing that happened between this device and another.
type Event struct {
	Kind Kind
	// Conversation and Interaction name the file; of a Refused they may be empty,
	// and are hostile text.
	Conversation, Interaction string
	Device                    peer.ID
	Offer                     *filexfer.Offer // of a Claimed
	Path                      string          // of a Done
	Err                       error           // of a Denied, Freed, Served or Refused
}
