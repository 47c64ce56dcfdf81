package node

import (
	"fmt"
	"maps"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
)

// startRoaming watches the machine's addresses and tends the connections. When the
// addresses change, everything that was learned of the network is asked anew, our
// records are announced again, and connections from an address that is gone are
// given up for new ones. began are the addresses by which the node has started.
func (n *Node) startRoaming(began map[netip.Addr]bool) error {
	changes, err := n.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated), eventbus.Name("passeur/roam"))
	if err != nil {
		return fmt.Errorf("watch the addresses: %w", err)
	}
	moved := make(chan struct{}, 1)
	n.goRun(func() { n.tend(moved) })
	n.goRun(func() {
		defer changes.Close()
		n.roam(began, changes.Out(), moved)
	})
	return nil
}

// roamLook is how often the interfaces are looked at. The host says that its addresses
// have changed, too, but up to a minute late.
const roamLook = 3 * time.Second

// roam looks at the interfaces now and then, and whenever the host says that its
// addresses changed: it also says so for reasons that have nothing to do with this
// machine, and once at the beginning.
func (n *Node) roam(last map[netip.Addr]bool, changes <-chan any, moved chan<- struct{}) {
	tick := time.NewTicker(roamLook)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-changes:
		case <-tick.C:
		}
		now, err := interfaceAddrs()
		if err != nil || maps.Equal(last, now) {
			continue
		}
		last = now
		n.renew()
		for _, slot := range []chan<- struct{}{moved, n.rejoin} {
			select {
			case slot <- struct{}{}:
			default: // one is pending
			}
		}
	}
}

// renew asks anew what depends on the machine's addresses.
func (n *Node) renew() {
	n.log.Info("the addresses of this machine have changed")
	n.ice.Renew()
	if n.mapper != nil {
		n.mapper.Renew()
	}
	if n.lan != nil {
		n.lan.renew()
	}
	n.directory.Announce()
}
