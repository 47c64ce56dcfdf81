package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// The account's own conversation is one that only its devices are in. It carries
// what they tell each other: who the contacts are, and which devices are keepers.
// The last word about a contact or device, in the order of the conversation, counts.

// ownBlob names the store's note of the account's own conversation.
func ownBlob(a conversation.Account) string { return "own-conversation/" + a.String() }

// keeperNote is the content of an entry of conversation.TypeOwnDevice: the device
// is a keeper.
type keeperNote struct {
	Keeper peer.ID `json:"keeper"`
}

// openOwn finds the own conversation, or makes it on a keeper of a new account. A
// device that joins is told of it.
func (n *Node) openOwn() error {
	if n.joined != nil {
		return n.takeover(n.joined.Conversations)
	}
	raw, err := n.store.Blob(ownBlob(n.keys.account))
	if err != nil {
		return err
	}
	if raw != nil {
		n.own, err = conversation.ParseID(string(raw))
		return err
	}
	if !n.keys.keeper() {
		return nil
	}
	s, err := n.conversations.Create(n.ctx, n.author(), conversation.Own, conversation.Account{}, "")
	if err != nil {
		return err
	}
	n.own = s.ID
	return n.keepOwn()
}

func (n *Node) keepOwn() error {
	return n.store.PutBlob(ownBlob(n.keys.account), []byte(n.own.String()))
}

// readOwn applies what the own conversation says to the contacts and devices, and
// says there what it lacks.
func (n *Node) readOwn() error {
	if err := n.readContactNotes(); err != nil {
		return err
	}
	keepers, err := n.keeperNotes()
	if err != nil {
		return err
	}
	for device := range keepers {
		if err := n.noteKeeper(device); err != nil {
			return err
		}
	}
	for _, device := range n.devices.keepers() {
		if !keepers[device] {
			n.note(conversation.TypeOwnDevice, keeperNote{device})
		}
	}
	return nil
}

// keeperNotes are the devices that are said to be keepers.
func (n *Node) keeperNotes() (map[peer.ID]bool, error) {
	keepers := map[peer.ID]bool{}
	return keepers, n.eachNote(conversation.TypeOwnDevice, func(m logstore.Message, content []byte) {
		var note keeperNote
		if !m.Void && json.Unmarshal(content, &note) == nil && note.Keeper.Validate() == nil {
			keepers[note.Keeper] = true
		}
	})
}

// eachNote reads the notes of a type, the newest first.
func (n *Node) eachNote(typ string, f func(m logstore.Message, content []byte)) error {
	page := logstore.Page{Limit: 500, All: true, Type: typ}
	for {
		list, err := n.conversations.Messages(n.own, page)
		if errors.Is(err, logstore.ErrUnknownConversation) {
			return nil // it has not arrived yet
		}
		if err != nil || len(list) == 0 {
			return err
		}
		for _, m := range slices.Backward(list) {
			if content, held := m.Entry.Content(); held {
				f(m, content)
			}
		}
		page.Before = list[0].Entry.ID
	}
}

// note writes into the own conversation and gives the entry. Where that conversation
// has not arrived yet, readOwn notes what it lacks when it has.
func (n *Node) note(typ string, content any) (id conversation.ID) {
	if _, err := n.conversations.Summary(n.own); errors.Is(err, logstore.ErrUnknownConversation) {
		return id
	}
	raw, err := json.Marshal(content)
	if err != nil {
		panic(err) // every field has a JSON form
	}
	e, err := n.conversations.Append(n.ctx, n.own, n.author(), typ, raw)
	if err != nil {
		if n.ctx.Err() == nil {
			n.log.Warn("the account's other devices cannot be told now", "type", typ, "error", err)
		}
		return id
	}
	return e.ID
}

// ownHandover is what a new device of the account needs to know of conversations;
// the rest it is given by the history protocol.
type ownHandover struct {
	Own conversation.ID `json:"own"`
}

func (n *Node) handover() []byte {
	raw, err := json.Marshal(ownHandover{n.own})
	if err != nil {
		panic(err) // an ID has a text form
	}
	return raw
}

// takeover takes what handover gave, as often as it is called.
func (n *Node) takeover(raw []byte) error {
	var h ownHandover
	if err := json.Unmarshal(raw, &h); err != nil {
		return fmt.Errorf("the account's own conversation: %w", err)
	}
	n.own = h.Own
	return n.keepOwn()
}
