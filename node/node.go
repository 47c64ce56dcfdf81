package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/internal/holdings"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/node/patience"
	"github.com/passeur-p2p/passeur/node/portmap"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/history"
	"github.com/passeur-p2p/passeur/protocols/link"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// Node is a running node. Its methods may be called from any goroutine.
//
// Where they are given a name, an id or the beginning of one, their errors wrap
//
//	a contact       ErrUnknownContact; ErrNotAccepted where both must have agreed
//	a conversation  ErrUnknownConversation (ErrUnknownContact where a file is
//	                sent) or ErrAmbiguous; ErrNotAllowed where its rules are
//	                against it
//	an entry        ErrUnknownEntry or ErrAmbiguous; ErrNotAFile where it must be one
//	a transfer      ErrUnknownTransfer; ErrNotWaiting or ErrNotRunning where it is
//	                too late
//	a device        ErrUnknownDevice or ErrAmbiguous
//	a pairing       ErrUnknownPairing; ErrPairingEnded
//
// Other errors are said with the method. A context bounds the call, not what it began.
type Node struct {
	settings settings
	keys     keys
	log      *slog.Logger

	store     *store.Store
	host      host.Host
	hurried   *patience.Host // host, for those who have many others to ask
	dht       *dht.IpfsDHT
	directory *directory.Directory
	signals   *signalling.Service
	ice       *icetcp.Transport
	relay     *turnrelay.Relay // nil without TURN servers
	mapper    *portmap.Mapper  // nil unless asked for
	lan       *lan
	rejoin    chan struct{} // holds one: the machine's addresses have changed
	files     *filexfer.Service
	held      *holdings.Book
	again     *rerequest.Service
	limits    limits
	policy    atomic.Pointer[policy]
	auditor   atomic.Pointer[slog.Logger] // nil: there is no audit log
	tally     *tally
	deciding  sync.Mutex       // one offer at a time is held against the rules' quotas
	promised  map[string]int64 // guarded by deciding: bytes of missed files that a rule takes just now

	conversations *logstore.Store
	own           conversation.ID // the account's own conversation; zero: not known yet
	history       *history.Service
	commits       *commits
	fellows       fellows
	claims        claims
	notes         contactNotes
	company       *company
	more          *moreLinks

	hub           *hub
	contacts      *contactBook
	transfers     *transferBook
	introductions introductions
	devices       *deviceBook
	pairings      *pairingBook
	codes         *pairing.Service
	oneShots      *oneShots
	pulls         *pulls
	sumsDue       chan struct{}  // a file may lack its SHA3-512
	joined        *link.Handover // what this start takes in; nil unless the device has just joined

	mountMu sync.Mutex
	mounted []Protocol

	// ctx is the node's lifetime: what runs in the background ends with it.
	ctx     context.Context
	cancel  context.CancelFunc
	goMu    sync.Mutex // orders goRun and the end of ctx
	running sync.WaitGroup
	closers []closer // in the order of starting
	once    sync.Once
	closing error
}

// closer takes down one part of the node.
type closer struct {
	part  string
	close func() error
}

