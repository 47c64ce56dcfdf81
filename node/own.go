package node

import (
	"bytes"
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

// contactNote is the content of an entry of conversation.TypeContact.
type contactNote struct {
	Account conversation.Account `json:"account"`
	Name    string               `json:"name"`
	// State is a ContactState, or "removed".
	State ContactState `json:"state"`
}

// removed is the State of a contactNote about one that is a contact no longer.
const removed ContactState = "removed"

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

// readOwn applies what the own conversation says to the contacts and devices.
func (n *Node) readOwn() error {
	notes, err := n.ownNotes()
	if err != nil {
		return err
	}
	for _, note := range notes.contacts {
		if err := n.applyContact(note); err != nil {
			n.log.Warn("a contact of another device is not taken over", "account", note.Account, "error", err)
		}
	}
	for device := range notes.keepers {
		if err := n.noteKeeper(device); err != nil {
			return err
		}
	}
	for _, c := range n.contacts.all() {
		if notes.void[c.Account] {
			if err := n.RemoveContact(n.ctx, c.Account); err != nil {
				return err
			}
		} else if _, told := notes.contacts[c.Account]; !told {
			n.noteContact(c, false)
		}
	}
	return n.noteKeepers()
}

// ownNotes are the last words about each contact, and the keepers.
type ownNotes struct {
	contacts map[conversation.Account]contactNote
	// void are contacts of whom only a device told that was revoked since: a thief
	// may have added them.
	void    map[conversation.Account]bool
	keepers map[peer.ID]bool
}

func (n *Node) ownNotes() (ownNotes, error) {
	notes := ownNotes{map[conversation.Account]contactNote{}, map[conversation.Account]bool{}, map[peer.ID]bool{}}
	err := n.eachOwn(conversation.TypeContact, func(content []byte, void bool) {
		var note contactNote
		if json.Unmarshal(content, &note) != nil || note.Account.IsZero() {
			return
		}
		if void {
			notes.void[note.Account] = true
		} else if _, newer := notes.contacts[note.Account]; !newer {
			notes.contacts[note.Account] = note
		}
	})
	for a := range notes.contacts {
		delete(notes.void, a)
	}
	if err != nil {
		return notes, err
	}
	return notes, n.eachOwn(conversation.TypeOwnDevice, func(content []byte, void bool) {
		var note keeperNote
		if !void && json.Unmarshal(content, &note) == nil && note.Keeper.Validate() == nil {
			notes.keepers[note.Keeper] = true
		}
	})
}

// eachOwn reads the notes of a type, the newest first.
func (n *Node) eachOwn(typ string, f func(content []byte, void bool)) error {
	page := logstore.Page{Limit: 1000, All: true, Type: typ}
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
				f(content, m.Void)
			}
		}
		page.Before = list[0].Entry.ID
	}
}

// applyContact makes the contact here what it is on the account's other devices.
func (n *Node) applyContact(note contactNote) error {
	if note.State == removed {
		if _, known := n.contacts.get(note.Account); !known {
			return nil
		}
		return n.RemoveContact(n.ctx, note.Account)
	}
	if note.State != Accepted && note.State != Requested {
		return fmt.Errorf("its state is %q", note.State)
	}
	if err := n.makeRoom(note); err != nil {
		return err
	}
	changed := false
	c, err := n.contacts.change(note.Account, func(c *Contact) error {
		before := *c
		c.Name, c.State = n.contacts.freeLocked(note.Account, note.Name), note.State
		changed = *c != before
		return nil
	})
	if err != nil || !changed {
		return err
	}
	n.publishContact(c)
	if c.State == Requested {
		n.introduce(c.Account)
	}
	return nil
}

// makeRoom gives a name that two contacts have, because two devices chose it at the
// same time, to the one with the smaller account.
func (n *Node) makeRoom(note contactNote) error {
	other, err := n.contacts.find(note.Name)
	if err != nil || bytes.Compare(other.Account[:], note.Account[:]) <= 0 {
		return nil // it is free, or stays whose it is
	}
	c, err := n.contacts.change(other.Account, func(c *Contact) error {
		c.Name = n.contacts.freeLocked(c.Account, c.Name+"-2")
		return nil
	})
	if err == nil {
		n.publishContact(c)
	}
	return err
}

// noteContact tells the account's other devices of a contact that changed, unless
// it was them who told us.
func (n *Node) noteContact(c Contact, gone bool) {
	note := contactNote{Account: c.Account, Name: c.Name, State: c.State}
	if gone {
		note.State = removed
	}
	if c.State == Pending && !gone || n.own.IsZero() {
		return
	}
	notes, err := n.ownNotes()
	last, told := notes.contacts[c.Account]
	if err == nil && (last == note || gone && (!told || last.State == removed)) {
		return
	}
	n.note(conversation.TypeContact, note)
}

// noteKeepers tells the account's other devices which of them are keepers.
func (n *Node) noteKeepers() error {
	if n.own.IsZero() {
		return nil
	}
	notes, err := n.ownNotes()
	if err != nil {
		return err
	}
	for _, device := range n.devices.keepers() {
		if !notes.keepers[device] {
			n.note(conversation.TypeOwnDevice, keeperNote{device})
		}
	}
	return nil
}

// note writes into the own conversation. Where that has not arrived yet, readOwn
// notes what it lacks when it has.
func (n *Node) note(typ string, content any) {
	if _, err := n.conversations.Summary(n.own); errors.Is(err, logstore.ErrUnknownConversation) {
		return
	}
	raw, err := json.Marshal(content)
	if err == nil {
		_, err = n.conversations.Append(n.ctx, n.own, n.author(), typ, raw)
	}
	if err != nil && n.ctx.Err() == nil {
		n.log.Warn("the account's other devices cannot be told now", "type", typ, "error", err)
	}
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

// contactKnown does what follows from a contact's being accepted.
func (n *Node) contactKnown(c Contact) {
	if c.State == Accepted {
		n.company.look()
		n.meetOneToOne(c)
	}
}
