package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// contactNote is the content of an entry of conversation.TypeContact.
type contactNote struct {
	Account conversation.Account `json:"account"`
	Name    string               `json:"name"`
	// State is a ContactState, or "removed".
	State ContactState `json:"state"`
	// Verified is how it was; nil in notes of devices that know nothing of it.
	Verified *Verification `json:"verified,omitempty"`
}

// removed is the State of a contactNote about one that is a contact no longer.
const removed ContactState = "removed"

// contactNotes orders what is read from the own conversation and written to it, so
// that neither undoes what the other has just done.
type contactNotes struct {
	mu sync.Mutex
	// applied are the notes that the contacts here agree with.
	applied map[conversation.Account]conversation.ID
}

// said is the last word about each contact.
type said struct {
	notes map[conversation.Account]contactNote
	ids   map[conversation.Account]conversation.ID
	// void are contacts of whom only a device told that was revoked since: a thief
	// may have added them.
	void map[conversation.Account]bool
}

func (n *Node) lastWords() (said, error) {
	s := said{map[conversation.Account]contactNote{}, map[conversation.Account]conversation.ID{}, map[conversation.Account]bool{}}
	err := n.eachNote(conversation.TypeContact, func(m logstore.Message, content []byte) {
		var note contactNote
		if json.Unmarshal(content, &note) != nil || note.Account.IsZero() {
			return
		}
		if m.Void {
			s.void[note.Account] = true
		} else if _, newer := s.notes[note.Account]; !newer {
			s.notes[note.Account], s.ids[note.Account] = note, m.Entry.ID
		}
	})
	for a := range s.notes {
		delete(s.void, a)
	}
	return s, err
}

// readContactNotes makes the contacts here what they are on the account's other
// devices, and tells these of those that they have not heard of.
func (n *Node) readContactNotes() error {
	n.notes.mu.Lock()
	defer n.notes.mu.Unlock()
	s, err := n.lastWords()
	if err != nil {
		return err
	}
	for a, note := range s.notes {
		if n.notes.applied[a] == s.ids[a] {
			continue
		}
		n.markLocked(a, s.ids[a])
		if err := n.applyLocked(note); err != nil {
			n.log.Warn("a contact of another device is not taken over", "account", a, "error", err)
		}
	}
	for _, c := range n.contacts.all() {
		_, told := s.notes[c.Account]
		switch {
		case s.void[c.Account]:
			if err := n.forgetContact(c.Account); err != nil {
				return err
			}
		case !told:
			n.noteLocked(noteOf(c))
		}
	}
	return nil
}

func (n *Node) markLocked(a conversation.Account, note conversation.ID) {
	if n.notes.applied == nil {
		n.notes.applied = map[conversation.Account]conversation.ID{}
	}
	n.notes.applied[a] = note
}

// applyLocked takes another device's word about a contact.
func (n *Node) applyLocked(note contactNote) error {
	if note.State == removed {
		if _, known := n.contacts.get(note.Account); !known {
			return nil
		}
		return n.forgetContact(note.Account)
	}
	if note.State != Accepted && note.State != Requested {
		return fmt.Errorf("its state is %q", note.State)
	}
	if err := n.makeRoomLocked(note); err != nil {
		return err
	}
	changed := false
	c, err := n.contacts.change(note.Account, func(c *Contact) error {
		before := *c
		c.Name, c.State = n.contacts.freeLocked(note.Account, note.Name), note.State
		note.verify(c)
		changed = *c != before
		return nil
	})
	if err != nil || !changed {
		return err
	}
	n.contactChanged(c)
	if c.State == Requested {
		n.introduce(c.Account)
	}
	return nil
}

// makeRoomLocked gives a name that two contacts have, because two devices chose it at
// the same time, to the one with the smaller account, and tells of it.
func (n *Node) makeRoomLocked(note contactNote) error {
	other, err := n.contacts.find(note.Name)
	if err != nil || bytes.Compare(other.Account[:], note.Account[:]) <= 0 {
		return nil // it is free, or stays whose it is
	}
	c, err := n.contacts.change(other.Account, func(c *Contact) error {
		c.Name = n.contacts.freeLocked(c.Account, c.Name+"-2")
		return nil
	})
	if err == nil {
		n.noteLocked(noteOf(c))
		n.contactChanged(c)
	}
	return err
}

func noteOf(c Contact) contactNote {
	return contactNote{Account: c.Account, Name: c.Name, State: c.State, Verified: &c.Verified}
}

// verify takes over what a note says of a contact's verification, if it does.
func (note contactNote) verify(c *Contact) {
	if note.Verified == nil {
		return
	}
	switch *note.Verified {
	case NotVerified, VerifiedByCode, VerifiedInPerson:
		c.Verified = *note.Verified
	}
}

// noteContact tells the account's other devices of a contact that changed here.
func (n *Node) noteContact(note contactNote) {
	n.notes.mu.Lock()
	defer n.notes.mu.Unlock()
	n.noteLocked(note)
	if note.State == removed || note.State == Pending {
		return
	}
	// What came meanwhile from another device is older than this.
	if _, err := n.contacts.change(note.Account, func(c *Contact) error {
		if c.State != "" {
			c.Name, c.State = note.Name, note.State
			note.verify(c)
		}
		return nil
	}); err != nil {
		n.log.Warn("a contact is not what the account's other devices are told", "account", note.Account, "error", err)
	}
}

func (n *Node) noteLocked(note contactNote) {
	if note.State == Pending || n.own.IsZero() {
		return
	}
	if id := n.note(conversation.TypeContact, note); !id.IsZero() {
		n.markLocked(note.Account, id)
	}
}

// contactKnown does what follows from a contact's being accepted.
func (n *Node) contactKnown(c Contact) {
	if c.State == Accepted {
		n.company.look()
		n.meetOneToOne(c)
	}
}
