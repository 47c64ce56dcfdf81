package homes

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// forger writes into the logs of a home whose node does not run, what no node would.
type forger struct {
	t    *testing.T
	logs *logstore.Store
	conv conversation.ID
	logstore.Author
}

// forge opens the home of an account's first device.
func forge(t *testing.T, d *device, conv string) *forger {
	t.Helper()
	f := &forger{t: t, conv: parse(t, conv), Author: author(t, d.Home)}
	paths, err := filepath.Glob(filepath.Join(d.Home, "conversations-*.db"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("the logs of %s are at %q, %v", d.name, paths, err)
	}
	if f.logs, err = logstore.Open(paths[0], logstore.Config{Self: f.Account}); err != nil {
		t.Fatal(err)
	}
	return f
}

func parse(t *testing.T, id string) conversation.ID {
	t.Helper()
	parsed, err := conversation.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// author reads the keys of a home.
func author(t *testing.T, home string) logstore.Author {
	t.Helper()
	key, err := crypto.UnmarshalPrivateKey(read(t, home, "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := conversation.AccountKeyFromSeed(read(t, home, "account.key"))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := account.Certify(id)
	if err != nil {
		t.Fatal(err)
	}
	return logstore.Author{Device: key, Account: account.Account(), Certificate: certificate}
}

func read(t *testing.T, home, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(home, file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *forger) close() {
	f.t.Helper()
	if err := f.logs.Close(); err != nil {
		f.t.Error(err)
	}
}

// after writes an entry as if nothing were known but a message and what that follows.
// It gives the entry's id.
func (f *forger) after(m api.Message, at time.Time, mediaType string, content []byte) string {
	f.t.Helper()
	e, err := conversation.Draft{
		Conversation: f.conv, Account: f.Account, Parents: []conversation.ID{parse(f.t, m.ID)}, Time: at,
		Type: mediaType, Content: content,
	}.Sign(f.Device)
	if err != nil {
		f.t.Fatal(err)
	}
	from := logstore.Source{Account: f.Account, Own: true}
	r, err := f.logs.Ingest(f.t.Context(), f.conv, []conversation.Raw{e.Raw}, from)
	if err != nil || len(r.Added) != 1 {
		f.t.Fatalf("the entry is not taken by its author's own log: %+v, %v", r, err)
	}
	return e.ID.String()
}
