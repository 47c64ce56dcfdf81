package node

import (
	"context"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// HeldFile is a file of a conversation that lies here.
type HeldFile struct {
	Conversation, Entry conversation.ID
	// Talk is how people here call the conversation, Author who sent the file.
	Talk, Author string
	// Name is the announced name made safe, Path where the file lies.
	Name, Path string
	Size       int64
	// Sum is the SHA3-512 in hex.
	Sum string
	// Source: the user's own original, of a file that was sent from here.
	Source bool
	State  HeldState
	Since  time.Time
}

// HeldState tells whether a file that was held still is: only then can others get
// it from here.
type HeldState string

const (
	HeldHere      HeldState = "held"
	HeldGone      HeldState = "gone"      // no file lies there any more
	HeldChanged   HeldState = "changed"   // other bytes lie there
	HeldWithdrawn HeldState = "withdrawn" // its author took it back
)

// Files lists the files of conversations that lie here, the newest last.
func (n *Node) Files() ([]HeldFile, error) { return nil, ErrClosed }

// Missed lists the files of conversations that this device has not got, is not
// getting, and has not refused, oldest first.
func (n *Node) Missed() ([]Message, error) { return nil, ErrClosed }

// GetFile asks the devices of all members of a conversation for a file, until it
// has come from one of them: over restarts, and whenever one appears. file is an
// entry's id, the beginning of one, or a file's displayed name; path as in Accept.
// Of a file that lies here already it gives a transfer that is Finished.
func (n *Node) GetFile(_ context.Context, ref, file, path string) (Transfer, error) {
	return Transfer{}, ErrClosed
}
