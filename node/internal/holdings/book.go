package holdings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// What a caller may branch on. The errors that wrap them name the file.
var (
	// ErrNotHeld: no file of this entry was ever here.
	ErrNotHeld = errors.New("no file of this entry is held here")
	// ErrGone: no file lies there now.
	ErrGone = errors.New("the file was moved or removed")
	// ErrChanged: other bytes than the announced ones lie there, or they are just
	// being written.
	ErrChanged = errors.New("the file is not the announced one any more")
	// ErrClosed: the Book is closed.
	ErrClosed = errors.New("the book of held files is closed")
)

// State is what a look at a file tells, without reading it.
type State string

const (
	// Here: the announced bytes lie there.
	Here State = "held"
	// Unchecked: somebody touched the file; whether the bytes are still the
	// announced ones is found out when they are asked for.
	Unchecked State = "unchecked"
	// Changed: other bytes lie there.
	Changed State = "changed"
	// Gone: no file lies there.
	Gone State = "gone"
	// Unreadable: the system refuses to say what lies there.
	Unreadable State = "unreadable"
)

// Held is a file that lies here for an entry of a conversation.
type Held struct {
	Conversation, Entry conversation.ID
	// Path is absolute; it need not be UTF-8.
	Path string
	// Size, Sum (SHA3-512, 128 hex digits) and Tree (the root of the tree of sums, 64
	// hex digits) are the announced ones. One of the sums may be missing.
	Size      int64
	Sum, Tree string
	// Source: the user's own original, of a file that was sent from here.
	Source bool
	// Since is when the bytes began to be read (or written) that turned out to be
	// the announced ones; zero in Put is now.
	Since time.Time
	// State is not looked at by Put.
	State State
}

// Store is where a Book remembers. *store.Store is one.
type Store interface {
	PutHeld(store.Held, *store.Tree) error
	Tree(root string) (store.Tree, error)                 // or store.ErrNotFound
	Held(conv, entry conversation.ID) (store.Held, error) // or store.ErrNotFound
	AllHeld() ([]store.Held, error)
	LookedAt(conv, entry conversation.ID, path string, l store.Look) error
	ForgetHeld(conv conversation.ID) error
}

var _ Store = (*store.Store)(nil)

// Config is optional.
type Config struct {
	// Logger is told which files turned out to be changed; nil discards.
	Logger *slog.Logger
}

// Book knows which files are held. It is safe for concurrent use.
type Book struct {
	store    Store
	log      *slog.Logger
	now      func() time.Time
	readings *readings
	progress func(n int64) // of readings; nil but in tests

}

// Open makes a Book of what s remembers. Close it before s.
func Open(s Store, c Config) (*Book, error) {
	if s == nil {
		return nil, errors.New("holdings: a Store is needed")
	}
	return &Book{
		store: s, log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)), now: time.Now, readings: newReadings(),
	}, nil
}

// Close stops reading files and waits until nothing does.
func (b *Book) Close() error {
	b.readings.close()
	return nil
}

// Put remembers that the file of an entry lies at h.Path, in place of where it lay
// before. The caller has just verified its bytes. A file that was touched after
// h.Since, or shortly before, is read again before it is given out. Put fails with
// ErrGone or ErrChanged when no file or one of another size lies there. It
// is short, and not cut shorter by ctx. tree is what h.Tree is the root of; nil if
// it has none, or is remembered already.
func (b *Book) Put(ctx context.Context, h Held, tree *store.Tree) error {
	path, err := filepath.Abs(h.Path)
	if err != nil {
		return err
	}
	_, stamp, err := b.lookAt(context.WithoutCancel(ctx), store.Held{Path: path, Size: h.Size, Tree: h.Tree, Source: h.Source}, tree)
	if err != nil {
		return err
	}
	if stamp.Size != h.Size {
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrChanged, path, stamp.Size, h.Size)
	}
	now := b.now()
	since := cmp.Or(h.Since, now)
	return b.store.PutHeld(store.Held{
		Conversation: h.Conversation, Entry: h.Entry, Path: path, Size: h.Size, Sum: h.Sum, Tree: h.Tree, Source: h.Source,
		Since: since, Look: store.Look{Stamp: stamp, Same: true, Settled: settled(stamp, grainOf(path, stamp), since, now)},
	}, tree)
}

