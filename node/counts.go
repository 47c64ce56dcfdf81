package node

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Counts is what a node has done since it started, and how it stands now, for
// operators. It names nobody. A map has no entry for what is 0.
type Counts struct {
	// Transfers are those that run now.
	Transfers map[TransferKind]int
	// Ended are those that have ended, by how; EndNone is well.
	Ended map[TransferEnd]int64
	// Durations are of files that came whole, in or out: from the first byte to the last.
	Durations map[Direction]Histogram
	// Sent and Received are bytes on the streams that carry files.
	Sent, Received int64
	// Served are files that went to devices which had asked for them again.
	Served int64
	// Offers are files that others have offered; Decisions what became of them.
	Offers    int64
	Decisions map[Decision]int64
	// Connections are those that stand, by "tcp" or icetcp.PathKind.
	Connections map[string]int
	// Negotiations are the attempts to connect over ICE that have ended.
	Negotiations map[Negotiation]int64
	// Requests are the steps of this device's own signalling requests.
	Requests map[RequestStep]int64
	// Inbox is how signalling stands; Stored the messages that were kept for others.
	Inbox  signalling.Status
	Stored int64
	// Syncs are attempts to bring the logs level with a device, by whether they did;
	// Entries those that came.
	Syncs   map[bool]int64
	Entries int64
	// DHTNodes are those in the routing table.
	DHTNodes int
	// Conversations are those on this device; Contacts by state, and how many accepted
	// ones have a device connected.
	Conversations  int
	Contacts       map[ContactState]int
	ContactsOnline int
	// Rules is how many there are; Reserve how many bytes of a disk are to stay free.
	Rules   int
	Reserve int64
	// Free are the bytes free on the disks of the home and of the downloads folder; -1
	// where the system does not tell.
	FreeHome, FreeDownloads int64
}

// TransferKind is a direction and a state.
type TransferKind struct {
	Direction Direction
	State     filexfer.State
}

// TransferEnd is how a transfer of a direction ended.
type TransferEnd struct {
	Direction Direction
	Code      EndCode
}

// Decision is what was decided about an offer, and by whom: "person", "rule" or
// "setting" (Config.Accept).
type Decision struct {
	By       string
	Accepted bool
}

// Negotiation is how an attempt to connect over ICE ended: with a path of a kind, or
// "unanswered", or "failed". Offered: this side began it.
type Negotiation struct {
	Offered bool
	Result  string
}

// How a negotiation ends without a path.
const (
	NegotiationUnanswered = "unanswered" // the other side said nothing
	NegotiationFailed     = "failed"     // it did, and no pair connected
)

// ConnectionTCP is a connection that ICE did not make.
const ConnectionTCP = "tcp"

// RequestStep is how far a request of a kind came: "contact", "ice" or "other".
type RequestStep struct {
	Kind string
	Step signalling.Phase
}

// DurationBounds are the upper bounds of a Histogram's buckets, in seconds.
var DurationBounds = [...]float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600}

// Histogram counts durations.
type Histogram struct {
	// Buckets counts those up to each of DurationBounds, not those of the buckets before.
	Buckets [len(DurationBounds)]int64
	Count   int64
	Sum     float64 // seconds
}

func (h Histogram) with(d time.Duration) Histogram {
	h.Count++
	h.Sum += d.Seconds()
	for i, bound := range DurationBounds {
		if d.Seconds() <= bound {
			h.Buckets[i]++
			break
		}
	}
	return h
}

// tally is where the counts of what has happened are kept.
type tally struct {
	sent, received atomic.Int64

	mu sync.Mutex
	is Counts // guarded by mu; only what has happened, nothing of how things stand
}

func newTally() *tally {
	return &tally{is: Counts{
		Ended: map[TransferEnd]int64{}, Durations: map[Direction]Histogram{}, Decisions: map[Decision]int64{},
		Negotiations: map[Negotiation]int64{}, Requests: map[RequestStep]int64{}, Syncs: map[bool]int64{},
	}}
}

func (t *tally) count(f func(*Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.is)
}