// New starts a node on the home. ctx bounds the start only. The node is then on
// its own: it joins the DHT and publishes its records in the background, however
// long that takes. It fails with ErrLocked while another node runs on the home, and
// as Config.Check does.
func New(ctx context.Context, c Config) (*Node, error) {
	s, err := c.check()
	if err != nil {
		return nil, err
	}
	n := prepare(s)
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// prepare makes a node of which nothing runs yet.
func prepare(s settings) *Node {
	n := &Node{settings: s, log: s.logger("node"), hub: newHub(), tally: newTally(), promised: map[string]int64{}, rejoin: make(chan struct{}, 1), sumsDue: make(chan struct{}, 1)}
	n.policy.Store(s.policy())
	n.auditor.Store(s.Audit)
	n.pairings, n.oneShots = newPairingBook(n.pairingsTold()), newOneShots()
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// start brings up the parts, each on top of those before it.
func (n *Node) start(ctx context.Context) (err error) {
	if n.keys, err = loadKeys(n.settings.Home, n.settings.Name); err != nil {
		return err
	}
	release, err := lockHome(n.settings.Home)
	if err != nil {
		return err
	}
	n.onClose("home", func() error { release(); return nil })
	if err := n.takeKeys(); err != nil {
		return err
	}
	if err := n.openState(); err != nil {
		return err
	}
	if err := n.openConversations(); err != nil {
		return fmt.Errorf("open the conversations: %w", err)
	}
	if err := n.openFiles(); err != nil {
		return fmt.Errorf("open the files: %w", err)
	}
	began, err := interfaceAddrs()
	if err != nil {
		return fmt.Errorf("list the machine's addresses: %w", err)
	}
	if n.host, err = newHost(n.settings, n.keys); err != nil {
		return fmt.Errorf("start the libp2p host: %w", err)
	}
	n.onClose("host", n.host.Close)
	if err := n.makeHistory(); err != nil {
		return err
	}
	n.hurried = patience.New(n.host, dhtProtocol)
	if n.dht, err = newDHT(n.hurried, n.settings); err != nil {
		return fmt.Errorf("start the DHT: %w", err)
	}
	n.onClose("dht", n.dht.Close)
	if err := n.startDirectory(); err != nil {
		return fmt.Errorf("start the directory: %w", err)
	}
	if err := n.startSignalling(); err != nil {
		return fmt.Errorf("start signalling: %w", err)
	}
	if err := n.startPairings(); err != nil {
		return fmt.Errorf("start pairing: %w", err)
	}
	if err := n.startICE(); err != nil {
		return fmt.Errorf("start the ICE transport: %w", err)
	}
	if err := n.startFiles(); err != nil {
		return err
	}
	n.Mount(n.history)
	n.onClose("protocols", n.unmount)
	if n.settings.MDNS {
		n.lan = startLAN(n.host, n.logger("mdns"))
		n.onClose("mdns", n.lan.Close)
	}
	if err := n.finishJoining(); err != nil {
		return err
	}
	if err := n.startTalking(); err != nil {
		return err
	}
	if err := n.startDevices(); err != nil {
		return err
	}
	if err := n.startJoining(); err != nil {
		return err
	}
	if err := n.startRoaming(began); err != nil {
		return err
	}
	n.introduceAll()
	n.startHolding()
	n.askAgain()
	n.startSums()
	return ctx.Err()
}

func (n *Node) openState() (err error) {
	if n.store, err = store.Open(filepath.Join(n.settings.Home, stateFile)); err != nil {
		return err
	}
	n.onClose("state", n.store.Close)
	if err := n.takeContacts(); err != nil {
		return err
	}
	if n.devices, err = openDevices(n.store); err != nil {
		return err
	}
	if n.contacts, err = openContacts(n.store); err != nil {
		return err
	}
	n.contacts.changed, n.devices.learnt = n.recordContact, n.recordNote
	n.recordPolicy(n.policy.Load(), "start")
	return nil
}

// Close stops the node: transfers under way end as closed by this host, and
// when it returns no goroutine and no socket of the node is left. Further calls
// return what the first returned.
func (n *Node) Close() error {
	n.once.Do(func() {
		n.goMu.Lock()
		n.cancel()
		n.goMu.Unlock()
		n.running.Wait()
		n.introductions.running.Wait()
		for i := len(n.closers) - 1; i >= 0; i-- {
			if err := n.closers[i].close(); err != nil {
				n.closing = errors.Join(n.closing, fmt.Errorf("close %s: %w", n.closers[i].part, err))
			}
		}
		n.hub.close()
	})
	return n.closing
}

func (n *Node) onClose(part string, f func() error) {
	n.closers = append(n.closers, closer{part, f})
}

// goRun runs f in a goroutine that Close waits for; false if the node is closing.
func (n *Node) goRun(f func()) bool {
	n.goMu.Lock()
	defer n.goMu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.running.Go(f)
	return true
}

// Identity tells what others call this node.
func (n *Node) Identity() Identity {
	id := Identity{Account: n.keys.account, Device: n.host.ID(), Name: n.keys.name}
	addrs, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(n.host))
	if err == nil {
		id.Addrs = addrs
	}
	return id
}

// Host is the libp2p host under the node, for protocols that need it to dial.
func (n *Node) Host() host.Host { return n.host }

// Watch hands over every event from now on. The channel closes when ctx ends or
// the node closes. A reader that falls behind loses progress, never a phase or
// a change of state; one that does not read at all for thousands of events is
// dropped: its channel closes early.
func (n *Node) Watch(ctx context.Context) <-chan Event { return n.hub.watch(ctx) }
