package node_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/node/pairing"
)

// meet makes two nodes contacts by a code.
func meet(t *testing.T, shows, enters *node.Node, aliasThere, aliasHere string) {
	t.Helper()
	shown, err := shows.ShowContactCode(t.Context(), aliasThere)
	if err != nil {
		t.Fatal(err)
	}
	typed, err := enters.EnterContactCode(t.Context(), shown.Code, aliasHere)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []node.Pairing{paired(t, enters, typed.ID), paired(t, shows, shown.ID)} {
		if p.State != node.PairDone || p.Contact == nil || p.Contact.State != node.Accepted {
			t.Fatalf("the pairing ended as %s: %s (contact %+v)", p.State, p.Reason, p.Contact)
		}
	}
}

func TestContactsMeetByCode(t *testing.T) {
	w := newWorld(t)
	alice, bob, other := w.start("alice", ""), w.start("bob", ""), w.start("alice", "")
	meet(t, alice, bob, "", "")
	nodetest.Contact(t, alice, "bob", node.Accepted)
	nodetest.Contact(t, bob, "alice", node.Accepted)
	send(t, alice, bob, "bob")

	meet(t, bob, other, "", "Bobby") // a second alice
	nodetest.Contact(t, bob, "alice-2", node.Accepted)
	nodetest.Contact(t, other, "Bobby", node.Accepted)
	meet(t, bob, other, "sister", "") // again: who knows each other may rename
	nodetest.Contact(t, bob, "sister", node.Accepted)
	nodetest.Contact(t, other, "Bobby", node.Accepted)
	if list := bob.Contacts(); len(list) != 2 {
		t.Errorf("bob has %+v", list)
	}
}

func TestContactsMeetOnALANWithoutInternet(t *testing.T) {
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTServer})
	bob := nodetest.New(t, node.Config{Name: "bob", DHT: node.DHTServer, Bootstrap: nodetest.Addrs(alice)})
	meet(t, alice, bob, "", "")
	send(t, bob, alice, "alice")
}

func TestCodesThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.start("alice", ""), w.start("bob", "")
	if _, err := alice.ShowContactCode(t.Context(), "no spaces please"); !errors.Is(err, node.ErrBadName) {
		t.Errorf("a bad alias: %v", err)
	}
	for _, text := range []string{"", "acid", "zzzzz-zzzzz-zzzzz-zzzzz", "PASSEUR:1:C:AAAA"} {
		if _, err := alice.EnterContactCode(t.Context(), text, ""); !errors.Is(err, node.ErrBadCode) {
			t.Errorf("%q: %v", text, err)
		}
	}
	shown, err := alice.ShowContactCode(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if shown.State != node.PairWaiting || shown.Code == "" || shown.QR == "" || shown.Expires.IsZero() {
		t.Errorf("shown: %+v", shown)
	}
	if _, err := alice.ShowLinkCode(t.Context(), false); !errors.Is(err, pairing.ErrLive) {
		t.Errorf("a second code at the same time: %v", err)
	}
	if _, err := bob.JoinAccount(t.Context(), shown.Code); !errors.Is(err, pairing.ErrPurpose) {
		t.Errorf("a contact's code used to join: %v", err)
	}
	if p, err := alice.CancelPairing(shown.ID); err != nil || p.State != node.PairCancelled {
		t.Errorf("cancelled: %+v, %v", p, err)
	}
	if p, err := alice.ShowLinkCode(t.Context(), false); err != nil || p.State != node.PairWaiting || p.Code == shown.Code {
		t.Errorf("another one at once: %+v, %v", p, err)
	}
	if _, err := alice.CancelPairing(shown.ID); !errors.Is(err, node.ErrPairingEnded) {
		t.Errorf("cancelled twice: %v", err)
	}
	if _, err := alice.CancelPairing("0123456789abcdef"); !errors.Is(err, node.ErrUnknownPairing) {
		t.Errorf("cancelled what is not there: %v", err)
	}
}

// A code whose secret words are mistyped ends the pairing on both sides.
func TestWrongWordsEndBothSides(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.start("alice", ""), w.start("bob", "")
	shown, err := alice.ShowContactCode(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(shown.Code, "-")
	if words[3] = "zucchini"; strings.HasSuffix(shown.Code, words[3]) {
		words[3] = "aardvark"
	}
	typed, err := bob.EnterContactCode(t.Context(), strings.Join(words, " "), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []node.Pairing{paired(t, bob, typed.ID), paired(t, alice, shown.ID)} {
		if p.State != node.PairFailed || !errors.Is(p.Err, pairing.ErrWrongCode) {
			t.Errorf("ended as %s: %s", p.State, p.Reason)
		}
	}
	if _, err := bob.EnterContactCode(t.Context(), shown.Code, ""); err != nil {
		t.Fatal(err)
	}
	if list := append(alice.Contacts(), bob.Contacts()...); len(list) != 0 {
		t.Errorf("contacts: %+v", list)
	}
}

func TestJoinIsRefusedWhereSomethingWouldBeLost(t *testing.T) {
	alice, bob := nodetest.New(t, node.Config{}), nodetest.New(t, node.Config{})
	if _, err := bob.AddContact(t.Context(), alice.Identity().Account, "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.JoinAccount(t.Context(), "acid-acid-acid-acid-acid"); !errors.Is(err, node.ErrHasState) {
		t.Errorf("a home with contacts joins an account: %v", err)
	}
}

// A phone that is off does not keep a file from the laptop that is on.
func TestFileReachesTheDeviceThatIsOn(t *testing.T) {
	w := newWorld(t)
	bob, laptop := w.start("bob", ""), w.start("laptop", "")
	home := t.TempDir()
	phone := w.link(laptop, "phone", home, false)
	meet(t, laptop, bob, "", "alice")
	nodetest.Contact(t, phone, "bob", node.Accepted) // its sibling tells it
	if err := phone.Close(); err != nil {
		t.Fatal(err)
	}
	disconnect(t, bob, laptop)
	send(t, bob, laptop, "alice")
	phone = w.start("phone", home)
	if err := laptop.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, bob, phone, "alice")
}

func disconnect(t *testing.T, a, b *node.Node) {
	t.Helper()
	if err := a.Host().Network().ClosePeer(b.Identity().Device); err != nil {
		t.Fatal(err)
	}
}
