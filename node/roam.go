package node

import (
	"fmt"

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
		for {
			select {
			case <-n.ctx.Done():
				return
			case <-changes.Out():
				n.renew()
			}
			select {
			case moved <- struct{}{}:
			default: // one is pending
			}
		}
	})
	return nil
}

// renew asks anew what depends on the machine's addresses.
func (n *Node) renew() {
	n.log.Info("the addresses of this machine have changed")
	n.ice.Renew()
	if n.mapper != nil {
		n.mapper.Renew()
	}
	n.directory.Announce()
}
