package api

import (
	"context"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// Backend is what the API needs of a node; *node.Node is one. Its errors are
// those of package node.
type Backend interface {
	Identity() node.Identity

	Contacts() []node.Contact
	AddContact(ctx context.Context, account conversation.Account, name string) (node.Contact, error)
	AcceptContact(ctx context.Context, account conversation.Account, name string) (node.Contact, error)
	RemoveContact(ctx context.Context, account conversation.Account) error

	// SendFile returns once the transfer is queued.
	SendFile(ctx context.Context, path, contact string) (node.Transfer, error)
	Accept(ctx context.Context, id, path string) (node.Transfer, error)
	Refuse(ctx context.Context, id string) (node.Transfer, error)
	Cancel(ctx context.Context, id string) (node.Transfer, error)
	Transfers() []node.Transfer
	Transfer(id string) (node.Transfer, bool)

	// Doctor looks at everything that connections depend on; it takes seconds.
	Doctor(ctx context.Context) node.Checkup
	// Explain tells about each known device of a contact (alias or account).
	Explain(ctx context.Context, contact string) ([]node.Explanation, error)

	// Watch gives what happens from now on. The channel is closed when ctx ends
	// or the node closes.
	Watch(ctx context.Context) <-chan node.Event
}
