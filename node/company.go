package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/passeur-p2p/passeur/conversation"
)

const (
	companyTick  = 5 * time.Second
	companyFirst = 10 * time.Second // pause after a device was not reached
	companyMost  = 10 * time.Minute
	// companyAtOnce bounds the attempts to reach devices that run at once.
	companyAtOnce = 8
	// companyTry bounds one attempt: the connection, and catching up over it.
	companyTry = 2 * time.Minute
	// companyTag keeps the connection manager from closing connections to the own
	// devices and to contacts' for those of strangers.
	companyTag = "passeur/company"
)

// company keeps this node in touch with the devices that share conversations
// with it: the account's own, and those of contacts and fellow members. Each is
// reached when this node starts, and again, ever more rarely, while it is away;
// one that comes back reaches us in the same way. Over every connection to one
// of them the logs are brought level.
type company struct {
	n    *Node
	wake chan struct{} // one slot: somebody is to be tried now

	mu    sync.Mutex
	next  map[peer.ID]attempt
	busy  map[peer.ID]bool
	asked map[conversation.Account]attempt // whose record is not known
	hasty bool                             // forget all pauses
}

func newCompany(n *Node) *company {
	return &company{
		n: n, wake: make(chan struct{}, 1),
		next: map[peer.ID]attempt{}, busy: map[peer.ID]bool{}, asked: map[conversation.Account]attempt{},
	}
}

// keepCompany runs until the node closes.
func (n *Node) keepCompany() error {
	arrivals, err := n.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.Name("passeur/company"))
	if err != nil {
		return fmt.Errorf("watch for devices: %w", err)
	}
	lost := &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) { n.company.lost(c.RemotePeer()) }}
	n.host.Network().Notify(lost)
	n.goRun(func() {
		defer arrivals.Close()
		defer n.host.Network().StopNotify(lost)
		n.company.run(arrivals.Out())
	})
	return nil
}

func (c *company) run(arrivals <-chan any) {
	tick := time.NewTicker(companyTick)
	defer tick.Stop()
	for {
		select {
		case <-c.n.ctx.Done():
			return
		case <-c.wake:
		case <-tick.C:
		case e := <-arrivals:
			if seen, ok := e.(event.EvtPeerConnectednessChanged); ok {
				c.met(seen)
			}
			continue
		}
		c.round(time.Now())
	}
}

// hurry has everybody tried now, whatever failed before.
func (c *company) hurry() {
	c.mu.Lock()
	c.hasty = true
	c.mu.Unlock()
	c.look()
}

// look has those tried whose pause is over, or who are new.
func (c *company) look() {
	select {
	case c.wake <- struct{}{}:
	default: // one is pending
	}
}

// met brings the logs level with a device that has just connected.
func (c *company) met(e event.EvtPeerConnectednessChanged) {
	if e.Connectedness != network.Connected {
		return
	}
	if account, known := c.n.accountOf(e.Peer); known {
		if account == c.n.keys.account || c.n.contacts.accepted(account) {
			c.n.host.ConnManager().Protect(e.Peer, companyTag)
		}
		c.n.again.Appeared(e.Peer)
		c.try(e.Peer)
	}
}

// lost has a device asked at once for what a connection was bringing that is gone, if it
// has another one: who changes his addresses connects anew before the old connection is
// found dead, and so does not appear.
func (c *company) lost(device peer.ID) {
	if _, known := c.n.accountOf(device); known && c.n.host.Network().Connectedness(device) == network.Connected {
		c.n.again.Appeared(device)
	}
}

// round tries every device whose turn it is.
func (c *company) round(now time.Time) {
	c.mu.Lock()
	if c.hasty {
		clear(c.next)
		clear(c.asked)
		c.hasty = false
	}
	c.mu.Unlock()
	wanted := c.companions(now)
	c.mu.Lock()
	for device := range c.next {
		if !wanted[device] {
			delete(c.next, device)
		}
	}
	c.mu.Unlock()
	for device := range wanted {
		if c.due(device, now) {
			c.try(device)
		}
	}
}

func (c *company) due(device peer.ID, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.busy[device] && len(c.busy) < companyAtOnce && now.After(c.next[device].at) && !slices.Contains(c.n.history.Connected(), device)
}

// try reaches the device, if no attempt is under way, and notes how it went.
func (c *company) try(device peer.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[device] {
		return
	}
	c.busy[device] = true
	started := c.n.goRun(func() {
		err := c.n.bringLevel(device)
		c.n.tally.count(func(c *Counts) { c.Syncs[err == nil]++ })
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.busy, device)
		if err == nil {
			delete(c.next, device)
			return
		}
		pause := min(max(2*c.next[device].pause, companyFirst), companyMost)
		c.next[device] = attempt{time.Now().Add(pause), pause}
		c.n.log.Debug("a device is not in touch", "device", device, "error", err)
	})
	if !started {
		delete(c.busy, device)
	}
}

func (n *Node) bringLevel(device peer.ID) error {
	ctx, cancel := context.WithTimeout(n.ctx, companyTry)
	defer cancel()
	if n.host.Network().Connectedness(device) != network.Connected {
		if err := n.reach(ctx, device); err != nil {
			return err
		}
	}
	err := n.history.Sync(ctx, device)
	n.again.Appeared(device)
	return err
}

// companions are the devices that share conversations with this one, but for it.
func (c *company) companions(now time.Time) map[peer.ID]bool {
	devices := map[peer.ID]bool{}
	for account := range c.n.partners() {
		known, found := c.n.rememberedDevices(account)
		if !found {
			c.ask(account, now)
			continue
		}
		for _, device := range known {
			devices[device] = true
		}
	}
	delete(devices, c.n.host.ID())
	return devices
}

// ask looks up an account whose devices are not known, ever more rarely.
func (c *company) ask(a conversation.Account, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.asked[a].at) {
		return
	}
	pause := min(max(2*c.asked[a].pause, companyFirst), companyMost)
	c.asked[a] = attempt{now.Add(pause), pause}
	c.n.goRun(func() {
		if _, err := c.n.directory.Lookup(c.n.ctx, a); err == nil {
			c.look()
		}
	})
}

// isPartner tells whether an account is one of partners.
func (n *Node) isPartner(a conversation.Account) bool {
	return a == n.keys.account || n.contacts.accepted(a) || n.fellows.has(a)
}

// partners are the accounts that conversations are synced with: the own one,
// accepted contacts, and fellow members.
func (n *Node) partners() map[conversation.Account]bool {
	all := map[conversation.Account]bool{n.keys.account: true}
	for _, c := range n.contacts.all() {
		if c.State == Accepted {
			all[c.Account] = true
		}
	}
	for a := range n.fellows.all() {
		all[a] = true
	}
	return all
}
