package node_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
)

// TestDevicesShareContactsAndConversations: what one device of an account does,
// the other does, too; what was said before the device was linked is there.
func TestDevicesShareContactsAndConversations(t *testing.T) {
	w := newWorld(t)
	laptop, bob, carol := w.start("alice", ""), w.start("bob", ""), w.start("carol", "")
	nodetest.Befriend(t, laptop, bob)
	say(t, laptop, "bob", "from before")
	reads(t, bob, "alice", "alice: from before")
	phone := w.link(laptop, "phone", t.TempDir(), false)
	reads(t, phone, "bob", "you: from before")

	say(t, phone, "bob", "from the phone")
	reads(t, bob, "alice", "alice: from before", "alice: from the phone")
	reads(t, laptop, "bob", "you: from before", "you: from the phone")
	say(t, bob, "alice", "to both")
	for _, n := range []*node.Node{laptop, phone} {
		reads(t, n, "bob", "you: from before", "you: from the phone", "bob: to both")
	}

	meet(t, laptop, carol, "carol", "alice")
	if c := nodetest.Contact(t, phone, "carol", node.Accepted); c.Verified != node.VerifiedByCode {
		t.Errorf("the phone takes carol for %q", c.Verified)
	}
	say(t, carol, "alice", "hello both")
	for _, n := range []*node.Node{laptop, phone} {
		reads(t, n, "carol", "carol: hello both")
	}
	if err := phone.RemoveContact(t.Context(), carol.Identity().Account); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, laptop, "carol to be forgotten", func() bool {
		return !slices.ContainsFunc(laptop.Contacts(), func(c node.Contact) bool { return c.Name == "carol" })
	})
	list, err := phone.Conversations()
	if err != nil || slices.ContainsFunc(list, func(c node.Conversation) bool { return c.Mode == conversation.Own }) {
		t.Errorf("the account's own conversation is shown: %+v, %v", list, err)
	}
}

// TestRevocationIsWrittenIntoConversations: what a revoked device writes after
// that counts nowhere, and what it wrote before stands.
func TestRevocationIsWrittenIntoConversations(t *testing.T) {
	w := newWorld(t)
	laptop, bob := w.start("alice", ""), w.start("bob", "")
	nodetest.Befriend(t, laptop, bob)
	phone := w.link(laptop, "phone", t.TempDir(), false)
	say(t, laptop, "bob", "one")
	reads(t, phone, "bob", "you: one")
	say(t, phone, "bob", "two")
	reads(t, bob, "alice", "alice: one", "alice: two")
	reads(t, laptop, "bob", "you: one", "you: two")
	if _, err := laptop.RevokeDevice(t.Context(), "phone"); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, bob, "the revocation to be in the conversation", func() bool {
		list, err := bob.Messages("alice", node.Page{All: true})
		return err == nil && slices.ContainsFunc(list, func(m node.Message) bool { return m.Action == conversation.Revoke && !m.Void })
	})
	say(t, laptop, "bob", "three")
	reads(t, bob, "alice", "alice: one", "alice: two", "alice: three")
}

// TestTwoDevicesChooseOneName: of two contacts that got the same alias on two
// devices at the same time, the same one keeps it everywhere.
func TestTwoDevicesChooseOneName(t *testing.T) {
	var accounts []conversation.Account
	for range 2 {
		key, err := conversation.NewAccountKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		accounts = append(accounts, key.Account())
	}
	slices.SortFunc(accounts, func(a, b conversation.Account) int { return bytes.Compare(a[:], b[:]) })
	for first := range accounts {
		n := nodetest.New(t, node.Config{Name: "alice"})
		if _, err := n.AddContact(t.Context(), accounts[first], "bob"); err != nil {
			t.Fatal(err)
		}
		if err := node.TellOfContact(n, accounts[1-first], "bob"); err != nil {
			t.Fatal(err)
		}
		names := map[conversation.Account]string{}
		for _, c := range n.Contacts() {
			names[c.Account] = c.Name
		}
		if names[accounts[0]] != "bob" || names[accounts[1]] == "bob" || names[accounts[1]] == "" {
			t.Errorf("the names are %q", names)
		}
	}
}
