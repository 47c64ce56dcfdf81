package node_test

import (
	"errors"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
)

// sees waits until the node's list has the device as revoked, or as not.
func sees(t *testing.T, n *node.Node, name string, revoked bool) {
	t.Helper()
	eventually(t, n, n.Identity().Name+" to see "+name, func() bool {
		for _, d := range n.Devices() {
			if d.Name == name && d.Revoked == revoked {
				return true
			}
		}
		return false
	})
}

func TestRevokedDeviceIsRefusedByContactsAndOwnDevices(t *testing.T) {
	w := newWorld(t)
	bob, laptop := w.start("bob", ""), w.start("laptop", "")
	nodetest.Befriend(t, laptop, bob)
	phone := w.link(laptop, "phone", t.TempDir(), false)
	send(t, phone, bob, "bob")
	path, _ := randomFile(t, "stolen.txt", 10)
	waiting, err := phone.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, bob, "stolen.txt")

	revoked, err := laptop.RevokeDevice(t.Context(), "phone")
	if err != nil || !revoked.Revoked || revoked.ID != phone.Identity().Device {
		t.Fatalf("%+v, %v", revoked, err)
	}
	sees(t, laptop, "phone", true)
	if end := nodetest.Ended(t, bob, offer.ID); end.Code == node.EndNone {
		t.Errorf("the revoked device's offer ended as %s", end.State)
	}
	nodetest.Ended(t, phone, waiting.ID)
	for _, n := range []*node.Node{bob, laptop} {
		eventually(t, n, n.Identity().Name+" to refuse the phone", func() bool { return node.Refuses(t.Context(), n, phone) })
	}
	assertRefused(t, phone, bob, "bob")
	if _, err := laptop.RevokeDevice(t.Context(), "laptop"); !errors.Is(err, node.ErrThisDevice) {
		t.Errorf("revoke this device: %v", err)
	}
	if _, err := laptop.RevokeDevice(t.Context(), "tablet"); !errors.Is(err, node.ErrUnknownDevice) {
		t.Errorf("revoke a device that is none: %v", err)
	}
	send(t, laptop, bob, "bob") // the other device is as welcome as before
}

// assertRefused: a file that one offers does not even come before the other's user.
func assertRefused(t *testing.T, from, to *node.Node, alias string) {
	t.Helper()
	path, _ := randomFile(t, "more.txt", 10)
	sent, err := from.SendFile(t.Context(), path, alias)
	if err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, from, sent.ID); end.Code != node.EndRefused && end.Code != node.EndUnjoinable {
		t.Errorf("ended as %s: %s", end.State, end.Reason)
	}
	for _, offer := range to.Transfers() {
		if offer.Name == "more.txt" {
			t.Errorf("%s was asked to take %+v", alias, offer)
		}
	}
}

func TestKeepersKnowOfEachOthersDevices(t *testing.T) {
	w := newWorld(t)
	laptop := w.start("laptop", "")
	home := t.TempDir()
	desktop := w.link(laptop, "desktop", home, true)
	assertKeeper(t, home, true)
	w.link(desktop, "phone", t.TempDir(), false)
	for _, name := range []string{"laptop", "desktop", "phone"} {
		sees(t, laptop, name, false)
		sees(t, desktop, name, false)
	}
	if _, err := laptop.RevokeDevice(t.Context(), "phone"); err != nil {
		t.Fatal(err)
	}
	sees(t, laptop, "phone", true)
	sees(t, desktop, "phone", true)
}
