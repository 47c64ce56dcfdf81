package filexfer

import (
	"io"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Offer is a file that a peer would send, as [Config.Accept] sees it.
type Offer struct {
	// ID names the transfer on this node: 16 hex digits, drawn here.
	ID string
	// From is the device that offers, proven by the connection's security.
	From peer.ID
	// Conn carries the offer; ask it for the path.
	Conn network.Conn
	// Name is SafeName of what the peer announced: fit to be created and shown.
	Name string
	// RawName is the announced name as it came. Hostile: never a path.
	RawName string
	// Size is the number of bytes that will come; it is enforced.
	Size int64
	// Offset is where in the file they begin; 0 unless [Config.Ranges] is set.
	Offset int64
	// Sum is the announced SHA3-512 in hex; "" when it follows the bytes, or
	// when the sender has none.
	Sum string
	// Conversation and Interaction say what the file belongs to. Hostile text.
	Conversation, Interaction string
}

// Sink takes the bytes of one accepted file. Its methods are called one after
// the other; after them come either Commit, or Abort, or Commit and then Abort
// if Commit failed.
type Sink interface {
	// Write takes the next piece, 1 MiB at most. An error ends the transfer as
	// InvalidPath; [ErrNoSpace] and [ErrNotWritable] reach the sender by name.
	io.Writer
	// Commit is called once every byte is there and the sum is right. When it
	// returns nil the file must be safe: the sender is told so.
	Commit() error
	// Abort forgets what was written.
	Abort() error
}

// pathed is a Sink that knows under which name the file lies after Commit.
type pathed interface{ Path() string }
