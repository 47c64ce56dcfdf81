package history

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// storeLog is a Log on the real store.
type storeLog struct{ store *logstore.Store }

var _ Log = storeLog{}

// here makes a conversation that is not in the store an empty one.
func here[T any](v T, err error) (T, error) {
	if errors.Is(err, logstore.ErrUnknownConversation) {
		err = nil
	}
	return v, err
}

func (l storeLog) Heads(conv conversation.ID) ([]conversation.ID, error) {
	return here(l.store.Heads(conv))
}

func (l storeLog) Known(conv conversation.ID, ids []conversation.ID) ([]conversation.ID, error) {
	return here(l.store.Known(conv, ids))
}

func (l storeLog) Locator(conv conversation.ID) ([]conversation.ID, error) {
	return here(l.store.Locator(conv))
}

func (l storeLog) Common(device peer.ID, conv conversation.ID) ([]conversation.ID, error) {
	return here(l.store.Common(device, conv))
}

func (l storeLog) SetCommon(device peer.ID, conv conversation.ID, heads []conversation.ID) error {
	return l.store.SetCommon(device, conv, heads)
}

func (l storeLog) Missing(ctx context.Context, conv conversation.ID, want, have []conversation.ID, after conversation.ID,
	maxEntries, maxBytes int, send func(conversation.Raw) error) (bool, error) {
	return here(l.store.Missing(ctx, conv, want, have, after, maxEntries, maxBytes, send))
}

func (l storeLog) Raws(ctx context.Context, conv conversation.ID, ids []conversation.ID, send func(conversation.Raw) error) error {
	_, err := here(0, l.store.Raws(ctx, conv, ids, send))
	return err
}

func (l storeLog) Lacking(conv, after conversation.ID, n int) ([]conversation.ID, error) {
	return here(l.store.Lacking(conv, after, n))
}

func (l storeLog) Ingest(ctx context.Context, conv conversation.ID, batch []conversation.Raw, from Source, last bool) (Ingested, error) {
	r, err := l.store.Ingest(ctx, conv, batch, logstore.Source{Account: from.Account, Own: from.Own, Last: last})
	switch {
	case errors.Is(err, logstore.ErrInvalid):
		err = fmt.Errorf("%w: %w", ErrInvalid, err)
	case errors.Is(err, logstore.ErrParent):
		err = fmt.Errorf("%w: %w", ErrParent, err)
	}
	return Ingested{Added: len(r.Added), Deferred: r.Deferred, Paused: r.Paused, Left: r.Void > 0}, err
}

// stored adds a device whose log is on disk.
func (w *world) stored(name string, p *person, change func(*Config)) (*device, *logstore.Store) {
	w.t.Helper()
	d := w.bare(name, p)
	store := openStore(w.t, filepath.Join(w.t.TempDir(), name+".db"), logstore.Config{
		Self: p.account.Account(),
		Observe: func(conv conversation.ID, added []conversation.ID, _ bool) {
			if d.service != nil {
				d.service.Changed(conv, added)
			}
		},
	})
	d.cfg = Config{
		Log:      storeLog{store},
		SourceOf: w.sourceFor(p),
		Shared: func(other peer.ID) []conversation.ID {
			var shared []conversation.ID
			all, _ := store.Conversations()
			for _, s := range all {
				if w.mayRead(store, s.ID, other) {
					shared = append(shared, s.ID)
				}
			}
			return shared
		},
		Reads:    func(other peer.ID, conv conversation.ID) bool { return w.mayRead(store, conv, other) },
		Accepts:  func(peer.ID, conversation.ID) bool { return true },
		Observe:  d.events.observe,
		OnRecord: d.onRecord,
	}
	w.stores = append(w.stores, store)
	if change != nil {
		change(&d.cfg)
	}
	s, err := New(d, d.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	d.service = s
	return d, store
}

func openStore(t testing.TB, path string, cfg logstore.Config) *logstore.Store {
	t.Helper()
	store, err := logstore.Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (w *world) mayRead(store *logstore.Store, conv conversation.ID, device peer.ID) bool {
	for _, d := range w.devices {
		if d.id == device {
			may, err := store.MayRead(conv, d.person.account.Account(), device)
			return err == nil && may
		}
	}
	return false
}

func (d *device) author() logstore.Author {
	return logstore.Author{Device: d.key, Account: d.person.account.Account(), Certificate: d.cert}
}

// found makes a group on a device and invites others into it.
func (d *device) found(t testing.TB, store *logstore.Store, others ...*person) conversation.ID {
	t.Helper()
	s, err := store.Create(t.Context(), d.author(), conversation.Group, conversation.Account{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range others {
		d.append(t, store, s.ID, conversation.TypeMember, conversation.MemberContent(conversation.Invite, p.account.Account()))
	}
	return s.ID
}

func (d *device) append(t testing.TB, store *logstore.Store, conv conversation.ID, mediaType string, content []byte) *conversation.Entry {
	t.Helper()
	e, err := store.Append(t.Context(), conv, d.author(), mediaType, content)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wantEqual fails unless the stores have the same live heads.
func wantEqual(t testing.TB, conv conversation.ID, stores ...*logstore.Store) {
	t.Helper()
	want, err := stores[0].Heads(conv)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range stores[1:] {
		got, err := s.Heads(conv)
		if err != nil || digestOf(got) != digestOf(want) {
			t.Errorf("store %d has %d heads (%v), the first has %d", i+1, len(got), err, len(want))
		}
	}
}

// Two persons on the real store: invite, join, talk, ban; the banned hears NO
// with the entry that says it, and gets nothing any more.
func TestRealStore(t *testing.T) {
	w := newWorld(t)
	ann, ben := newPerson(t, "ann"), newPerson(t, "ben")
	alice, ours := w.stored("alice", ann, nil)
	bob, theirs := w.stored("bob", ben, nil)
	alice.cfg.Proof = nil
	w.connect(alice, bob)
	conv := alice.found(t, ours, ben)
	bob.sync(t, alice)
	wantEqual(t, conv, ours, theirs)
	bob.append(t, theirs, conv, conversation.TypeMember, conversation.MemberContent(conversation.Join, conversation.Account{}))
	for i := range 20 {
		alice.append(t, ours, conv, conversation.TypeText, fmt.Append(nil, "alice ", i))
		bob.append(t, theirs, conv, conversation.TypeText, fmt.Append(nil, "bob ", i))
	}
	bob.sync(t, alice)
	alice.sync(t, bob)
	wantEqual(t, conv, ours, theirs)

	alice.append(t, ours, conv, conversation.TypeMember, conversation.MemberContent(conversation.Ban, ben.account.Account()))
	bob.events.await(t, Refused)
	alice.append(t, ours, conv, conversation.TypeText, []byte("among us"))
	bob.append(t, theirs, conv, conversation.TypeText, []byte("still here?"))
	bob.sync(t, alice)
	alice.sync(t, bob)
	summary, err := theirs.Summary(conv)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := ours.Messages(conv, logstore.Page{}); err != nil || summary.Entries == len(page) {
		t.Errorf("bob has %d entries, alice shows %d, %v", summary.Entries, len(page), err)
	}
}
