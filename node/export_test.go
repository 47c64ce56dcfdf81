package node

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/protocols/history"
)

// Refuses tells whether n knows that other's account has revoked its device, and lets
// it offer no link any more.
func Refuses(ctx context.Context, n, other *Node) bool {
	id := other.Identity()
	return n.isRevoked(id.Account, id.Device) && n.admit(ctx, id.Device, id.Account, kindICE) != nil
}

// TellOfContact is another device's word about a contact.
func TellOfContact(n *Node, a conversation.Account, name string) error {
	n.notes.mu.Lock()
	defer n.notes.mu.Unlock()
	return n.applyLocked(contactNote{Account: a, Name: name, State: Requested})
}

// GetMissed is what the node does each minute, as if it were later.
func (n *Node) GetMissed(later time.Duration) error { return n.getMissed(time.Now().Add(later)) }

// NewPatient is New. The node asks a device that broke off again an hour later, unless
// something happens.
func NewPatient(ctx context.Context, c Config) (*Node, error) {
	s, err := c.check()
	if err != nil {
		return nil, err
	}
	s.askRetry = time.Hour
	n := prepare(s)
	return n, n.start(ctx)
}

// AcceptLeft is what the node does each minute.
func AcceptLeft(n *Node) { n.acceptLeft() }

// LinksOf opens further connections for a node.
func LinksOf(n *Node) *moreLinks { return n.more }

// TidyLinks is what the node does every few seconds.
func TidyLinks(n *Node) { n.more.tidy() }

// DevicesAsked are those that a node would ask for a conversation's files.
func DevicesAsked(n *Node, conv conversation.ID) ([]peer.ID, error) {
	return readers{n}.Devices(context.Background(), conv.String())
}

// SumAll is what the node does when nothing has crossed for a while.
func SumAll(n *Node) { n.sumAll() }

// HoldAnnounced is what the node does with a transfer that it was killed in.
func HoldAnnounced(n *Node, t Transfer) error { return n.holdAnnounced(context.Background(), t) }

// Admits tells whether n lets other's device offer a link.
func Admits(ctx context.Context, n, other *Node) bool {
	id := other.Identity()
	return n.admit(ctx, id.Device, id.Account, kindICE) == nil
}

// Conceals tells whether n does not tell its account to other's device when it offers
// it a link.
func Conceals(n, other *Node) bool { return n.conceals(other.Identity().Device, kindICE) }

// ForgetOneShots makes n know nothing of what it receives by codes, as a node that has
// crashed and is there again.
func ForgetOneShots(n *Node) {
	n.oneShots.mu.Lock()
	defer n.oneShots.mu.Unlock()
	clear(n.oneShots.receives)
	clear(n.oneShots.offers)
}

// HostOf is the libp2p host of a node.
func HostOf(n *Node) host.Host { return n.host }

// FoundGroups puts groups of from's, which nobody is invited to, into the logs of another
// account's home, whose node does not run.
func FoundGroups(ctx context.Context, from *Node, account conversation.Account, home, temp string, groups int) error {
	paths, err := filepath.Glob(filepath.Join(home, "conversations-*.db"))
	if err != nil || len(paths) != 1 {
		return fmt.Errorf("the logs are at %q, %w", paths, err)
	}
	theirs, err := logstore.Open(paths[0], logstore.Config{Self: account})
	if err != nil {
		return err
	}
	defer theirs.Close()
	own, err := logstore.Open(filepath.Join(temp, "own.db"), logstore.Config{Self: from.keys.account})
	if err != nil {
		return err
	}
	defer own.Close()
	for range groups {
		s, err := own.Create(ctx, from.author(), conversation.Group, conversation.Account{}, "group")
		if err != nil {
			return err
		}
		give := func(r conversation.Raw) error {
			_, err := theirs.Ingest(ctx, s.ID, []conversation.Raw{r}, logstore.Source{Account: from.keys.account})
			return err
		}
		if _, err := own.Missing(ctx, s.ID, []conversation.ID{s.ID}, nil, conversation.ID{}, 1, 1<<20, give); err != nil {
			return err
		}
	}
	return nil
}

// Takes tells whether n lets other's device give it entries of a conversation.
func Takes(n, other *Node, conv conversation.ID) bool {
	return n.accepts(other.Identity().Device, conv)
}

// Prove has other refuse a conversation to n, with its first entry as the proof. It
// tells whether n has the conversation then.
func Prove(n, other *Node, conv conversation.ID) (bool, error) {
	first, err := other.conversations.Entry(conv, conv)
	if err != nil {
		return false, err
	}
	n.observeHistory(history.Event{Kind: history.Refused, Device: other.Identity().Device, Conversation: conv, Proof: first})
	_, err = n.conversations.Summary(conv)
	return err == nil, nil
}
