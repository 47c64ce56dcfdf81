package scale

import (
	"context"
	"crypto/hpke"
	crand "crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	ds "github.com/ipfs/go-datastore"
	dsq "github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	connman "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/signalling"
)

// deadDial is what a dial to a device that has gone costs: TCP's patience in libp2p. One
// that still has an operating system answers sooner.
const deadDial = 5 * time.Second

// The connection manager's marks, as an ordinary node has them.
const connsLow, connsHigh = 96, 192

// machine is a host on the simulated network. It counts what is sent by the protocols
// that this is about, and a dial takes it the round trips of TCP and TLS.
type machine struct {
	host.Host
	world *world
	conns *connman.BasicConnMgr
	sent  *counts
}

// counts are what a node has sent.
type counts struct{ messages, bytes, dials, vain atomic.Int64 }

func (m *machine) ConnManager() connmgr.ConnManager { return m.conns }

func (m *machine) Connect(ctx context.Context, p peer.AddrInfo) error {
	if m.Network().Connectedness(p.ID) != network.Connected {
		m.sent.dials.Add(1)
		delay, alive := m.world.dial(m.ID(), p.ID)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
		if !alive {
			m.sent.vain.Add(1)
			return fmt.Errorf("dial %s: nobody there", p.ID)
		}
	}
	return m.Host.Connect(ctx, p)
}

func (m *machine) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if noDial, _ := network.GetNoDial(ctx); !noDial {
		if err := m.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
			return nil, err
		}
	}
	s, err := m.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return counted{s, m.sent}, nil
}

func (m *machine) SetStreamHandler(id protocol.ID, f network.StreamHandler) {
	m.Host.SetStreamHandler(id, func(s network.Stream) { f(counted{s, m.sent}) })
}

// counted is a stream on which each write counts as a message.
type counted struct {
	network.Stream
	sent *counts
}

func (s counted) Write(b []byte) (int, error) {
	s.sent.messages.Add(1)
	s.sent.bytes.Add(int64(len(b)))
	return s.Stream.Write(b)
}

// node is a device that is the only one of its account.
type node struct {
	*machine
	serves    bool
	account   conversation.Account
	dht       *dht.IpfsDHT
	records   ds.Batching
	directory *directory.Directory
	signals   *signalling.Service
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
	n := &node{machine: m, serves: serves, records: dssync.MutexWrap(ds.NewMapDatastore())}
	mode := dht.ModeClient
	if serves {
		mode = dht.ModeServer
	}
	var err error
	n.dht, err = dht.New(m, dht.ProtocolPrefix("/passeur"), dht.Mode(mode), dht.Validator(directory.Validator()),
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
		Host: m, Routing: n.dht, Keys: keys{n.directory}, Key: key, Account: n.account, ServeInboxes: serves,
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
