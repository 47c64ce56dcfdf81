package lan

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestFiles lets two people meet over a DHT node and sends files between them,
// well and badly. After each the same two nodes must serve the next.
func TestFiles(t *testing.T) {
	t.Parallel()
	alice, bob := meet(t)
	for _, tc := range []struct {
		name string
		test func(t *testing.T, alice, bob *person)
	}{
		{"source tree", testSourceTree},
		{"one GiB", testLarge},
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
			cross(t, alice, bob, people.File(t, 1<<20))
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
	dht := newPerson(t, l.Host("dht", "10.1.0.1/24", "fd00:1::1/64"), people.Config{Name: "dht", Server: true})
	join := dht.AddrsAt("10.1.0.1")
	alice = newPerson(t, l.Host("alice", "10.1.0.2/24", "fd00:1::2/64"), people.Config{Name: "alice", Bootstrap: join})
	bob = newPerson(t, l.Host("bob", "10.1.0.3/24", "fd00:1::3/64"), people.Config{Name: "bob", Bootstrap: join})
	people.Befriend(t, alice.Person, bob.Person)
	return alice, bob
}

// cross sends a file from one to the other, who accepts it, and checks everything:
// bytes, sum, states, and the way it took, which is to be that of /ice and TLS 1.3.
func cross(t *testing.T, from, to *person, file string) {
	t.Helper()
	sent, received := carry(t, from, to, file)
	checkPath(t, from, from.transfer(t, sent.ID))
	checkPath(t, to, to.transfer(t, received.ID))
}

// carry is cross by whatever way.
func carry(t *testing.T, from, to *person, file string) (sent, received event) {
	t.Helper()
	target := t.TempDir()
	sending := from.start(t, "send", file, to.name)
	offer := to.awaitOffer(t)
	received = to.start(t, "accept", offer.ID, "-o", target).end(t, 0)
	sent = sending.end(t, 0)

	sum := opensslSum(t, file)
	for who, done := range map[*person]event{from: sent, to: received} {
		follows := done.Bytes > 16<<20 && done.SHA3Sum == "" // its author tells it later
		if done.Event != "done" || done.State != "finished" || done.SHA3Sum != sum && !follows {
			t.Errorf("%s's command ends with %+v, want it finished with sum %s", who.name, done, sum)
		}
	}
	arrived := filepath.Join(target, filepath.Base(file))
	if received.File != arrived {
		t.Errorf("%s has it as %s, want %s", to.name, received.File, arrived)
	}
	sameBytes(t, file, arrived)
	if list := names(t, target); len(list) != 1 {
		t.Errorf("the target holds %v, want one file", list)
	}
	return sent, received
}

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

func testLarge(t *testing.T, alice, bob *person) {
	cross(t, bob, alice, people.File(t, 1<<30))
}

func testEmpty(t *testing.T, alice, bob *person) {
	cross(t, alice, bob, people.File(t, 0))
}

func testRefused(t *testing.T, alice, bob *person) {
	sending := alice.start(t, "send", hugeFile(t), "bob")
	offer := bob.awaitOffer(t)
	bob.Run("refuse", offer.ID)
	sent := sending.end(t, 3)
	alice.awaitState(t, sent.ID, "closed-by-peer", "refused")
	bob.awaitState(t, offer.ID, "closed-by-host", "refused")
}

func testSenderCancelsOffer(t *testing.T, alice, bob *person) {
	sending := alice.start(t, "send", hugeFile(t), "bob")
	offer := bob.awaitOffer(t)
	id := sending.until(t, func(e event) bool { return e.ID != "" }).ID
	alice.Run("cancel", id)
	sending.end(t, 1)
	alice.awaitState(t, id, "closed-by-host", "cancelled")
	bob.awaitState(t, offer.ID, "closed-by-peer", "cancelled")
}

// ongoing is a transfer from Alice to Bob whose bytes flow, slowly until the test ends
// or Alice's cable is made fast.
type ongoing struct {
	source   string
	sending  *job
	sent     string // Alice's id of it
	received string // Bob's
	target   string // the folder where the file "huge" would appear
}

func begin(t *testing.T, alice, bob *person) ongoing {
	t.Helper()
	alice.cable().Slow(slowCable)
	t.Cleanup(alice.cable().Fast)
	o := ongoing{source: hugeFile(t), target: t.TempDir()}
	o.sending = alice.start(t, "send", o.source, "bob")
	o.received = bob.awaitOffer(t).ID
	bob.Run("accept", o.received, "-o", o.target, "--no-wait")
	e := o.sending.until(t, func(e event) bool { return e.Event == "progress" && e.Bytes >= 1<<20 })
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
	alice.Run("cancel", o.sent)
	alice.cable().Fast()
	o.sending.end(t, 1)
	alice.awaitState(t, o.sent, "closed-by-host", "cancelled")
	bob.awaitState(t, o.received, "closed-by-peer", "cancelled")
	o.nothingArrived(t, true)
}

func testReceiverCancels(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	bob.Run("cancel", o.received)
	alice.cable().Fast()
	o.sending.end(t, 1)
	alice.awaitState(t, o.sent, "closed-by-peer", "cancelled")
	bob.awaitState(t, o.received, "closed-by-host", "cancelled")
	o.nothingArrived(t, true)
}

// testReceiverKilled: who has accepted a file gets it, even if his node dies meanwhile.
func testReceiverKilled(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	bob.Kill()
	o.sending.end(t, 1)
	alice.awaitState(t, o.sent, "closed-by-peer", "lost")
	o.nothingArrived(t, false)
	alice.cable().Fast()
	bob.Start()
	bob.Ready()
	o.comesAfterAll(t, bob)
}

// testSenderKilled: and even if the sender's does.
func testSenderKilled(t *testing.T, alice, bob *person) {
	o := begin(t, alice, bob)
	alice.Kill()
	o.sending.end(t, 1)
	lab.Eventually(t, "bob's node wants the rest", func() bool { return bob.transfer(t, o.received).State == "created" })
	o.nothingArrived(t, false)
	alice.cable().Fast()
	alice.Start()
	alice.Ready()
	alice.awaitState(t, o.sent, "closed-by-host", "interrupted")
	o.comesAfterAll(t, bob)
}

// comesAfterAll waits for the whole file, and wants nothing else of it to be left.
func (o ongoing) comesAfterAll(t *testing.T, bob *person) {
	t.Helper()
	bob.awaitState(t, o.received, "finished", "")
	sameBytes(t, o.source, filepath.Join(o.target, "huge"))
	if list := names(t, o.target); len(list) != 1 {
		t.Errorf("the target holds %v, want one file", list)
	}
}
