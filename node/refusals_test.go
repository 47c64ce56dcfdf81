package node

import (
	"crypto/rand"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

// TestARefusedRequestDoesNotComeBack by being asked again, not even after a restart. It
// hears no other answer than before, and the user may think better of it.
func TestARefusedRequestDoesNotComeBack(t *testing.T) {
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mallory, phone := key.Account(), newDevice(t)
	stands := func(n *Node, want ContactState, listed int) {
		t.Helper()
		record := directory.Record{Seq: 1, Devices: []directory.Device{{ID: phone, Name: "phone"}}}
		raw, err := n.handleContact(t.Context(), contactRequest(t, key, phone, record))
		if err != nil {
			t.Fatal(err)
		}
		var answer contactAnswer
		if err := json.Unmarshal(raw, &answer); err != nil || answer.State != want || len(n.Contacts()) != listed {
			t.Fatalf("mallory is answered %s (%v), contacts %+v; want %s and %d", raw, err, n.Contacts(), want, listed)
		}
	}
	config := Config{Home: t.TempDir(), Listen: "127.0.0.1:0"}
	n, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	stands(n, Pending, 1)
	if err := n.RemoveContact(t.Context(), mallory); err != nil {
		t.Fatal(err)
	}
	stands(n, Pending, 0)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	again, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	stands(again, Pending, 0)
	if _, found := again.directory.Remembered(mallory); found {
		t.Error("the record of who was refused is kept")
	}
	if _, err := again.AddContact(t.Context(), mallory, "mallory"); err != nil {
		t.Fatal(err)
	}
	stands(again, Accepted, 1)
}

func TestRefusalsAreBounded(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), stateFile))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := openRefusals(s)
	if err != nil {
		t.Fatal(err)
	}
	full := make([]conversation.Account, maxRefused)
	for i := range full {
		full[i] = conversation.Account{1, byte(i), byte(i >> 8)}
	}
	if err := r.put(full); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is once
		if err := r.add(person(t, 1)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openRefusals(s)
	if err != nil || len(again.accounts) != maxRefused || again.has(full[0]) || !again.has(full[1]) || !again.has(person(t, 1)) {
		t.Errorf("%d are remembered, the oldest: %v, the newest: %v; %v", len(again.accounts), again.has(full[0]), again.has(person(t, 1)), err)
	}
	if err := again.remove(full[1]); err != nil || again.has(full[1]) || len(again.accounts) != maxRefused-1 {
		t.Errorf("%d are left, %v", len(again.accounts), err)
	}
	if err := s.PutBlob(refusalsBlob, []byte("short")); err != nil {
		t.Fatal(err)
	}
	if _, err := openRefusals(s); err == nil {
		t.Error("what is no list was taken for one")
	}
}

// TestOnlyARequestIsRefused: who was a contact may ask again once he is removed.
func TestOnlyARequestIsRefused(t *testing.T) {
	b := newBook(t)
	bob := person(t, 1)
	if err := set(b, bob, "bob", Accepted); err != nil {
		t.Fatal(err)
	}
	if err := b.refuse(bob); err != nil || b.refused.has(bob) {
		t.Errorf("a contact was refused: %v", err)
	}
}

// TestWhoIsMetIsRefusedNoMore, so that he may ask again when he is removed as a contact.
func TestWhoIsMetIsRefusedNoMore(t *testing.T) {
	b := newBook(t)
	bob := person(t, 1)
	if err := set(b, bob, "bob", Pending); err != nil {
		t.Fatal(err)
	}
	if err := b.refuse(bob); err != nil || !b.refused.has(bob) {
		t.Fatalf("the request was not refused: %v", err)
	}
	if _, err := b.remove(bob); err != nil {
		t.Fatal(err)
	}
	if _, err := b.meet(bob, "", "bob"); err != nil {
		t.Fatal(err)
	}
	if left, err := openRefusals(b.store); err != nil || b.refused.has(bob) || len(left.accounts) != 0 {
		t.Errorf("still refused: %v, %v", left.accounts, err)
	}
}
