package node

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/icetcp"
)

// Explanation tells how a contact's device is, or was, reached, and why.
type Explanation struct {
	Contact Contact
	Device  peer.ID
	// Path is that of the connection that stands; nil without one.
	Path *icetcp.Path
	// Last is the last negotiation over ICE with that device; nil if there was none
	// since the node started.
	Last *icetcp.Negotiation
}

// Explain tells about each device of a contact, named by alias or account. It dials
// nothing.
func (n *Node) Explain(_ context.Context, contact string) ([]Explanation, error) {
	c, err := n.contacts.find(contact)
	if err != nil {
		return nil, err
	}
	record, found := n.directory.Remembered(c.Account)
	if !found {
		return nil, nil
	}
	var list []Explanation
	for _, device := range record.Devices {
		e := Explanation{Contact: c, Device: device.ID}
		if conns := n.host.Network().ConnsToPeer(device.ID); len(conns) > 0 {
			e.Path = pathOf(conns[0])
		}
		if last, found := n.ice.LastNegotiation(device.ID); found {
			e.Last = &last
		}
		list = append(list, e)
	}
	return list, nil
}
