package history

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// Kind is what an Event tells of.
type Kind string

const (
	// Connected: a stream with the device stands.
	Connected Kind = "connected"
	// Disconnected: it stands no more; Err says why.
	Disconnected Kind = "disconnected"
	// Received: Entries new ones of Conversation came from the device.
	Received Kind = "received"
	// Deferred: the device has entries of Conversation that lie more than
	// conversation.FutureLimit ahead: its clock is wrong, or ours.
	Deferred Kind = "deferred"
	// Paused: Conversation has had its share here, and takes no more for now.
	Paused Kind = "paused"
	// PausedThere: the same at the device.
	PausedThere Kind = "paused-there"
	// Refused: the device does not give, or not take, Conversation. Proof may
	// hold the entry that says why; it is decoded, its signature verified, and
	// its place in the conversation not.
	Refused Kind = "refused"
	// CutOff: the device broke the rules, as Err says; it is not spoken with
	// before Until.
	CutOff Kind = "cut-off"
)

// Event is one thing that happened with one device.
type Event struct {
	Kind         Kind
	Device       peer.ID
	Conversation conversation.ID     // zero of a Connected, Disconnected or CutOff
	Entries      int                 // of a Received: how many are new here
	Proof        *conversation.Entry // of a Refused; nil if none came
	Err          error               // of a Disconnected, CutOff, Deferred, Paused
	Until        time.Time           // of a CutOff
}
