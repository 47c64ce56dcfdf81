package node_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
)

// patience is how long anything may take on a busy machine.
const patience = 3 * time.Minute

// eventually looks at done again and again: after every event of the node, and from
// time to time.
func eventually(t *testing.T, n *node.Node, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := n.Watch(ctx)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-events:
		case <-tick.C:
		}
		if ctx.Err() != nil {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// paired waits until a pairing has ended.
func paired(t *testing.T, n *node.Node, id string) (found node.Pairing) {
	t.Helper()
	eventually(t, n, "pairing "+id+" to end", func() bool {
		for _, p := range n.Pairings() {
			if p.ID == id {
				found = p
			}
		}
		return found.State.Ended()
	})
	return found
}

// world is a DHT server that the other nodes join.
type world struct {
	t    *testing.T
	boot []string
}

func newWorld(t *testing.T) world {
	server := nodetest.New(t, node.Config{Name: "dht", DHT: node.DHTServer})
	return world{t, nodetest.Addrs(server)}
}

// start runs a node on a home; "" is a fresh one.
func (w world) start(name, home string) *node.Node {
	w.t.Helper()
	return nodetest.New(w.t, node.Config{Name: name, Home: home, DHT: node.DHTClient, Bootstrap: w.boot})
}

// link makes a device on home one of keeper's account, and starts it anew.
func (w world) link(keeper *node.Node, name, home string, asKeeper bool) *node.Node {
	w.t.Helper()
	device := w.start(name, home)
	shown, err := keeper.ShowLinkCode(w.t.Context(), asKeeper)
	if err != nil {
		w.t.Fatal(err)
	}
	typed, err := device.JoinAccount(w.t.Context(), shown.Code)
	if err != nil {
		w.t.Fatal(err)
	}
	there, here := paired(w.t, device, typed.ID), paired(w.t, keeper, shown.ID)
	if there.State != node.PairDone || here.State != node.PairDone {
		w.t.Fatalf("the device's pairing: %s %s; the keeper's: %s %s", there.State, there.Reason, here.State, here.Reason)
	}
	if there.Verifier == "" || there.Verifier != here.Verifier {
		w.t.Errorf("verifiers: %q here, %q there", here.Verifier, there.Verifier)
	}
	if here.Device == nil || here.Device.ID != device.Identity().Device || here.Device.Name != name || here.Device.Keeper != asKeeper {
		w.t.Errorf("the keeper linked %+v", here.Device)
	}
	if err := device.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.start("", home)
}

func TestDeviceJoinsByCode(t *testing.T) {
	w := newWorld(t)
	bob, laptop := w.start("bob", ""), w.start("laptop", "")
	nodetest.Befriend(t, laptop, bob)
	home := t.TempDir()
	phone := w.link(laptop, "phone", home, false)

	if phone.Identity().Account != laptop.Identity().Account || phone.Identity().Name != "phone" {
		t.Errorf("the phone is %+v", phone.Identity())
	}
	if c := phone.Contacts(); len(c) != 1 || c[0].Name != "bob" || c[0].State != node.Accepted {
		t.Errorf("the phone's contacts: %+v", c)
	}
	assertLeft(t, home)
	assertKeeper(t, home, false)
	for _, n := range []*node.Node{laptop, phone} {
		list := n.Devices()
		if len(list) != 2 || !list[0].Self || list[0].ID != n.Identity().Device {
			t.Fatalf("devices: %+v", list)
		}
		for _, d := range list {
			if d.Revoked || d.Keeper != (d.Name == "laptop") {
				t.Errorf("%s sees %+v", n.Identity().Name, d)
			}
		}
	}
	if _, err := phone.ShowLinkCode(t.Context(), false); !errors.Is(err, node.ErrNotKeeper) {
		t.Errorf("the phone shows a code: %v", err)
	}
	if _, err := phone.JoinAccount(t.Context(), "acid-acid-acid-acid-acid"); !errors.Is(err, node.ErrHasState) {
		t.Errorf("a device that has an account joins one: %v", err)
	}
	send(t, phone, bob, "bob") // bob takes a device of alice's that he has not met
}

// assertKeeper looks whether the account key lies in the home.
func assertKeeper(t *testing.T, home string, want bool) {
	t.Helper()
	_, err := os.Stat(filepath.Join(home, "account.key"))
	if has := err == nil; has != want {
		t.Errorf("the account key is in the home: %v", has)
	}
}

// assertLeft: nothing of the hand-over lies about.
func assertLeft(t *testing.T, home string) {
	t.Helper()
	for _, pattern := range []string{"handover", ".*"} {
		if left, err := filepath.Glob(filepath.Join(home, pattern)); err != nil || len(left) != 0 {
			t.Errorf("left in the home: %v (%v)", left, err)
		}
	}
}

// send has a file offered by one node to another, and accepted. On a machine that is
// very busy the link may take longer than a user would wait: then it is tried again.
func send(t *testing.T, from, to *node.Node, alias string) {
	t.Helper()
	path, _ := randomFile(t, from.Identity().Name+"-"+rand.Text()+".txt", 100)
	for range 4 {
		sent, err := from.SendFile(t.Context(), path, alias)
		if err != nil {
			t.Fatal(err)
		}
		var offer node.Transfer
		eventually(t, to, "an offer of "+path, func() bool {
			for _, o := range to.Inbox() {
				if o.Name == filepath.Base(path) {
					offer = o
				}
			}
			sent, _ = from.Transfer(sent.ID)
			return offer.ID != "" || sent.State.Final()
		})
		if offer.ID == "" && sent.Code == node.EndUnjoinable {
			t.Logf("once more: %s", sent.Reason)
			continue
		}
		if _, err := to.Accept(t.Context(), offer.ID, t.TempDir()); err != nil {
			t.Fatalf("%v; the sender's end: %s %s", err, sent.State, sent.Reason)
		}
		if end := nodetest.Ended(t, from, sent.ID); end.Code != node.EndNone {
			t.Fatalf("%s ended as %s: %s", path, end.State, end.Reason)
		}
		return
	}
	t.Fatalf("%s never reached %s", from.Identity().Name, alias)
}
