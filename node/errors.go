package node

import "errors"

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
	// ErrBadName: an alias has 1 to 64 letters, digits or any of "._@+-".
	ErrBadName = errors.New(`a contact's name has 1 to 64 letters, digits or any of "._@+-"`)
	// ErrOwnAccount: one cannot be one's own contact.
	ErrOwnAccount = errors.New("this is your own account")
	// ErrUnknownTransfer: no transfer has this id.
	ErrUnknownTransfer = errors.New("no such transfer")
	// ErrNotWaiting: the transfer does not wait for a decision.
	ErrNotWaiting = errors.New("the transfer does not wait for a decision")
	// ErrNotRunning: the transfer has ended already.
	ErrNotRunning = errors.New("the transfer has ended already")
)
