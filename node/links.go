package node

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const (
	improveFirst = 30 * time.Second // after a relayed connection was seen
	improveMost  = 30 * time.Minute
)

// improver replaces relayed connections by direct ones when that becomes possible.
type improver struct {
	n    *Node
	next map[peer.ID]attempt // when to try again
}

type attempt struct {
	at    time.Time
	pause time.Duration
}

// tend runs until the node closes. moved tells that the network has changed, so
// that what failed before may work now.
func (n *Node) tend(moved <-chan struct{}) {
	i := improver{n: n, next: map[peer.ID]attempt{}}
	tick := time.NewTicker(improveFirst / 2)
	defer tick.Stop()
	for {
		changed := false
		select {
		case <-n.ctx.Done():
			return
		case <-moved:
			clear(i.next)
			n.closeStale()
			n.company.hurry()
			changed = true
		case <-tick.C:
			n.more.tidy()
			n.refreshConnected()
		}
		i.round(time.Now(), changed)
	}
}

// refreshConnected keeps the records of those whose devices are connected compared
// with the DHT's: who sends them something need not wait for that.
func (n *Node) refreshConnected() {
	for a := range n.partners() {
		devices, _ := n.rememberedDevices(a)
		if slices.ContainsFunc(devices, func(d peer.ID) bool {
			return n.host.Network().Connectedness(d) == network.Connected
		}) {
			n.directory.Refresh(a)
		}
	}
}

// round looks at every relayed connection once. One that is new is left alone for
// a while, unless the network has changed.
func (i *improver) round(now time.Time, changed bool) {
	relayed := map[peer.ID]bool{}
	for _, c := range i.n.host.Network().Conns() {
		if p, ours := icetcp.PathOf(c); ours && p.Kind == icetcp.Relayed {
			relayed[c.RemotePeer()] = true
		}
	}
	for device := range i.next {
		if !relayed[device] {
			delete(i.next, device)
		}
	}
	for device := range relayed {
		a, known := i.next[device]
		switch {
		case i.n.closeRelayed(device):
		case !known && !changed:
			i.next[device] = attempt{now.Add(improveFirst), improveFirst}
		case !known || now.After(a.at):
			a.pause = min(max(2*a.pause, improveFirst), improveMost)
			i.next[device] = attempt{now.Add(a.pause), a.pause}
			i.n.goRun(func() { i.n.improve(device) })
		}
	}
}

// improve dials the device past its relayed connection.
func (n *Node) improve(device peer.ID) {
	ctx := network.WithForceDirectDial(n.ctx, "replace a relayed connection")
	if err := n.reach(ctx, device); err != nil {
		n.log.Debug("no direct path yet", "device", device, "error", err)
		return
	}
	n.log.Info("a direct connection replaces a relayed one", "device", device)
	n.closeRelayed(device)
}

// closeRelayed closes the relayed connections to a device that has a direct one,
// but for those that carry a file.
func (n *Node) closeRelayed(device peer.ID) (direct bool) {
	var relayed []network.Conn
	for _, c := range n.host.Network().ConnsToPeer(device) {
		if p, ours := icetcp.PathOf(c); ours && p.Kind == icetcp.Relayed {
			relayed = append(relayed, c)
		} else {
			direct = true
		}
	}
	for _, c := range relayed {
		if direct && !carriesFile(c) {
			c.Close()
		}
	}
	return direct
}

func carriesFile(c network.Conn) bool {
	for _, s := range c.GetStreams() {
		if s.Protocol() == filexfer.ID {
			return true
		}
	}
	return false
}

// closeStale closes the connections whose address this machine has no longer, and
// reaches their contacts anew. They would be found dead only after half a minute.
func (n *Node) closeStale() {
	own, err := interfaceAddrs()
	if err != nil {
		n.log.Warn("this machine's addresses cannot be read", "error", err)
		return
	}
	for _, c := range n.host.Network().Conns() {
		local := addrPort(stripICE(c.LocalMultiaddr())).Addr()
		if p, ours := icetcp.PathOf(c); !local.IsValid() || own[local] || ours && p.Relay != "" {
			continue
		}
		device := c.RemotePeer()
		c.Close()
		if _, known := n.contactOf(device); known {
			n.goRun(func() {
				if err := n.reach(n.ctx, device); err != nil {
					n.log.Debug("a contact's device is not reached from the new address", "device", device, "error", err)
				}
			})
		}
	}
}

func interfaceAddrs() (map[netip.Addr]bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	own := map[netip.Addr]bool{}
	for _, a := range addrs {
		if prefix, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(prefix.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	return own, nil
}
