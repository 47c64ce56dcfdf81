package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/protocols/exchange"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/link"
)

// A device joins an account in one step: the file "handover" appears in its home,
// whole. From then on the home belongs to the new account, whatever else lies in
// it. The next start takes the file in, piece by piece, each as often as it takes,
// and removes it at the end.

// loadHandover gives what this device was handed over and has not taken in; nil if
// there is nothing.
func loadHandover(home string, device peer.ID) (*link.Handover, error) {
	path := filepath.Join(home, handoverFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hand-over: %w", err)
	}
	h, err := link.Parse(raw, device)
	return h, inFile(path, err)
}

// become takes the account of a hand-over.
func (k *keys) become(h *link.Handover) (err error) {
	k.account, k.certificate = h.Account, conversation.Certificate(h.Certificate)
	k.accountKey, err = h.AccountKey()
	return err
}

// keepHandover is the step by which this device changes its account.
func (n *Node) keepHandover(h *link.Handover) error {
	raw, err := h.Encode()
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(n.settings.Home, handoverFile), raw)
}

// takeKeys puts the account's key or certificate where it stays. It is called with
// the home locked.
func (n *Node) takeKeys() (err error) {
	if n.joined, err = loadHandover(n.settings.Home, n.keys.id); err != nil || n.joined == nil {
		return err
	}
	if err := n.keys.become(n.joined); err != nil { // it may have come since the keys were loaded
		return err
	}
	cert, key := filepath.Join(n.settings.Home, accountCertFile), filepath.Join(n.settings.Home, accountKeyFile)
	if n.keys.keeper() {
		if err := replaceFile(key, n.keys.accountKey.Seed()); err != nil {
			return err
		}
		return removeFile(cert)
	}
	if err := replaceFile(cert, slices.Concat(n.keys.account[:], n.keys.certificate[:])); err != nil {
		return err
	}
	return removeFile(key)
}

// takeContacts puts the account's contacts in place of this home's: at most
// strangers' requests to an account that is no more.
func (n *Node) takeContacts() error {
	if n.joined == nil {
		return nil
	}
	rows, err := n.store.Contacts()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := n.store.DeleteContact(row.Account); err != nil {
			return err
		}
	}
	for _, c := range n.joined.Contacts {
		row := contactToRow(Contact{Account: c.Account, Name: c.Name, State: ContactState(c.State), Since: c.SinceTime()})
		if err := n.store.PutContact(row); err != nil {
			return err
		}
	}
	return n.takeNotes()
}

// takeNotes notes which devices are keepers.
func (n *Node) takeNotes() error {
	var notes []deviceNote
	for _, device := range n.joined.Keepers {
		notes = append(notes, deviceNote{ID: device, Keeper: true})
	}
	return putNotes(n.store, notes)
}

// takeRecords learns the account's record and those of its contacts, so that no
// older ones can be brought back.
func (n *Node) takeRecords() error {
	if n.joined == nil {
		return nil
	}
	if _, err := n.directory.Learn(n.joined.Record); err != nil {
		return fmt.Errorf("the record that was handed over: %w", err)
	}
	for _, c := range n.joined.Contacts {
		if len(c.Record) == 0 {
			continue
		}
		if _, err := n.directory.Learn(c.Record); err != nil {
			n.log.Warn("a contact's record that was handed over is not usable", "account", c.Account, "error", err)
		}
	}
	return nil
}

// finishJoining ends the taking-in, once keys, contacts, records and conversations
// have theirs.
func (n *Node) finishJoining() error {
	if n.joined == nil {
		return nil
	}
	if err := removeFile(filepath.Join(n.settings.Home, handoverFile)); err != nil {
		return err
	}
	n.joined = nil
	n.tellContacts()
	return nil
}

// checkHandover refuses what is not from the account and the keeper that the pairing
// has proven.
func (n *Node) checkHandover(h *link.Handover, a conversation.Account, keeper peer.ID) error {
	record, err := directory.ParseRecord(h.Record)
	switch {
	case h.Account != a:
		return errors.New("what was handed over belongs to another account than the code did")
	case err != nil:
		return fmt.Errorf("the record that was handed over: %w", err)
	case record.Account != a, !record.Has(n.keys.id), !record.Has(keeper):
		return errors.New("the record that was handed over does not list both devices")
	}
	return nil
}

// makeHandover collects what a device gets that the record lists.
func (n *Node) makeHandover(device peer.ID, record *directory.Record, keeper bool) (h link.Handover, err error) {
	listed, _ := record.Device(device)
	h = link.Handover{
		Account: n.keys.account, Certificate: listed.Certificate[:], Record: record.Raw,
		Keepers: n.devices.keepers(), Conversations: n.handover(),
	}
	if keeper {
		h.Key = n.keys.accountKey.Seed()
	}
	for _, c := range n.contacts.all() {
		contact := link.Contact{Account: c.Account, Name: c.Name, State: string(c.State), Since: c.Since.UnixMilli()}
		if known, found := n.directory.Remembered(c.Account); found {
			contact.Record = known.Raw
		}
		h.Contacts = append(h.Contacts, contact)
	}
	_, err = h.Encode()
	return h, err
}

// removeFile removes what may be gone already, for good.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return filexfer.SyncFolderAt(filepath.Dir(path))
}

var _ exchange.Host = promptStreams{}
