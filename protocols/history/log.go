package history

import (
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// Log is what the protocol asks of the conversations that are kept here. Ids
// that are not stored are passed over, and a conversation that is not here is
// an empty one: neither is an error. An error ends the stream on which it was
// met. All methods may be called by many goroutines.
type Log interface {
	// Heads gives the live heads of a conversation.
	Heads(conv conversation.ID) ([]conversation.ID, error)
	// Known gives those of ids that are stored in conv, live or not.
	Known(conv conversation.ID, ids []conversation.ID) ([]conversation.ID, error)
	// Locator gives at most 32 entries that lie 1, 2, 4, 8 … back in the order
	// in which they came.
	Locator(conv conversation.ID) ([]conversation.ID, error)
	// Common gives the heads that were last set for that device; some may be gone.
	Common(device peer.ID, conv conversation.ID) ([]conversation.ID, error)
	// SetCommon remembers heads that both sides have; at most 64.
	SetCommon(device peer.ID, conv conversation.ID, heads []conversation.ID) error
	// Missing calls send for each of the ancestors of want (want included) that
	// are no ancestors of have (have included), in the order in which they came
	// here, which puts parents before children. Those up to the entry after (in
	// that order) are left out, unless after is zero or not here. It ends when
	// maxEntries are sent or maxBytes reached, the last entry going beyond, and
	// tells whether there is more. The bodies of void and of deleted entries are
	// left out. An error of send ends it.
	Missing(ctx context.Context, conv conversation.ID, want, have []conversation.ID, after conversation.ID,
		maxEntries, maxBytes int, send func(conversation.Raw) error) (more bool, err error)
	// Raws calls send for each of ids, the bodies as in Missing.
	Raws(ctx context.Context, conv conversation.ID, ids []conversation.ID, send func(conversation.Raw) error) error
	// Lacking gives at most n live entries, not deleted, whose bodies are not
	// here, in the order in which they came and behind the entry after.
	Lacking(conv, after conversation.ID, n int) ([]conversation.ID, error)
	// Ingest checks and stores entries, parents first, and returns when what it
	// tells of is safe on disk. With last, nothing follows that could hang on this
	// batch, and what is void and carries nothing may be left out. A body that
	// comes for an entry without one is stored. It wraps ErrInvalid or ErrParent
	// where an entry cannot be taken, and has stored those before it.
	Ingest(ctx context.Context, conv conversation.ID, batch []conversation.Raw, from Source, last bool) (Ingested, error)
}

// Source is who gives entries.
type Source struct {
	// Account of the device.
	Account conversation.Account
	// Own: it is the account of this device.
	Own bool
}

// Ingested is what became of a batch.
type Ingested struct {
	// Added counts the entries that are new here.
	Added int
	// Deferred: some lie too far in the future, or hang on such; they are to be
	// asked for again.
	Deferred bool
	// Paused: some were left because the conversation or their account has had
	// its share, or hang on such; they are to be asked for again.
	Paused bool
	// Left: some were not stored for another reason, although they are valid, so
	// that what hangs on them will lack its parents.
	Left bool
}

var (
	// ErrInvalid is wrapped by errors of Log.Ingest: no honest device gives such
	// an entry. Its giver is cut off.
	ErrInvalid = errors.New("invalid entry")
	// ErrParent is wrapped by errors of Log.Ingest: a parent is neither stored
	// nor earlier in the batch.
	ErrParent = errors.New("a parent of the entry is not here")
)
