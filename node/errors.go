package node

import (
	"errors"

	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/pairing"
)

// Errors that callers branch on. They are wrapped with what they are about.
var (
	// ErrLocked: another node runs on this home.
	ErrLocked = errors.New("another passeur node runs on this home")
	// ErrClosed: the node is closed or closing.
	ErrClosed = errors.New("the node is closed")
	// ErrUnknownContact: no contact has this alias or account.
	ErrUnknownContact = errors.New("no such contact")
	// ErrNotAccepted: the contact exists, but not both sides have accepted.
	ErrNotAccepted = errors.New("the contact is not accepted on both sides yet")
	// ErrNotPending: there is no request of this account to accept.
	ErrNotPending = errors.New("this account has not asked to be a contact")
	// ErrNameTaken: another contact has this alias.
	ErrNameTaken = errors.New("another contact has this name")
	// ErrBadName: an alias has 1 to 64 letters, digits or any of "._@+-", begins with
	// no "-", and is not "you".
	ErrBadName = errors.New(`a contact's name has 1 to 64 letters, digits or any of "._@+-", begins with no "-", and is not "you"`)
	// ErrOwnAccount: one cannot be one's own contact.
	ErrOwnAccount = errors.New("this is your own account")
	// ErrUnknownTransfer: no transfer has this id.
	ErrUnknownTransfer = errors.New("no such transfer")
	// ErrNotWaiting: the transfer does not wait for a decision.
	ErrNotWaiting = errors.New("the transfer does not wait for a decision")
	// ErrNotRunning: the transfer has ended already.
	ErrNotRunning = errors.New("the transfer has ended already")

	// ErrNotKeeper: this device does not hold the account key, so it can neither
	// link nor revoke devices.
	ErrNotKeeper = errors.New("this device is not a keeper of the account's key; do it on one that is")
	// ErrRevoked: the account has revoked this device.
	ErrRevoked = errors.New("this device was revoked by its account; use a fresh --home, and link it anew")
	// ErrUnknownDevice: the account has no such device.
	ErrUnknownDevice = errors.New("no such device")
	// ErrAmbiguous: several things begin so, or have this name.
	ErrAmbiguous = errors.New("several fit; say more of it")
	// ErrThisDevice: nobody revokes the device he is on.
	ErrThisDevice = errors.New("this is the device you are on; revoke it from another keeper")
	// ErrTooManyDevices: the account's record has no room for another device.
	ErrTooManyDevices = errors.New("the account has too many devices; revoke one")
	// ErrHasState: to join another account would lose what this home has.
	ErrHasState = errors.New("this home has a life of its own, which joining another account would end; join with a fresh --home")
	// ErrUnknownConversation: there is none of this id, or with this name.
	ErrUnknownConversation = errors.New("no such conversation")
	// ErrUnknownEntry: the conversation has none of this id.
	ErrUnknownEntry = errors.New("no such entry")
	// ErrNotAFile: the entry is no file.
	ErrNotAFile = errors.New("this entry is no file")
	// ErrWithdrawn: the author of a file has taken it back.
	ErrWithdrawn = errors.New("its author has taken the file back")
	// ErrBadChoice: what is to be chosen of a folder cannot be: it is no folder, or a
	// pattern is malformed.
	ErrBadChoice = errors.New("nothing can be chosen so")
	// ErrNotAllowed: the rules of the conversation are against it.
	ErrNotAllowed = logstore.ErrNotAllowed
	// ErrBadText: a text or a name that is empty, or has what it must not have.
	ErrBadText = errors.New("this is no text to write")
	// ErrTooLong: a text that is too long for one entry.
	ErrTooLong = errors.New("the text is too long")
	// ErrUnknownPairing: no pairing of this run has this id.
	ErrUnknownPairing = errors.New("no such pairing")
	// ErrPairingEnded: there is nothing left to cancel.
	ErrPairingEnded = errors.New("the pairing has ended already")
	// ErrBadCode: what was typed is no code; nothing was burnt.
	ErrBadCode = pairing.ErrMalformed
	// ErrNotMet: the code was right, and yet the two devices could not connect.
	ErrNotMet = errors.New("the code was right, but the other device could not be reached; try again with a new code")
)
