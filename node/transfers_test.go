package node

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// newTransferBook opens a book of transfers that keeps so many of those that have ended.
func newTransferBook(t *testing.T, keep int) *transferBook {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), stateFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &transferBook{
		store: s, tell: func(Event) {}, keep: keep, changed: func(Transfer, *entry) {},
		byID: map[string]*entry{}, offers: map[string]string{}, unstored: map[string]*entry{},
	}
}

func (b *transferBook) start(t *testing.T, id string) {
	t.Helper()
	if err := b.begin(&entry{Transfer: Transfer{ID: id, Direction: Incoming, State: filexfer.AwaitingHost}}); err != nil {
		t.Fatal(err)
	}
}

func (b *transferBook) finish(id string) {
	b.change(id, func(e *entry) { e.State = filexfer.Finished })
}

// assertHolds wants these, oldest first, in memory and in the store.
func (b *transferBook) assertHolds(t *testing.T, want string) {
	t.Helper()
	var listed, stored []string
	for _, x := range b.all() {
		if _, found := b.get(x.ID); found {
			listed = append(listed, x.ID)
		}
	}
	rows, err := b.store.Transfers()
	for _, row := range rows {
		stored = append(stored, row.ID)
	}
	if got := strings.Join(listed, " "); got != want || len(b.byID) != len(listed) {
		t.Errorf("in memory: %q of %d, want %q", got, len(b.byID), want)
	}
	if got := strings.Join(stored, " "); err != nil || len(stored) != len(listed) {
		t.Errorf("in the store: %q, %v, want %q", got, err, want)
	}
}

// TestEndedTransfersAreForgottenWhileTheNodeRuns: the oldest, and none that has not ended.
func TestEndedTransfersAreForgottenWhileTheNodeRuns(t *testing.T) {
	b := newTransferBook(t, 3)
	b.start(t, "first")
	for i := range 10 {
		id := fmt.Sprint(i)
		b.start(t, id)
		b.finish(id)
	}
	b.assertHolds(t, "first 6 7 8 9")
	b.finish("first")
	b.assertHolds(t, "first 6 7 8 9") // until another one begins
	b.start(t, "last")
	b.assertHolds(t, "7 8 9 last")
}
