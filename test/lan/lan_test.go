package lan

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// TestFiles lets two people meet over a DHT node and sends files between them,
// well and badly. After each the same two nodes must serve the next.
func TestFiles(t *testing.T) {
	alice, bob := meet(t)
	for _, tc := range []struct {
		name string
		test func(t *testing.T, alice, bob *person)
	}{
		{"source tree", testSourceTree},
		{"one GiB", testGiB},
		{"empty", testEmpty},
		{"refused", testRefused},
		{"cancelled by the sender before the answer", testSenderCancelsOffer},
		{"cancelled by the sender", testSenderCancels},
		{"cancelled by the receiver", testReceiverCancels},
		{"receiver killed", testReceiverKilled},
		{"sender killed", testSenderKilled},
	} {
		ok := t.Run(tc.name, func(t *testing.T) {
			tc.test(t, alice, bob)
			cross(t, alice, bob, randomFile(t, filepath.Join(t.TempDir(), "next"), 1<<20))
		})
		if !ok {
			return // what comes after says nothing
		}
	}
}

// meet makes three hosts and their nodes, and contacts of two of them. Alice and
// Bob know of no address but the DHT node's, and that node dials nobody for them.
func meet(t *testing.T) (alice, bob *person) {
	t.Helper()
	l := lab.New(t)
	dht := newPerson(t, l.Host("dht", "10.1.0.1/24", "fd00:1::1/64"), "dht", "--dht", "server")
	i := slices.IndexFunc(dht.Addrs, func(a string) bool { return strings.HasPrefix(a, "/ip4/10.1.0.1/tcp/") })
	if i < 0 {
		t.Fatalf("the DHT node has addresses %v, not that of its host", dht.Addrs)
	}
	join := []string{"--dht", "client", "--bootstrap", dht.Addrs[i]}
	alice = newPerson(t, l.Host("alice", "10.1.0.2/24", "fd00:1::2/64"), "alice", join...)
	bob = newPerson(t, l.Host("bob", "10.1.0.3/24", "fd00:1::3/64"), "bob", join...)

	alice.run(t, nil, "contact", "add", bob.Account, "--name", "bob")
	awaitContact(t, bob, alice, "pending")
	bob.run(t, nil, "contact", "accept", alice.Account, "--name", "alice")
	awaitContact(t, alice, bob, "accepted")
	awaitContact(t, bob, alice, "accepted")
	return alice, bob
}

func awaitContact(t *testing.T, one, other *person, state string) {
	t.Helper()
	await(t, one.name+" sees "+other.name+" as "+state, func() bool {
		var contacts []struct{ Account, State string }
		one.run(t, &contacts, "contact", "list")
		return len(contacts) == 1 && contacts[0].Account == other.Account && contacts[0].State == state
	})
}

// cross sends a file from one to the other, who accepts it, and checks
// everything: bytes, sum, states, and the way it took.
func cross(t *testing.T, from, to *person, file string) {
	t.Helper()
	target := t.TempDir()
	sending := from.start(t, "send", file, to.name)
	offer := to.awaitOffer(t)
	received := to.start(t, "accept", offer.ID, "-o", target).end(t, 0)
	sent := sending.end(t, 0)

	sum := opensslSum(t, file)
	for who, done := range map[*person]event{from: sent, to: received} {
		if done.Event != "done" || done.State != "finished" || done.SHA3Sum != sum {
			t.Errorf("%s's command ends with %+v, want it finished with sum %s", who.name, done, sum)
		}
		checkPath(t, who, who.transfer(t, done.ID))
	}
	arrived := filepath.Join(target, filepath.Base(file))
	if received.File != arrived {
		t.Errorf("%s has it as %s, want %s", to.name, received.File, arrived)
	}
	sameBytes(t, file, arrived)
	if list := names(t, target); len(list) != 1 {
		t.Errorf("the target holds %v, want one file", list)
	}
}

