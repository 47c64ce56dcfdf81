package logstore_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

func TestSmoke(t *testing.T) {
	key, _ := conversation.NewAccountKey(rand.Reader)
	dev, _, _ := crypto.GenerateEd25519Key(rand.Reader)
	id, _ := peer.IDFromPrivateKey(dev)
	cert, _ := key.Certify(id)
	a := logstore.Author{Device: dev, Account: key.Account(), Certificate: cert}
	s, err := logstore.Open(filepath.Join(t.TempDir(), "log.db"), logstore.Config{Self: a.Account})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := s.Create(t.Context(), a, conversation.Group, conversation.Account{}, "name")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := s.Append(t.Context(), sum.ID, a, conversation.TypeText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Messages(sum.ID, logstore.Page{})
	if err != nil || len(list) != 11 {
		t.Fatal(len(list), err)
	}
	if f, err := s.Check(t.Context(), sum.ID); err != nil || len(f) > 0 {
		t.Fatal(f, err)
	}
	s2, err := logstore.Open(filepath.Join(t.TempDir(), "log.db"), logstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var batch []conversation.Raw
	more, err := s.Missing(t.Context(), sum.ID, []conversation.ID{list[10].Entry.ID}, nil, conversation.ID{}, 512, 1<<20, func(r conversation.Raw) error { batch = append(batch, r); return nil })
	if err != nil || more {
		t.Fatal(more, err)
	}
	r, err := s2.Ingest(t.Context(), sum.ID, batch, logstore.Source{Last: true})
	if err != nil || len(r.Added) != 11 {
		t.Fatal(r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s2.Close()
}
