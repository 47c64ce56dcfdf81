package filexfer

import (
	"context"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Tree is what a receiver needs to verify each unit of a file as it comes.
type Tree struct {
	// Root is the sum of List.
	Root sha3tree.Sum
	// List has the sums of all units of the whole file.
	List sha3tree.List
	// Interaction is what the file belongs to, when that was not known yet in the
	// offer; "" otherwise. Hostile text, when it came from a peer.
	Interaction string
}

// TreeSink is a Sink that verifies the units of a file as they come, so that the
// service hashes nothing. Its Write is called with one whole unit at a time, which
// only at the end of the file is shorter than [sha3tree.UnitSize]; where the units
// are in the file the sink knows itself.
//
// Write may return [ErrEnough], be the unit taken (n == len(p)) or not: the rest
// of the range comes from elsewhere, or is not wanted. The sender is told to stop,
// and Commit is called. ErrBadSum from Write or SetSums ends the transfer as a
// wrong sum does.
//
// Commit may wait for other transfers of the same file. If the transfer ends
// meanwhile (by a cancel, Close, or because the sender is gone), Abort is called
// from another goroutine: then Commit must return.
type TreeSink interface {
	Sink
	// NeedSums tells whether the sums of the units are still to be sent. It is
	// asked once, just before GO.
	NeedSums() bool
	// SetSums is called once before the first Write if NeedSums was true. t.List
	// has been held against t.Root, and t.Root against the offered one. It may read
	// and verify what is there of the file; the end of ctx ends that.
	SetSums(ctx context.Context, t Tree) error
}
