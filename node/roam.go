package node

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
)

// startRoaming watches the machine's addresses. When they change, everything that
// was learned of the network is asked anew, and our records are announced again.
func (n *Node) startRoaming() error {
	changes, err := n.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated), eventbus.Name("passeur/roam"))
	if err != nil {
		return fmt.Errorf("watch the addresses: %w", err)
	}
	n.goRun(func() {
		defer changes.Close()
		for {
			select {
			case <-n.ctx.Done():
				return
			case <-changes.Out():
				n.moved()
			}
		}
	})
	return nil
}

func (n *Node) moved() {
	n.log.Info("the addresses of this machine have changed")
	n.ice.Renew()
	if n.mapper != nil {
		n.mapper.Renew()
	}
	n.directory.Announce()
}
