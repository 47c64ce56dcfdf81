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
	// Claimed: Offer of the device is being taken, one of several maybe. Its ID is
	// the transfer's. Not told of the offer that was adopted.
	Claimed Kind = "claimed"
	// Freed: that ended without the whole file (or range), as Err says:
	// ErrInterrupted, ErrBadSum, or what the sink failed with; Device is "" if the
	// file could not even be opened. The file is still wanted, and others are asked
	// for what is missing; but not one that belongs to no entry.
	Freed Kind = "freed"
	// Progress: Have of Size bytes are there and verified, of a file with a tree.
	// Device has brought the last of them; "" for what was there when the file
	// began to be wanted. It is told at most every 100 ms, and at the end of a range.
	Progress Kind = "progress"
	// Linked: one more connection to the device was opened for the file.
	Linked Kind = "linked"
	// Summed: Root is now known of a file that was adopted without, and Interaction
	// if it was. Offer is the one that brought them, and that is all there is to
	// them: whether the entry announces this file is for the app to find out.
	Summed Kind = "summed"
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
	Offer                     *filexfer.Offer // of a Claimed or Summed
	Have, Size                int64           // of a Progress or Done
	Root                      string          // of a Summed
	Path                      string          // of a Done
	Tree                      filexfer.Tree   // of a Done; zero without one
	Err                       error           // of a Denied, Freed, Served or Refused
}
