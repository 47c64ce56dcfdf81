// Package load throws more at one node than it is made for, and looks whether its
// limits hold: many contacts and transfers at once, offers without end, peers who
// dawdle, floods of streams, requests and connections. The node is the binary in a
// process of its own, so that what is measured is its alone; its contacts are whole
// nodes in the test's process, and whoever means harm speaks to its sockets.
//
// All of it happens in a network namespace where 198.18.0.0/15 (RFC 2544) is local, so
// that everybody can have an address, and the limits for one address count.
//
// The test runs scaled down; LOAD_WHOLE=yes (make load) runs it whole and prints the
// table of docs/operations.md.
package load

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.MainWithPasseur(m.Run)) }

// amounts are how much is thrown.
type amounts struct {
	contacts, transfers int
	size                int64 // of a file
	offers              int   // of one contact; of all strangers
	addresses           int   // that strangers come from
	dawdlers            int   // at each port
	brief               bool  // they leave soon, and not when they are shown the door
	streams             int   // of each protocol
	requests            int   // of strangers, to be contacts
	messages            int   // for inboxes
	conns               int
}

var (
	whole = amounts{
		contacts: 200, transfers: 100, size: 8 << 20, offers: 10_000, addresses: 64, dawdlers: 2000,
		streams: 5000, requests: 300, messages: 10_000, conns: 2000,
	}
	small = amounts{
		contacts: 4, transfers: 4, size: 1 << 20, offers: 64, addresses: 8, dawdlers: 300, brief: true,
		streams: 60, requests: 8, messages: 200, conns: 60,
	}
)

// attack is something that is thrown at the node.
type attack struct {
	name string
	// run throws it and tells what was thrown and what came of it.
	run func(*world) (thrown, outcome string)
}

var attacks = []attack{
	{"transfers at once", (*world).transfersAtOnce},
	{"offers of a contact", (*world).offersOfAContact},
	{"offers of strangers", (*world).offersOfStrangers},
	{"dawdlers at the libp2p port", (*world).dawdleAtTCP},
	{"dawdlers at the ICE port", (*world).dawdleAtICE},
	{"dawdlers at the API's port", (*world).dawdleAtAPI},
	{"streams of every protocol", (*world).streamsOfStrangers},
	{"streams of a contact", (*world).streamsOfAContact},
	{"contact requests", (*world).contactRequests},
	{"messages for inboxes", (*world).messagesForInboxes},
	{"connections", (*world).connections},
}

// TestLoad throws everything, one after the other. After each attack, and during it, an
// honest contact's file must arrive as it was sent, and in the end the node must hold
// no more than before.
func TestLoad(t *testing.T) {
	most := small
	if os.Getenv("LOAD_WHOLE") != "" {
		most = whole
	}
	w := newWorld(t, most)
	before := w.node.calm()
	table := newTable(most, before)
	for _, a := range attacks {
		began := time.Now()
		stop := w.node.watch()
		honest := w.sendBeside()
		thrown, outcome := a.run(w)
		honest()
		if n := w.again.Swap(0); n > 0 {
			outcome += fmt.Sprintf("; %d honest files came only when they were asked for again", n)
		}
		peak := stop()
		table.add(a.name, thrown, outcome, peak, time.Since(began))
		w.node.check(a.name, peak)
		w.transfer(w.contacts[0], most.size/4) // and afterwards
	}
	after := w.node.settled(before)
	table.end(after)
	fmt.Print(table)
}
