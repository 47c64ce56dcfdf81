package scale

import (
	"context"
	"crypto/hpke"
	crand "crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	ds "github.com/ipfs/go-datastore"
	dsq "github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/patience"
	"github.com/passeur-p2p/passeur/node/signalling"
)

// node is a device that is the only one of its account.
type node struct {
	*machine
	serves    bool
	account   conversation.Account
	dht       *dht.IpfsDHT
	records   ds.Batching
	directory *directory.Directory
	signals   *signalling.Service
	born      time.Time
	letters   atomic.Int64 // bytes of others' messages that it has kept

	watching sync.Mutex
	watchers map[peer.ID]func(signalling.Phase) // of requests to these
}

// watch has f told the phases of requests to p; nil: nobody any more.
func (n *node) watch(p peer.ID, f func(signalling.Phase)) {
	n.watching.Lock()
	defer n.watching.Unlock()
	if n.watchers[p] = f; f == nil {
		delete(n.watchers, p)
	}
}

func (n *node) observe(e signalling.Event) {
	n.watching.Lock()
	defer n.watching.Unlock()
	if f := n.watchers[e.Peer]; f != nil {
		f(e.Phase)
	}
}

type keys struct{ *directory.Directory }

func (k keys) SealKey(ctx context.Context, device peer.ID) (hpke.PublicKey, error) {
	key, err := k.Directory.SealKey(ctx, device)
	if errors.Is(err, directory.ErrNoKey) || errors.Is(err, directory.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", signalling.ErrNoKey, err)
	}
	return key, err
}

// start makes a node on a machine, set up as package node does it.
func start(m *machine, key crypto.PrivKey, serves bool, boot []peer.AddrInfo) (*node, error) {
	n := &node{
		machine: m, serves: serves, records: dssync.MutexWrap(ds.NewMapDatastore()),
		born: time.Now(), watchers: map[peer.ID]func(signalling.Phase){},
	}
	mode := dht.ModeClient
	if serves {
		mode = dht.ModeServer
	}
	var err error
	hurried := patience.New(m, "/passeur/kad/1.0.0")
	n.dht, err = dht.New(hurried, dht.ProtocolPrefix("/passeur"), dht.Mode(mode), dht.Validator(directory.Validator()),
		dht.BootstrapPeers(boot...), dht.DisableProviders(), dht.Datastore(n.records))
	if err != nil {
		return nil, err
	}
	if n.directory, err = directory.New(directory.Config{Store: n.dht, Key: key}); err != nil {
		return nil, err
	}
	if err := n.publish(); err != nil {
		return nil, err
	}
	n.signals, err = signalling.New(signalling.Config{
		Host: hurried, Routing: n.dht, Keys: keys{n.directory}, Key: key, Account: n.account, ServeInboxes: serves,
		Observe: n.observe, OnStore: func(_ signalling.Inbox, sealed []byte) { n.letters.Add(int64(len(sealed))) },
	})
	if err != nil {
		return nil, err
	}
	n.signals.Handle("ice", func(_ context.Context, r signalling.Request) ([]byte, error) { return r.Payload, nil })
	return n, nil
}

func (n *node) publish() error {
	key, err := conversation.NewAccountKey(crand.Reader)
	if err != nil {
		return err
	}
	n.account = key.Account()
	record, err := directory.SignRecord(key, directory.Record{
		Seq: 1, Devices: []directory.Device{{ID: n.ID(), Name: "laptop", Added: time.Now()}},
	})
	if err != nil {
		return err
	}
	return n.directory.Publish(record)
}

// join connects to the network, and has the records announced once anybody is known.
func (n *node) join(ctx context.Context, boot []peer.AddrInfo) {
	for _, b := range boot {
		if b.ID != n.ID() {
			n.Connect(ctx, b)
		}
	}
	for n.dht.RoutingTable().Size() == 0 && ctx.Err() == nil {
		pass(250 * time.Millisecond)
	}
	n.directory.Announce()
}

func (n *node) stop() {
	n.signals.Close()
	n.directory.Close()
	n.dht.Close()
	n.Host.Close()
	n.conns.Close()
}

// kept gives how many records a node keeps for others, and their bytes.
func (n *node) kept() (records, bytes int) {
	all, err := n.records.Query(context.Background(), dsq.Query{})
	if err != nil {
		return 0, 0
	}
	for r := range all.Next() {
		records++
		bytes += len(r.Key) + len(r.Value)
	}
	return records, bytes
}

func addrOf(i int) multiaddr.Multiaddr {
	return multiaddr.StringCast(fmt.Sprintf("/ip4/198.18.%d.%d/tcp/4001", i/250, 1+i%250))
}

var _ signalling.Keys = keys{}