// snapshot gives a copy.
func (t *tally) snapshot() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.is
	c.Sent, c.Received = t.sent.Load(), t.received.Load()
	c.Ended, c.Durations, c.Decisions = maps.Clone(c.Ended), maps.Clone(c.Durations), maps.Clone(c.Decisions)
	c.Negotiations, c.Requests, c.Syncs = maps.Clone(c.Negotiations), maps.Clone(c.Requests), maps.Clone(c.Syncs)
	return c
}

// Counts tells what the node has done and how it stands. It asks nobody else, and reads
// little: to be called every few seconds.
func (n *Node) Counts() Counts {
	c := n.tally.snapshot()
	c.Transfers = n.transfers.running()
	c.Connections = n.connectionKinds()
	c.Inbox, c.DHTNodes = n.signals.Status(), n.dht.RoutingTable().Size()
	if list, err := n.conversations.Conversations(); err == nil {
		c.Conversations = len(list)
	}
	c.Contacts = map[ContactState]int{}
	for _, contact := range n.contacts.all() {
		c.Contacts[contact.State]++
		if contact.State == Accepted && n.isOnline(contact) {
			c.ContactsOnline++
		}
	}
	p := n.policy.Load()
	c.Rules, c.Reserve = len(p.rules.Rules()), p.reserve
	c.FreeHome, c.FreeDownloads = freeOrUnknown(n.settings.Home), freeOrUnknown(p.downloads)
	return c
}

func freeOrUnknown(folder string) int64 {
	free, err := freeBelow(folder)
	if err != nil {
		return -1
	}
	return free
}

func (b *transferBook) running() map[TransferKind]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	kinds := map[TransferKind]int{}
	for _, e := range b.list {
		if !e.Ended {
			kinds[TransferKind{e.Direction, e.State}]++
		}
	}
	return kinds
}

func (n *Node) connectionKinds() map[string]int {
	kinds := map[string]int{}
	for _, c := range n.host.Network().Conns() {
		kind := ConnectionTCP
		if p, ours := icetcp.PathOf(c); ours {
			kind = string(p.Kind)
		}
		kinds[kind]++
	}
	return kinds
}

// isOnline tells whether a device of the contact is connected.
func (n *Node) isOnline(c Contact) bool {
	devices, _ := n.rememberedDevices(c.Account)
	for _, d := range devices {
		if n.host.Network().Connectedness(d) == network.Connected {
			return true
		}
	}
	return false
}

// transferChanged counts and records what has become of a transfer. It is called with the
// book's lock held, after the change is stored.
func (n *Node) transferChanged(before Transfer, e *entry) {
	if e.began.IsZero() && e.State == filexfer.Ongoing {
		e.began = time.Now()
	}
	n.recordEnds(before, e)
	if !e.Ended || before.Ended {
		return
	}
	n.tally.count(func(c *Counts) {
		c.Ended[TransferEnd{e.Direction, e.Code}]++
		if e.served {
			c.Served++
		}
		if e.State == filexfer.Finished && !e.began.IsZero() {
			c.Durations[e.Direction] = c.Durations[e.Direction].with(time.Since(e.began))
		}
	})
}

// observeNegotiation counts how attempts to connect over ICE end.
func (n *Node) observeNegotiation(r icetcp.Negotiation) {
	k := Negotiation{Offered: r.Controlling, Result: NegotiationFailed}
	switch {
	case r.Err == nil && r.Path != nil:
		k.Result = string(r.Path.Kind)
	case len(r.Remote) == 0:
		k.Result = NegotiationUnanswered
	}
	n.tally.count(func(c *Counts) { c.Negotiations[k]++ })
}

// countRequest counts the steps of signalling requests.
func (n *Node) countRequest(e signalling.Event) {
	k := RequestStep{e.Kind, e.Phase}
	if e.Kind != kindICE && e.Kind != kindContact {
		k.Kind = "other"
	}
	n.tally.count(func(c *Counts) { c.Requests[k]++ })
}

// countStored counts the messages that this node keeps for others.
func (n *Node) countStored(signalling.Inbox, []byte) {
	n.tally.count(func(c *Counts) { c.Stored++ })
}

// counted is a stream that carries files.
type counted struct {
	network.Stream
	tally *tally
}

func (s counted) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.tally.received.Add(int64(n))
	return n, err
}

func (s counted) Write(p []byte) (int, error) {
	n, err := s.Stream.Write(p)
	s.tally.sent.Add(int64(n))
	return n, err
}
