package node

import (
	"errors"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Protocol is a stream protocol that can be mounted on a node, or on any
// libp2p host by host.SetStreamHandler(p.ID(), p.HandleStream).
type Protocol interface {
	// ID is the protocol's name and version, as multistream negotiates it.
	ID() protocol.ID
	// HandleStream runs in a goroutine of its own and owns the stream.
	HandleStream(network.Stream)
	// Close takes no new streams and returns when those in flight are gone.
	Close() error
}

// Mount makes the node speak p from now on; Close of the node closes it. A
// protocol that was mounted under the same ID is replaced, not closed.
func (n *Node) Mount(p Protocol) {
	n.mountMu.Lock()
	defer n.mountMu.Unlock()
	n.mounted = append(n.mounted, p)
	n.host.SetStreamHandler(p.ID(), p.HandleStream)
}

// unmount closes what was mounted, the last one first.
func (n *Node) unmount() error {
	n.mountMu.Lock()
	defer n.mountMu.Unlock()
	var err error
	for len(n.mounted) > 0 {
		last := n.mounted[len(n.mounted)-1]
		n.mounted = n.mounted[:len(n.mounted)-1]
		n.host.RemoveStreamHandler(last.ID())
		err = errors.Join(err, last.Close())
	}
	return err
}