// checkPath wants the file to have crossed over /ice and TLS 1.3.
func checkPath(t *testing.T, p *person, x transfer) {
	t.Helper()
	d := x.PathDetails
	if x.Path != "direct" || d.Transport != "ice" || d.TLSVersion != "TLS 1.3" || d.TLSGroup != "X25519MLKEM768" {
		t.Errorf("%s's transfer went %s by %s, %s, %s; want it direct by ice, TLS 1.3, X25519MLKEM768", p.name, x.Path, d.Transport, d.TLSVersion, d.TLSGroup)
	}
}

func testSourceTree(t *testing.T, alice, bob *person) {
	cross(t, alice, bob, sourceTar(t, filepath.Join(t.TempDir(), "src.tar")))
}

func testGiB(t *testing.T, alice, bob *person) {
	cross(t, bob, alice, randomFile(t, filepath.Join(t.TempDir(), "gib"), 1<<30))
}

func testEmpty(t *testing.T, alice, bob *person) {
	cross(t, alice, bob, randomFile(t, filepath.Join(t.TempDir(), "empty"), 0))
}

func testRefused(t *testing.T, alice, bob *person) {
	sending := alice.start(t, "send", hugeFile(t), "bob")
	offer := bob.awaitOffer(t)
	bob.run(t, nil, "refuse", offer.ID)
	sent := sending.end(t, 3)
	alice.awaitState(t, sent.ID, "closed-by-peer", "refused")
	bob.awaitState(t, offer.ID, "closed-by-host", "refused")
}

func testSenderCancelsOffer(t *testing.T, alice, bob *person) {
	sending := alice.start(t, "send", hugeFile(t), "bob")
	offer := bob.awaitOffer(t)
	id := sending.until(t, func(e event) bool { return e.ID != "" }).ID
	alice.run(t, nil, "cancel", id)
	sending.end(t, 1)
	alice.awaitState(t, id, "closed-by-host", "cancelled")
	bob.awaitState(t, offer.ID, "closed-by-peer", "cancelled")
}

// ongoing is a transfer from Alice to Bob whose bytes flow.
type ongoing struct {
	sending  *job
	sent     string // Alice's id of it
	received string // Bob's
	target   string // the folder where the file "huge" would appear
}

func begin(t *testing.T, alice, bob *person) ongoing {
	t.Helper()
	o := ongoing{sending: alice.start(t, "send", hugeFile(t), "bob"), target: t.TempDir()}
	o.received = bob.awaitOffer(t).ID
	bob.run(t, nil, "accept", o.received, "-o", o.target, "--no-wait")
	e := o.sending.until(t, func(e event) bool { return e.Event == "progress" && e.Bytes >= 16<<20 })
	o.sent = e.ID
	return o
}

// nothingArrived wants no file under the final name, and after a clean end no
// other either.
func (o ongoing) nothingArrived(t *testing.T, clean bool) {
	t.Helper()
	list := names(t, o.target)
	if slices.Contains(list, "huge") || clean && len(list) > 0 {
		t.Errorf("after the broken transfer the target holds %v", list)
	}
}

func testSenderCancels(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	alice.run(t, nil, "cancel", o.sent)
	o.sending.end(t, 1)
	alice.awaitState(t, o.sent, "closed-by-host", "cancelled")
	bob.awaitState(t, o.received, "closed-by-peer", "cancelled")
	o.nothingArrived(t, true)
}

func testReceiverCancels(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	bob.run(t, nil, "cancel", o.received)
	o.sending.end(t, 1)
	alice.awaitState(t, o.sent, "closed-by-peer", "cancelled")
	bob.awaitState(t, o.received, "closed-by-host", "cancelled")
	o.nothingArrived(t, true)
}

func testReceiverKilled(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	bob.killNode(t)
	o.sending.end(t, 1)
	alice.awaitState(t, o.sent, "closed-by-peer", "lost")
	o.nothingArrived(t, false)
	bob.startNode(t)
	bob.awaitState(t, o.received, "closed-by-host", "interrupted")
	o.nothingArrived(t, false)
}

func testSenderKilled(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	alice.killNode(t)
	o.sending.end(t, 1)
	bob.awaitState(t, o.received, "closed-by-peer", "lost")
	o.nothingArrived(t, true)
	alice.startNode(t)
	alice.awaitState(t, o.sent, "closed-by-host", "interrupted")
}
