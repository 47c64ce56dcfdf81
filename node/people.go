package node

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Device is one device of this node's own account.
type Device struct {
	ID peer.ID
	// Name is what its owner calls it.
	Name  string
	Added time.Time
	// Self: this node is that device.
	Self bool
	// Keeper: it holds the account key, as far as this device has been told.
	Keeper bool
	// Revoked: it is none of the account's any more.
	Revoked bool
	// Connected: a connection to it stands now.
	Connected bool
}

// Status is what an account is in a conversation: invited, member, admin,
// owner, left or banned; "" for a stranger.
type Status string

// Member is one account that a conversation knows of.
type Member struct {
	Account conversation.Account
	// Name is the contact's alias, "you" for the own account, or the account's
	// text form.
	Name   string
	Status Status
	Self   bool
}

// Conversation is what people say to each other, and who they are.
type Conversation struct {
	ID conversation.ID
	// Mode is one-to-one or group.
	Mode conversation.Mode
	// Name is a group's name (hostile text), or the contact's alias.
	Name    string
	Members []Member
	// Status is the own account's.
	Status Status
	// Entries counts everything in the log, void entries too.
	Entries int
	// Heads are the live entries that nothing follows.
	Heads []conversation.ID
	// Last is the newest message, nil if there is none.
	Last *Message
	// Paused says why entries of somebody are not taken for now; "" if they are.
	Paused string
	// Renewed is the conversation that follows this one; zero if none does.
	Renewed conversation.ID
}

// Message is one entry of a conversation, as people see it.
type Message struct {
	ID           conversation.ID
	Conversation conversation.ID
	Account      conversation.Account
	Device       peer.ID
	// Author is the contact's alias, "you", or the account's text form.
	Author string
	// Time is what the author's clock said, or when it was first seen here if that
	// was earlier. Late: it was seen much later than it was written.
	Time, Seen time.Time
	Late       bool
	// Type is the media type, or the control type.
	Type string
	// Text of a text/plain entry after all edits (hostile text).
	Text string
	// File of a data-transfer entry; nil otherwise.
	File *conversation.File
	// Action and Target of a control entry; TargetName as Author.
	Action     conversation.Action
	Target     conversation.Account
	TargetName string
	// Edit is the entry that this one edits or takes back; zero if it does not. Such
	// entries are in pages with All only.
	Edit conversation.ID
	// Edited: a later entry changed the text. Deleted: one took it back.
	Edited, Deleted bool
	// Void: it does not count, because of Reason.
	Void   bool
	Reason string
	// Size of the content in bytes.
	Size int
	// Parents are the entries it follows; for the graph.
	Parents []conversation.ID
}

// Page asks for a part of a conversation, newest last.
type Page struct {
	// Before ends the page just before this entry; zero: at the newest.
	Before conversation.ID
	// Limit is the most messages given, 0 is 50.
	Limit int
	// All gives control, void and unknown entries too.
	All bool
}

// PairingPurpose is what a one-time code is for.
type PairingPurpose string

const (
	PairLink    PairingPurpose = "link"    // a device joins the account
	PairContact PairingPurpose = "contact" // two accounts become contacts
	PairFile    PairingPurpose = "file"    // one transfer, and nothing after it
)

// PairingState is how far a pairing has come.
type PairingState string

const (
	PairWaiting   PairingState = "waiting"   // the code is shown, nobody came yet
	PairExchange  PairingState = "exchange"  // the two prove to each other that they know the code
	PairConnect   PairingState = "connect"   // both are proven; the link between them is made
	PairDone      PairingState = "done"      // linked, or contacts
	PairFailed    PairingState = "failed"    // see Reason; the code is burnt
	PairCancelled PairingState = "cancelled" // by the user here
)

// Ended tells whether nothing more will happen.
func (s PairingState) Ended() bool {
	return s == PairDone || s == PairFailed || s == PairCancelled
}

// Pairing is one use of a one-time code.
type Pairing struct {
	// ID is 16 hex digits.
	ID      string
	Purpose PairingPurpose
	State   PairingState
	// Reason says in a sentence why it failed; Err is that for machines.
	Reason string
	Err    error
	// Code is the code's words, only where it is shown; QR is what its QR code
	// says (it is longer: 128 secret bits).
	Code, QR string
	Expires  time.Time
	// Verifier are four words that both ends show, for whoever wants to compare.
	Verifier string
	// Device is whom a link brought; Contact whom a contact code brought.
	Device  *Device
	Contact *Contact
	// Transfer is the id of the transfer that belongs to a one-shot code; of one that
	// was entered it is "" until the other side is proven and has told what it sends.
	Transfer string
}
