package logstore

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
)

// Config of a [Store]. The zero value works.
type Config struct {
	// Self is the account that the logs are kept for. Its own entries are under no
	// quota. Zero: nobody's.
	Self conversation.Account
	// Now is the clock; nil is time.Now. Entries far ahead of it are put off.
	Now func() time.Time
	// Quotas bound what others can fill this disk with.
	Quotas Quotas
	// Books is how many conversations are held in memory, and BookEntries how many
	// entries all of them have, at about 100 bytes each; 0 is 32 and 2 million. One
	// that is needed is held whatever its size; others are loaded again when they
	// are needed.
	Books, BookEntries int
	// Observe is told what was stored, after it was; nil: nobody is. It is called
	// by the goroutine that stored it, holding no lock, and must not block. stateChanged:
	// somebody's status, or what counts of the entries before, is not what it was, or a
	// device was revoked.
	Observe func(conv conversation.ID, added []conversation.ID, stateChanged bool)
	// Logger; nil discards.
	Logger *slog.Logger
}

// What a caller may branch on, besides the errors of package database.
var (
	// ErrUnknownConversation: it is not in the store.
	ErrUnknownConversation = errors.New("unknown conversation")
	// ErrUnknownEntry: it is not in the conversation.
	ErrUnknownEntry = errors.New("unknown entry")
	// ErrAmbiguous: several begin like this.
	ErrAmbiguous = errors.New("ambiguous, give more digits")
	// ErrInvalid: an entry that no honest device makes or passes on.
	ErrInvalid = errors.New("invalid entry")
	// ErrParent: an entry came before one of its parents.
	ErrParent = errors.New("a parent is missing")
	// ErrBatch: more entries or bytes at once than [MaxBatch] and [MaxBatchBytes].
	ErrBatch = errors.New("too much at once")
	// ErrNotAllowed: the rules of the conversation do not allow what was to be
	// written. It wraps the rule's sentence.
	ErrNotAllowed = errors.New("the conversation does not allow it")
)

// applicationID is "PSLG".
const applicationID = 0x50534c47

//go:embed migrations/*.sql
var embedded embed.FS

var migrations = must(fs.Sub(embedded, "migrations"))

func must(f fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the name above is wrong
	}
	return f
}

// readers is the number of connections that read beside the writer.
const readers = 4

// Store is an open file. It is safe for concurrent use. Errors wrap
// ErrUnknownConversation or ErrUnknownEntry where a method is given an id that is not
// stored and does not say otherwise, and database.ErrCorrupt where the file is damaged.
type Store struct {
	cfg     Config
	db      *database.DB
	sql     statements
	parties *parties
	buckets *buckets
	pauses  *pauses

	mu    sync.Mutex // guards what follows, and in each conv what says so
	convs map[conversation.ID]*conv
	clock uint64 // counts uses, for conv.used
}

// Open opens the file at path, creating it if there is none (mode 0600). Errors
// name the file; they wrap database.ErrCorrupt, ErrNewer or ErrForeign where it
// is at fault.
func Open(path string, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Books, cfg.BookEntries = cmp.Or(cfg.Books, 32), cmp.Or(cfg.BookEntries, 2_000_000)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Quotas = cfg.Quotas.withDefaults()
	db, err := database.Open(path, database.Options{ApplicationID: applicationID, Steps: migrations, Readers: readers})
	if err != nil {
		return nil, fmt.Errorf("log %s: %w", path, err)
	}
	s := &Store{cfg: cfg, db: db, parties: newParties(), buckets: newBuckets(cfg.Quotas), pauses: newPauses(), convs: map[conversation.ID]*conv{}}
	if s.sql, err = prepare(db.Writer); err != nil {
		return nil, errors.Join(s.fail("prepare", err), db.Close())
	}
	return s, nil
}

// Close writes everything into the one file and closes it. No method may be
// running or be called afterwards.
func (s *Store) Close() error { return s.fail("close", errors.Join(s.sql.close(), s.db.Close())) }

// fail says which file could not do what.
func (s *Store) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("log %s: %s: %w", s.db.Path(), what, database.Explain(err))
}

func (s *Store) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }
