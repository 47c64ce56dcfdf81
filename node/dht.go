package node

import (
	"fmt"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/passeur-p2p/passeur/node/directory"
)

// dhtPrefix makes the DHT our own: its protocol is /passeur/kad/1.0.0.
const (
	dhtPrefix   protocol.ID = "/passeur"
	dhtProtocol             = dhtPrefix + "/kad/1.0.0"
)

const (
	bootstrapFirst = 250 * time.Millisecond
	bootstrapMost  = 30 * time.Second
	// stillThere is how often one who has joined looks whether he knows any node.
	stillThere = time.Second
)

func newDHT(h host.Host, s settings) (*dht.IpfsDHT, error) {
	mode := dht.ModeServer // ModeAuto never serves on a LAN without internet
	if s.DHT == DHTClient {
		mode = dht.ModeClient
	}
	return dht.New(h,
		dht.ProtocolPrefix(dhtPrefix),
		dht.Mode(mode),
		dht.Validator(directory.Validator()),
		dht.BootstrapPeers(s.bootstrap...),
		dht.DisableProviders(),
		dht.Datastore(newDHTRecords(s.Role.records())),
	)
}

// startJoining keeps the routing table from staying empty.
func (n *Node) startJoining() error {
	arrivals, err := n.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted), eventbus.Name("passeur/join"))
	if err != nil {
		return fmt.Errorf("watch for nodes: %w", err)
	}
	came := make(chan struct{}, 1)
	n.goRun(func() {
		defer arrivals.Close()
		n.hearArrivals(arrivals.Out(), came)
	})
	n.goRun(func() { n.join(came) })
	return nil
}

// hearArrivals takes what identify tells at once: a subscriber who does not read for as
// long as a bootstrap node may take to answer has all of identify stand still, and with
// it whoever connects, DHT nodes too.
func (n *Node) hearArrivals(arrivals <-chan any, came chan<- struct{}) {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-arrivals:
		}
		select {
		case came <- struct{}{}:
		default: // one is pending
		}
	}
}

// join connects to the bootstrap nodes at once, and again, ever more slowly,
// whenever no DHT node is known; at once when the machine's addresses change. Those that
// are connected are asked again then, whoever they are. Whenever
// there are some after there were none, it has the directory announce our records to
// them. It ends with the node.
func (n *Node) join(came <-chan struct{}) {
	pause, alone := bootstrapFirst, true
	for {
		switch known := n.dht.RoutingTable().Size(); {
		case known > 0 && alone:
			alone, pause = false, stillThere
			n.log.Info("joined the DHT", "nodes", known)
			n.directory.Announce()
			n.refreshContacts()
			n.company.hurry()
		case known == 0 && !alone:
			alone, pause = true, bootstrapFirst
		}
		if alone {
			n.connectAny(n.settings.bootstrap)
		}
		select {
		case <-n.ctx.Done():
			return
		case <-came: // kad-dht is told of it now too, and may take a moment
			if alone {
				pause = bootstrapFirst
			}
		case <-n.rejoin:
			if alone {
				pause = bootstrapFirst
			}
		case <-time.After(pause):
			if alone {
				pause = min(2*pause, bootstrapMost)
				n.knowConnected()
			}
		}
	}
}

// knowConnected has the DHT look again at nodes that are connected. It forgets one whose
// answer was late once, and comes back to it by itself two minutes later.
func (n *Node) knowConnected() {
	n.hurried.Forgive()
	for _, p := range n.host.Network().Peers() {
		if serves, err := n.host.Peerstore().SupportsProtocols(p, dhtProtocol); err == nil && len(serves) > 0 {
			n.dht.Bootstrap(n.ctx) // never fails
			return
		}
	}
}

// refreshContacts asks the DHT for the records of all contacts, so that the first
// offer to or from one of them need not wait for it, and for our own account's.
func (n *Node) refreshContacts() {
	for _, c := range n.contacts.all() {
		if c.State == Accepted {
			n.goRun(func() { n.directory.Lookup(n.ctx, c.Account) })
		}
	}
	n.goRun(func() { n.directory.Lookup(n.ctx, n.keys.account) })
}

func (n *Node) connectAny(peers []peer.AddrInfo) {
	for _, p := range peers {
		if p.ID == n.host.ID() {
			continue
		}
		clearDialBackoff(n.host, p.ID)
		if err := connectWithin(n.ctx, n.host, p, bootstrapDial); err != nil && n.ctx.Err() == nil {
			n.log.Warn("bootstrap node not reached", "peer", p.ID, "error", err)
		}
	}
}
