package node

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Identity is what a node is called by others.
type Identity struct {
	Account conversation.Account
	Device  peer.ID
	Name    string
	// Addrs are dialable as they stand: each ends in /p2p/<device>.
	Addrs []multiaddr.Multiaddr
}

// ContactState is how far two accounts have come in knowing each other.
type ContactState string

const (
	// Requested: we asked; the other side has not accepted yet.
	Requested ContactState = "requested"
	// Pending: the other side asked; our user has not accepted yet.
	Pending ContactState = "pending"
	// Accepted: both agreed. Only now may files be offered.
	Accepted ContactState = "accepted"
)

// Contact is an account that the user knows, or that asks to be known.
type Contact struct {
	Account conversation.Account
	// Name is the local alias that the user chose; before that, what the other
	// side calls itself (hostile text: show it only through filexfer.Visible).
	Name  string
	State ContactState
	Since time.Time
	// Verified is how the user made sure who it is.
	Verified Verification
}

// Direction tells who sends.
type Direction string

const (
	Outgoing Direction = "outgoing" // from here
	Incoming Direction = "incoming"
)

// Transfer is one file on its way: to all devices of those it is sent to, or to
// this device.
type Transfer struct {
	// ID is 16 hex digits, unique on this node.
	ID        string
	Direction Direction
	// Conversation and Entry are what the file belongs to; zero if it was offered
	// outside of any.
	Conversation, Entry conversation.ID
	// Contact is the contact's local alias, or its account where it has none; of a
	// file sent to a group the conversation's name, and Account is zero.
	Contact string
	Account conversation.Account
	// Device is the one that sends, or of an outgoing transfer the most hopeful of
	// Parts; empty while there is none.
	Device peer.ID
	// Parts are the devices that an outgoing file is offered to. Each answers for
	// itself; State and Bytes of the whole are Jami's optimistic view of them.
	Parts []Part
	// Name is the file's name, already made safe (filexfer.SafeName).
	Name string
	// File is the source (outgoing), or where the file is to lie (incoming, from
	// the moment it is accepted) and lies (once finished).
	File        string
	Size, Bytes int64
	State       filexfer.State
	// Reason says in a sentence why a transfer ended badly; "" otherwise.
	Reason string
	// Code classifies how it ended.
	Code EndCode
	// Rule is the name of the rule that accepted or refused it; "": a person did, or
	// Config.Accept, or nobody yet.
	Rule string
	// Why says in a sentence, of an offer that waits, why no rule took it although one
	// would; "" otherwise.
	Why string
	// Sum is the SHA3-512 in hex of the file, "" until known. Tree is the root of its
	// tree of sums (filexfer/sha3tree) in hex, "" where there is none or until known.
	Sum, Tree string
	// Manifest: it is a folder, of which so many bytes tell what is in it; 0: a file.
	Manifest int64
	// OneShot: it goes by a one-shot code, to or from somebody who need be no contact;
	// Contact is "" then.
	OneShot bool
	// Limit is how many bytes a second it may take, 0 without a limit of its own.
	Limit int64
	// Path is nil until a connection stands.
	Path             *icetcp.Path
	Created, Updated time.Time
	// Ended: nothing more will happen. A file that one device has is Finished while
	// others may still take it.
	Ended bool

	exact bool     // File is to have this name and no other
	only  []string // patterns of what is wanted of a folder; none: everything
}

// Part is the sub-transfer of an outgoing file to one device.
type Part struct {
	Device  peer.ID
	Account conversation.Account
	// Contact is how people here call the account.
	Contact string
	State   filexfer.State
	Bytes   int64
	// Code and Reason say why it ended badly.
	Code   EndCode
	Reason string
	// Path is nil until a connection stands.
	Path    *icetcp.Path
	Updated time.Time
}

// EndCode is the reason of an end in one word, stable for scripts.
type EndCode string

const (
	EndNone       EndCode = ""            // not ended, or ended well
	EndRefused    EndCode = "refused"     // the receiver's user said no
	EndCancelled  EndCode = "cancelled"   // one side's user stopped it
	EndUnjoinable EndCode = "unjoinable"  // no device could be reached
	EndBadSum     EndCode = "bad-sum"     // what arrived is not what was announced
	EndTimeout    EndCode = "timeout"     // nobody decided in time
	EndLost       EndCode = "lost"        // the connection broke
	EndBadPath    EndCode = "bad-path"    // the file cannot be read or written here
	EndWithdrawn  EndCode = "withdrawn"   // its author took the file back
	EndFailed     EndCode = "failed"      // anything else; see Reason
	EndRestarted  EndCode = "interrupted" // this node stopped in the middle
)

// Phase is a step on the way to a connection, reported for people.
type Phase string

const (
	PhaseSum      Phase = "sum"      // the file is being hashed
	PhaseAsk      Phase = "ask"      // members' devices are asked for the file
	PhaseLink     Phase = "link"     // one more connection to a device brings it
	PhaseLookup   Phase = "lookup"   // looking for the contact's devices
	PhaseFound    Phase = "found"    // device found on the DHT (or already connected)
	PhaseSealed   Phase = "sealed"   // offer sealed and left at N inbox servers
	PhaseAnswered Phase = "answered" // the other side's candidates are here
	PhasePair     Phase = "pair"     // candidate pair nominated
	PhaseTLS      Phase = "tls"      // TLS 1.3 stands
	PhaseGo       Phase = "go"       // the other side said GO
	PhaseVerified Phase = "verified" // the sum is right
)

// Event is one thing that happened, for commands, dashboards and logs. Exactly
// one of Transfer, Contact, Message, Conversation, Pairing and Device is set.
type Event struct {
	// Time it happened.
	Time time.Time
	// Transfer is the transfer after the event.
	Transfer *Transfer
	// Phase is set when the event is a step towards a connection.
	Phase Phase
	// Detail explains the phase, for instance "8 servers, 2 live" or the pair.
	Detail string
	// Contact is the contact after the event; Removed if it is gone.
	Contact *Contact
	Removed bool
	// Message is one that was written, here or elsewhere, or that changed.
	Message *Message
	// Conversation is one whose members, name or state changed.
	Conversation *Conversation
	// Pairing is one that made a step.
	Pairing *Pairing
	// Device is one of the own account's that was added, revoked, came or went.
	Device *Device
}
