package filexfer

import (
	"fmt"
	"hash"
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
	// Sum is the announced SHA3-512 in hex of the Size bytes; "" when it follows
	// them, or when the sender has none: with an Offset it never has.
	Sum string
	// Conversation and Interaction say what the file belongs to. Hostile text.
	Conversation, Interaction string
	// Total is the announced size of the whole file, at least Offset+Size.
	Total int64
	// Root is the announced root in hex of the whole file's tree; "" when none is.
	Root string
	// Follows tells that there is a tree whose root is not known yet: it comes with
	// the sums, to a [TreeSink] that wants them. Never set together with Root.
	Follows bool
	// Manifest is how many bytes of the beginning of the file describe it as a
	// folder, at most Total; 0: an ordinary file.
	Manifest int64
}

// HasTree tells whether the sums of the file's units can be had.
func (o Offer) HasTree() bool { return o.Root != "" || o.Follows }

// Sink takes the bytes of one accepted file. Its methods are called one after
// the other; after them come either Commit, or Abort, or Commit and then Abort
// if Commit failed.
type Sink interface {
	// Write takes the next piece, 1 MiB at most. An error ends the transfer as
	// InvalidPath; [ErrNoSpace] and [ErrNotWritable] reach the sender by name.
	io.Writer
	// Commit is called once every byte is there and the announced sum, if any, is
	// right. When it returns nil the file must be safe: the sender is told so.
	// ErrBadSum ends the transfer as a wrong sum does, any other error as
	// InvalidPath.
	Commit() error
	// Abort forgets what was written.
	Abort() error
}

// PartSink is a Sink of a file of which a part may be there already, and which
// wants the rest: all bytes from Have up to Size. Any other range is refused
// with [ErrRange], before GO. [FileSink] is one. A Sink that wraps one should
// embed it, so that it stays one: otherwise ranges are not checked, and bytes
// are hashed twice.
type PartSink interface {
	Sink
	// Have is how many bytes were there when the sink was made.
	Have() int64
	// Size is the number of bytes of the whole file.
	Size() int64
	// Hash gives the running SHA3-512 of the Have bytes to who writes the others:
	// from now on he must write to it what Write has taken, in order and before
	// Commit. The service does; its Sum is that of the whole file then.
	Hash() hash.Hash
}

// wants fails unless sink takes just the bytes that are offered, as they are.
func wants(sink Sink, o Offer) error {
	offered, wanted := Span{o.Offset, o.Offset + o.Size}, Span{}
	switch s := sink.(type) {
	case PartSink:
		wanted = Span{s.Have(), s.Size()}
	case spanned:
		wanted = s.Span()
	default:
		wanted = offered
	}
	if offered != wanted {
		return fmt.Errorf("%w: offered are %d bytes from byte %d on, missing are %d from byte %d on",
			ErrRange, offered.Len(), offered.Start, wanted.Len(), wanted.Start)
	}
	return nil
}

// spanned is a Sink that wants just these bytes.
type spanned interface{ Span() Span }

// pathed is a Sink that knows under which name the file lies after Commit.
type pathed interface{ Path() string }
