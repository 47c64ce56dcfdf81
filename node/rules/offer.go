package rules

// Offer is what is known of a file that somebody offers.
type Offer struct {
	// Contact: the sender is an accepted contact. No rule fits anybody else.
	Contact bool
	// Account is the sender's in its text form, Alias what the user calls him.
	Account, Alias string
	// Verified: he was met by a code, or verified in person.
	Verified bool
	// Device is the peer ID that offers; DeviceName what its owner calls it.
	Device, DeviceName string
	// Conversation is the id of the one that the file belongs to, ConversationName
	// how people here call it; both are empty if it belongs to none.
	Conversation, ConversationName string
	// Name is the file's name, and Folder tells that it is a whole folder.
	Name   string
	Folder bool
	// Size is its number of bytes.
	Size int64
}

// Decision is what happens to an offer.
type Decision struct {
	// Action is Accept, Ask or Refuse; empty if no rule decides.
	Action Action
	// Rule is the name of the rule that decided; empty if none did.
	Rule string
	// Folder is where the file goes, absolute; empty is the downloads folder.
	Folder string
	// Reason says in a sentence why the user is asked although a rule would accept
	// but for its quota; empty otherwise.
	Reason string
}