// File gives the file of an entry for being sent: its announced bytes, with their
// sums. No tree is offered where only its root is known.
// When there is doubt they are read first; ctx ends the wait, not the reading.
// Opening the File fails when it was touched meanwhile. Errors wrap ErrNotHeld,
// ErrGone or ErrChanged; others tell why the file cannot be read.
func (b *Book) File(ctx context.Context, conv, entry conversation.ID) (filexfer.File, error) {
	row, err := b.find(conv, entry)
	if err != nil {
		return filexfer.File{}, err
	}
	f, stamp, err := b.lookAt(ctx, row, nil)
	if err != nil {
		return filexfer.File{}, err
	}
	same, err := b.same(ctx, row, f, stamp)
	if err == nil && !same {
		err = fmt.Errorf("%w: %s", ErrChanged, row.Path)
	}
	if err == nil {
		_, err = b.find(conv, entry) // it may have been forgotten while it was read
	}
	if err != nil {
		return filexfer.File{}, err
	}
	f.Sum, f.Root, f.Total = row.Sum, row.Tree, row.Size
	if row.Tree != "" {
		f.Tree = func(context.Context) (filexfer.Tree, error) { return b.tree(row) }
	}
	return f, nil
}

// tree gives the tree of sums of a held file, as it was put.
func (b *Book) tree(row store.Held) (filexfer.Tree, error) {
	root, err := sha3tree.Parse(row.Tree)
	if err != nil {
		return filexfer.Tree{}, err
	}
	stored, err := b.store.Tree(row.Tree)
	if err != nil {
		return filexfer.Tree{}, err
	}
	list := sha3tree.List{Size: row.Size, Sums: stored.Units}
	return filexfer.Tree{Root: root, List: list}, list.Check(root)
}

// same tells whether f has the announced bytes.
func (b *Book) same(ctx context.Context, row store.Held, f filexfer.File, stamp store.Stamp) (bool, error) {
	q := question{entryOf{row.Conversation, row.Entry}, row.Path, stamp}
	switch {
	case stamp.Size != row.Size:
		return false, nil
	case knows(row, q):
		return row.Look.Same, nil
	default:
		return b.readings.ask(ctx, q, func() (bool, error) { return b.compare(q, f) })
	}
}

// find gives the row of an entry.
func (b *Book) find(conv, entry conversation.ID) (store.Held, error) {
	row, err := b.store.Held(conv, entry)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %s", ErrNotHeld, entry)
	}
	return row, err
}

// Get looks at the file of one entry, without reading it. Its error may wrap
// ErrNotHeld; everything else is a State.
func (b *Book) Get(conv, entry conversation.ID) (Held, error) {
	row, err := b.store.Held(conv, entry)
	if errors.Is(err, store.ErrNotFound) {
		return Held{}, fmt.Errorf("%w: %s", ErrNotHeld, entry)
	}
	if err != nil {
		return Held{}, err
	}
	return b.held(row), nil
}

// List looks at every file, without reading any; of a folder at all that is in it.
// The newest come last.
func (b *Book) List(ctx context.Context) ([]Held, error) {
	rows, err := b.store.AllHeld()
	if err != nil {
		return nil, err
	}
	list := make([]Held, 0, len(rows))
	for _, row := range rows {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		list = append(list, b.held(row))
	}
	return list, nil
}

// All is List for who does not ask what became of the files: it looks at none, and
// State is "".
func (b *Book) All() ([]Held, error) {
	rows, err := b.store.AllHeld()
	list := make([]Held, 0, len(rows))
	for _, row := range rows {
		list = append(list, unseen(row))
	}
	return list, err
}

func (b *Book) held(row store.Held) Held {
	h := unseen(row)
	h.State = b.stateOf(row)
	return h
}

func unseen(row store.Held) Held {
	return Held{
		Conversation: row.Conversation, Entry: row.Entry, Path: row.Path, Size: row.Size, Sum: row.Sum, Tree: row.Tree,
		Source: row.Source, Since: row.Since,
	}
}

// Forget forgets where the files of a conversation lie. They stay there.
func (b *Book) Forget(conv conversation.ID) error { return b.store.ForgetHeld(conv) }
