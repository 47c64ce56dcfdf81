package node

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// A contact begins one conversation after the other, each of which has quotas of its
// own: those that are joined unasked are bounded, and the others are by accepts.
func TestOneToOnesAreBounded(t *testing.T) {
	n := start(t, t.TempDir())
	defer n.Close()
	key := newAccountKey(t)
	if _, err := n.contacts.meet(key.Account(), "bob", ""); err != nil {
		t.Fatal(err)
	}
	var begun []conversation.ID
	for range maxPair + 4 {
		e := beginsWith(t, key, n.keys.account)
		if _, err := n.conversations.Ingest(t.Context(), e.ID, []conversation.Raw{e.Raw}, logstore.Source{Account: key.Account(), Last: true}); err != nil {
			t.Fatal(err)
		}
		begun = append(begun, e.ID)
	}
	joined := func() (count int) {
		pair, err := n.pairOf(key.Account())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range pair {
			if s.Me.In() {
				count++
			}
		}
		return count
	}
	within(t, "some to be joined", func() bool { return joined() >= maxPair })
	for _, id := range begun {
		if err := n.joinOneToOne(id); err != nil {
			t.Fatal(err)
		}
	}
	n.meetOneToOne(Contact{Account: key.Account()})
	if now := joined(); now != maxPair {
		t.Errorf("%d of %d are joined", now, len(begun))
	}
	if waiting, err := n.conversations.Unanswered(); err != nil || waiting != len(begun)-maxPair {
		t.Errorf("%d count as others', %v", waiting, err)
	}
	if _, err := n.SendMessage(t.Context(), "bob", "hello"); err != nil { // be the one to write to joined or not
		t.Error(err)
	}
}

// beginsWith is the first entry of a conversation that a new device of key's begins.
func beginsWith(t *testing.T, key conversation.AccountKey, with conversation.Account) *conversation.Entry {
	t.Helper()
	device, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(device)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := key.Certify(id)
	if err != nil {
		t.Fatal(err)
	}
	e, err := conversation.Draft{
		Account: key.Account(), Time: time.Now(), Type: conversation.TypeInitial,
		Content: conversation.InitialContent(conversation.OneToOne, with, ""), Certificate: &cert,
	}.Sign(device)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
