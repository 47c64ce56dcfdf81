package logstore_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Files of every schema there ever was stay readable.
func TestUpgradeFromEarlierSchemas(t *testing.T) {
	dumps, err := filepath.Glob("testdata/schema-*.sql")
	if err != nil || len(dumps) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	for _, dump := range dumps {
		script, err := os.ReadFile(dump)
		check(t, err)
		path := newPath(t)
		vandalise(t, path, string(script))
		a := newPerson(t, 1, 2).openAt(t, path, logstore.Config{})
		all, err := a.Conversations()
		if err != nil || len(all) != 1 || all[0].Name != "schema 1" || all[0].Entries != 8 || all[0].Me != membership.Owner {
			t.Fatalf("%s: %+v, %v", dump, all, err)
		}
		want := []string{"initial", "invite", "join", "hello", "(deleted)", "revoke"}
		if got := texts(t, a, all[0].ID, logstore.Page{}); !slices.Equal(got, want) {
			t.Errorf("%s: %q", dump, got)
		}
		sound(t, a.Store, all[0].ID)
		check(t, a.Rebuild(t.Context(), all[0].ID), a.Close())
	}
}
