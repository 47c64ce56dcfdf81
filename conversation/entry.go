package conversation

// ID names an entry: the SHA3-256 of its header. A conversation is named by its
// first entry's ID.
type ID [32]byte

// Action is what a control entry does; "" for entries that carry data.
type Action string

// Mode is a conversation's kind.
type Mode string

// File is the content of an application/data-transfer+json entry.
type File struct{}
