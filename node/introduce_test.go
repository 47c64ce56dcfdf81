package node

import (
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/signalling"
)

func newDevice(t *testing.T) peer.ID {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// contactRequest makes what device would send as one of the account's.
func contactRequest(t *testing.T, key conversation.AccountKey, device peer.ID, r directory.Record) signalling.Request {
	t.Helper()
	r.Account, r.Issued = key.Account(), time.Now()
	raw, err := directory.SignRecord(key, r)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(contactMessage{Name: "mallory", Record: raw})
	if err != nil {
		t.Fatal(err)
	}
	return signalling.Request{From: device, Account: r.Account, Kind: kindContact, Payload: payload}
}

func TestContactRequestProvesTheAccount(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	phone, laptop, stranger := newDevice(t), newDevice(t), newDevice(t)
	both := directory.Record{Seq: 1, Devices: []directory.Device{{ID: phone, Name: "phone"}, {ID: laptop, Name: "laptop"}}}
	revoked := directory.Record{Seq: 2, Devices: both.Devices[1:], Revoked: []peer.ID{phone}}

	if _, err := n.handleContact(t.Context(), contactRequest(t, key, stranger, both)); err == nil {
		t.Error("a device that the record does not list was heard")
	}
	forged := contactRequest(t, key, laptop, both)
	forged.Account = person(t, 1)
	if _, err := n.handleContact(t.Context(), forged); err == nil {
		t.Error("a record of another account was taken")
	}
	if len(n.Contacts()) != 0 {
		t.Fatalf("contacts: %+v", n.Contacts())
	}
	if _, err := n.handleContact(t.Context(), contactRequest(t, key, laptop, revoked)); err != nil {
		t.Fatal(err)
	}
	if _, err := n.handleContact(t.Context(), contactRequest(t, key, phone, both)); err == nil {
		t.Error("a revoked device was heard, with its record from before the revocation")
	}
	for _, payload := range []string{"", "{", `{"name":""}`, `{"name":"x","record":"AAAA"}`} {
		r := contactRequest(t, key, laptop, revoked)
		r.Payload = []byte(payload)
		if _, err := n.handleContact(t.Context(), r); err == nil {
			t.Errorf("payload %q was taken", payload)
		}
	}
}

func FuzzContactMessage(f *testing.F) {
	n, err := New(f.Context(), Config{Home: f.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	f.Add([]byte(`{"name":"a","record":"UFNBMQ=="}`))
	f.Add([]byte("{\"name\":\"\u202e\",\"record\":null}"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := n.readContactMessage(signalling.Request{Payload: payload}); err == nil {
			t.Errorf("%q proves an account", payload)
		}
	})
}
