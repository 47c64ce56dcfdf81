package signalling

import (
	"testing"

	dht "github.com/libp2p/go-libp2p-kad-dht"
)

func TestOneServerTwoClients(t *testing.T) {
	dir := newDirectory()
	server := newNode(t, dir, dht.ModeServer).signal(t, nil)
	alice := newNode(t, dir, dht.ModeClient, server).signal(t, nil).listened(t, 1)
	bob := newNode(t, dir, dht.ModeClient, server).signal(t, nil).listened(t, 1)
	bob.Handle("ice", echo)
	got, err := alice.ask(t, bob, "ice", "hello")
	if err != nil || got != "echo hello" {
		t.Fatalf("%q, %v", got, err)
	}
	events := alice.observed()
	if len(events) != 3 || events[0].Phase != Found || events[1].Phase != Sealed || events[2].Phase != Answered ||
		events[1].Servers != 1 || events[1].Live != 1 || events[1].Direct {
		t.Errorf("events %+v", events)
	}
}
