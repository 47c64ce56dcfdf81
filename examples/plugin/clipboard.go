package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/exchange"
)

const maxText = 64 << 10

// texts are streams of one message: the text, and the end of the stream; then "ok"
// comes back.
var texts = exchange.Kind{ID: "/example/clipboard/1.0.0", Service: "example.clipboard", Timeout: 10 * time.Second, Served: 8}

// clipboard is the protocol, on a node.
type clipboard struct {
	*exchange.Server // has Close, and bounds how many streams are handled, and how long
	node             *node.Node
	paste            func(from node.Contact, text string) // nil: nothing is taken
}

var _ node.Protocol = (*clipboard)(nil)

func newClipboard(n *node.Node, paste func(node.Contact, string)) *clipboard {
	return &clipboard{exchange.NewServer(texts), n, paste}
}

// ID is the protocol's name.
func (c *clipboard) ID() protocol.ID { return texts.ID }

// HandleStream takes what a contact has copied.
func (c *clipboard) HandleStream(s network.Stream) {
	c.Handle(s, func(context.Context) error { return c.take(s) }) // an error resets the stream
}

// take: anybody may open a stream to a node. The protocol decides to whom it listens,
// and to how much.
func (c *clipboard) take(s network.Stream) error {
	from, isContact := c.node.ContactOf(s.Conn().RemotePeer())
	if !isContact || c.paste == nil {
		return fmt.Errorf("%s is no contact", s.Conn().RemotePeer())
	}
	text, err := io.ReadAll(io.LimitReader(s, maxText))
	if err != nil {
		return err
	}
	c.paste(from, string(text))
	_, err = s.Write([]byte("ok"))
	return err
}

// copy puts a text on the clipboard of each device of a contact.
func (c *clipboard) copy(ctx context.Context, contact, text string) error {
	devices, err := c.node.ContactDevices(ctx, contact)
	if err != nil {
		return err
	}
	for _, device := range devices {
		err := texts.Ask(ctx, c.node, device, func(s network.Stream) error { return give(s, text) })
		if err != nil {
			return fmt.Errorf("give a text to %s: %w", device, err)
		}
	}
	return nil
}

func give(s network.Stream, text string) error {
	if _, err := io.WriteString(s, text); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	_, err := io.ReadFull(s, make([]byte, 2))
	return err
}
