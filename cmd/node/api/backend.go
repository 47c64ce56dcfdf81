package api

import (
	"context"
	"io"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/rules"
)

// Backend is what the API needs of a node; *node.Node is one. Its errors are
// those of package node.
type Backend interface {
	Identity() node.Identity

	Contacts() []node.Contact
	AddContact(ctx context.Context, account conversation.Account, name string) (node.Contact, error)
	AcceptContact(ctx context.Context, account conversation.Account, name string) (node.Contact, error)
	RemoveContact(ctx context.Context, account conversation.Account) error
	// who is a contact's alias or account.
	VerifyContact(ctx context.Context, who string, verified bool) (node.Contact, error)

	// SendFiles returns once the transfer is queued. ref is as below.
	SendFiles(ctx context.Context, paths []string, ref string) (node.Transfer, error)
	Accept(ctx context.Context, id, path string, only ...string) (node.Transfer, error)
	Refuse(ctx context.Context, id string) (node.Transfer, error)
	Cancel(ctx context.Context, id string) (node.Transfer, error)
	LimitTransfer(ctx context.Context, id string, perSecond int64) (node.Transfer, error)
	Transfers() []node.Transfer
	Transfer(id string) (node.Transfer, bool)

	// HasSpace fails with node.ErrNoSpace unless so many bytes more fit on the disk of a
	// folder, and what is to stay free does.
	HasSpace(folder string, size int64) error

	// Files are those of conversations that lie here, Missed those that should; file
	// is an entry's id, its beginning, or a file's name.
	Files() ([]node.HeldFile, error)
	Missed() ([]node.Message, error)
	GetFile(ctx context.Context, ref, file, path string) (node.Transfer, error)

	// who is a contact's alias or account, "" for the whole node. Nil leaves a
	// direction as it is, 0 is no limit.
	Limits() []node.Limit
	SetLimits(ctx context.Context, who string, up, down *int64) (node.Limit, error)

	// Rules are those that decide about offers, and how much of them is used up.
	Rules() rules.Report

	Devices() []node.Device
	RevokeDevice(ctx context.Context, who string) (node.Device, error)

	// Those that show or enter a code return at once; Watch tells the rest.
	ShowLinkCode(ctx context.Context, keeper bool) (node.Pairing, error)
	JoinAccount(ctx context.Context, code string) (node.Pairing, error)
	ShowContactCode(ctx context.Context, name string) (node.Pairing, error)
	EnterContactCode(ctx context.Context, code, name string) (node.Pairing, error)
	// SendByCode returns when the code is known, ReceiveByCode at once.
	SendByCode(ctx context.Context, paths []string, o node.OneShot) (node.Transfer, node.Pairing, error)
	ReceiveByCode(ctx context.Context, code, path string) (node.Pairing, error)
	Pairings() []node.Pairing
	CancelPairing(id string) (node.Pairing, error)

	// ref is a contact's alias, a group's name or the beginning of an id; entry an
	// id or its beginning.
	Conversations() ([]node.Conversation, error)
	Conversation(ref string) (node.Conversation, error)
	CreateConversation(ctx context.Context, name string, contacts []string) (node.Conversation, error)
	AcceptConversation(ctx context.Context, ref string) (node.Conversation, error)
	LeaveConversation(ctx context.Context, ref string) (node.Conversation, error)
	RenewConversation(ctx context.Context, ref string) (node.Conversation, error)
	// AllowMore lets a member who was paused fill this device once more.
	AllowMore(ref, who string) (node.Conversation, error)
	// CheckConversation gives a sentence for each thing that is wrong.
	CheckConversation(ctx context.Context, ref string, rebuild bool) ([]string, error)
	ChangeMember(ctx context.Context, ref string, a conversation.Action, who, before string) (node.Conversation, error)
	Messages(ref string, p node.Page) ([]node.Message, error)
	SendMessage(ctx context.Context, ref, text string) (node.Message, error)
	EditMessage(ctx context.Context, ref, entry, text string) (node.Message, error)
	DeleteMessage(ctx context.Context, ref, entry string) (node.Message, error)
	ExportConversation(ref string, w io.Writer) error

	// Doctor looks at everything that connections depend on; it takes seconds.
	Doctor(ctx context.Context) node.Checkup
	// Explain tells about each known device of a contact (alias or account).
	Explain(ctx context.Context, contact string) ([]node.Explanation, error)

	// Watch gives what happens from now on. The channel is closed when ctx ends
	// or the node closes.
	Watch(ctx context.Context) <-chan node.Event
}
