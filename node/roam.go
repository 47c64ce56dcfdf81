package node

import (
	"fmt"
	"maps"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
)

// startRoaming watches the machine's addresses and tends the connections. When the
// addresses change, everything that was learned of the network is asked anew, our
// records are announced again, and connections from an address that is gone are
// given up for new ones.
func (n *Node) startRoaming() error {
	changes, err := n.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated), eventbus.Name("passeur/roam"))
	if err != nil {
		return fmt.Errorf("watch the addresses: %w", err)
	}
	moved := make(chan struct{}, 1)
	n.goRun(func() { n.tend(moved) })
	n.goRun(func() {
		defer changes.Close()
		n.roam(changes.Out(), moved)
	})
	return nil
}

// roam looks at the interfaces whenever the host says that its addresses changed:
// it also says so for reasons that have nothing to do with this machine.
func (n *Node) roam(changes <-chan any, moved chan<- struct{}) {
	last, _ := interfaceAddrs()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-changes:
		}
		now, err := interfaceAddrs()
		if err != nil || maps.Equal(last, now) {
			continue
		}
		last = now
		n.renew()
		select {
		case moved <- struct{}{}:
		default: // one is pending
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
