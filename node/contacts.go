package node

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

// maxPending bounds the requests of strangers that wait for the user.
const maxPending = 100

// self is what messages and members call the own account; nobody else may be called so.
const self = "you"

// alias begins with no "-", or commands would take it for a flag.
var alias = regexp.MustCompile(`^[A-Za-z0-9._@+][A-Za-z0-9._@+-]{0,63}$`)

// contactBook holds the contacts in memory, and in the store before that.
type contactBook struct {
	store *store.Store
	// changed is told of every change, after it is stored; the zero Contact is none.
	changed func(before, after Contact)
	mu      sync.Mutex
	byAcc   map[conversation.Account]Contact
	refused refusals // guarded by mu
}

func openContacts(s *store.Store) (*contactBook, error) {
	rows, err := s.Contacts()
	if err != nil {
		return nil, err
	}
	refused, err := openRefusals(s)
	if err != nil {
		return nil, err
	}
	b := &contactBook{store: s, changed: func(Contact, Contact) {}, byAcc: map[conversation.Account]Contact{}, refused: refused}
	for _, row := range rows {
		b.byAcc[row.Account] = contactFromRow(row)
	}
	return b, nil
}

// all lists the contacts by name.
func (b *contactBook) all() []Contact {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Contact, 0, len(b.byAcc))
	for _, c := range b.byAcc {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y Contact) int {
		if byName := strings.Compare(x.Name, y.Name); byName != 0 {
			return byName
		}
		return strings.Compare(x.Account.String(), y.Account.String())
	})
	return list
}

func (b *contactBook) get(a conversation.Account) (Contact, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, found := b.byAcc[a]
	return c, found
}

// find takes an alias or an account's text form.
func (b *contactBook) find(who string) (Contact, error) {
	if a, err := conversation.ParseAccount(who); err == nil {
		if c, found := b.get(a); found {
			return c, nil
		}
		return Contact{}, fmt.Errorf("%w: %s", ErrUnknownContact, who)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, found := b.aliasLocked(who); found {
		return c, nil
	}
	return Contact{}, fmt.Errorf("%w: %q", ErrUnknownContact, who)
}

// aliasLocked never matches what a stranger calls himself.
func (b *contactBook) aliasLocked(name string) (Contact, bool) {
	for _, c := range b.byAcc {
		if c.State != Pending && strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Contact{}, false
}

// change applies f to the contact, or to a new one without a state, and stores
// the result. f runs under the book's lock; its error leaves all as it was.
func (b *contactBook) change(a conversation.Account, f func(*Contact) error) (Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, found := b.byAcc[a]
	if !found {
		c = Contact{Account: a, Since: time.Now()}
	}
	before := c
	if err := f(&c); err != nil {
		return before, err
	}
	if c == before {
		return c, nil
	}
	if err := b.checkLocked(c, found); err != nil {
		return before, err
	}
	if c.State != Pending { // the user has thought better of it
		if err := b.refused.remove(a); err != nil {
			return before, err
		}
	}
	if err := b.store.PutContact(contactToRow(c)); err != nil {
		return before, err
	}
	b.byAcc[a] = c
	if !found {
		before = Contact{}
	}
	b.changed(before, c)
	return c, nil
}

func (b *contactBook) checkLocked(c Contact, known bool) error {
	if c.State == Pending {
		if !known && b.pendingLocked() >= maxPending {
			return fmt.Errorf("%d contact requests wait already", maxPending)
		}
		return nil
	}
	if !alias.MatchString(c.Name) || strings.EqualFold(c.Name, self) {
		return fmt.Errorf("%w: %q", ErrBadName, c.Name)
	}
	if other, taken := b.aliasLocked(c.Name); taken && other.Account != c.Account {
		return fmt.Errorf("%w: %q", ErrNameTaken, c.Name)
	}
	return nil
}

// checkFree tells whether a name that the user chose can become an alias; "" leaves
// the choice to the program.
func (b *contactBook) checkFree(name string) error {
	if name == "" {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.checkLocked(Contact{Name: name, State: Accepted}, false)
}

// meet makes the account, which a code has proven, an accepted contact, under the name that the user chose, or
// else the one it has, or else what it calls itself. A name that somebody else has
// gets a number.
func (b *contactBook) meet(a conversation.Account, chosen, selfName string) (Contact, error) {
	return b.change(a, func(c *Contact) error {
		switch {
		case chosen != "":
			c.Name = b.freeLocked(a, chosen)
		case c.State != Requested && c.State != Accepted:
			c.Name = b.freeLocked(a, aliasFrom(selfName))
		}
		if c.State = Accepted; c.Verified == NotVerified {
			c.Verified = VerifiedByCode
		}
		return nil
	})
}

// freeLocked gives name, or the first of name-2, name-3, … that no other account has.
func (b *contactBook) freeLocked(a conversation.Account, name string) string {
	made := name
	for i := 2; ; i++ {
		other, taken := b.aliasLocked(made)
		if (!taken || other.Account == a) && !strings.EqualFold(made, self) {
			return made
		}
		number := fmt.Sprintf("-%d", i)
		made = name[:min(len(name), maxName-len(number))] + number
	}
}

// aliasFrom makes an alias of what somebody calls himself.
func aliasFrom(name string) string {
	made := strings.Map(func(r rune) rune {
		if alias.MatchString(string(r)) {
			return r
		}
		return '-'
	}, strings.TrimSpace(name))
	if made = strings.Trim(made, "-"); made == "" {
		return "contact"
	}
	return made[:min(len(made), maxName)]
}

func (b *contactBook) pendingLocked() (count int) {
	for _, c := range b.byAcc {
		if c.State == Pending {
			count++
		}
	}
	return count
}

// ask is change for the request of an account. errTurnedDown: it waits no more, for the
// user has refused it; nothing changes.
func (b *contactBook) ask(a conversation.Account, f func(*Contact)) (Contact, error) {
	return b.change(a, func(c *Contact) error {
		if c.State == "" && b.refused.has(a) {
			return errTurnedDown
		}
		f(c)
		return nil
	})
}

// refuse remembers that the user turns the account's request down, if one waits.
func (b *contactBook) refuse(a conversation.Account) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byAcc[a].State != Pending {
		return nil
	}
	return b.refused.add(a)
}

func (b *contactBook) remove(a conversation.Account) (Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, found := b.byAcc[a]
	if !found {
		return Contact{}, fmt.Errorf("%w: %s", ErrUnknownContact, a)
	}
	if err := b.store.DeleteContact(a); err != nil {
		return Contact{}, err
	}
	delete(b.byAcc, a)
	b.changed(c, Contact{})
	return c, nil
}

// nameOf gives the alias of an account, or its text form where it has none.
func (b *contactBook) nameOf(a conversation.Account) string {
	if c, found := b.get(a); found && c.State != Pending {
		return c.Name
	}
	return a.String()
}

// accepted tells whether both sides have agreed.
func (b *contactBook) accepted(a conversation.Account) bool {
	c, found := b.get(a)
	return found && c.State == Accepted
}

// Contacts lists everyone known or asking to be known, by name.
func (n *Node) Contacts() []Contact { return n.contacts.all() }

// AddContact asks the account to be a contact, under the alias name (1 to 64
// letters, digits or any of "._@+-", no "-" first, unlike any other contact's whatever the
// case). The request is delivered, and delivered again, until the other side
// has accepted; that takes as long as it takes until one of its devices is
// there. If the account has asked us before, this accepts it. Errors: ErrBadName,
// ErrNameTaken, ErrOwnAccount.
func (n *Node) AddContact(_ context.Context, a conversation.Account, name string) (Contact, error) {
	if a == n.keys.account {
		return Contact{}, ErrOwnAccount
	}
	c, err := n.contacts.change(a, func(c *Contact) error {
		c.Name = name
		switch c.State {
		case "":
			c.State = Requested
		case Pending:
			c.State = Accepted
		}
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	n.publishContact(c)
	n.introduce(a)
	return c, nil
}

// AcceptContact accepts the request of an account, under the alias name. An
// empty name takes what the account calls itself, where that can be an alias. Errors:
// ErrNotPending, ErrBadName, ErrNameTaken.
func (n *Node) AcceptContact(_ context.Context, a conversation.Account, name string) (Contact, error) {
	c, err := n.contacts.change(a, func(c *Contact) error {
		if c.State != Pending && c.State != Accepted {
			return fmt.Errorf("%w: %s", ErrNotPending, a)
		}
		if name != "" {
			c.Name = name
		}
		c.State = Accepted
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	n.publishContact(c)
	n.introduce(a)
	return c, nil
}

// RemoveContact forgets the account, whatever its state. Transfers with it that
// run are cancelled; from then on it is a stranger. It is not told. A request that
// waits is refused: this device does not hear it again, until AddContact or a one-time
// code makes the account a contact.
func (n *Node) RemoveContact(_ context.Context, a conversation.Account) error {
	c, known := n.contacts.get(a)
	if err := n.contacts.refuse(a); err != nil {
		return err
	}
	if err := n.forgetContact(a); err != nil {
		return err
	}
	if known && c.State != Pending {
		n.noteContact(contactNote{Account: a, Name: c.Name, State: removed})
	}
	return nil
}

// forgetContact is RemoveContact on this device alone.
func (n *Node) forgetContact(a conversation.Account) error {
	c, err := n.contacts.remove(a)
	if err != nil {
		return err
	}
	n.introductions.stop(a)
	n.cancelAll(a)
	if devices, known := n.rememberedDevices(a); known {
		for _, device := range devices {
			n.host.ConnManager().Unprotect(device, companyTag)
		}
	}
	if !n.fellows.has(a) { // or it would be a stranger in the groups that both are in, too
		if err := n.directory.Forget(a); err != nil {
			return err
		}
	}
	n.hub.publish(Event{Time: time.Now(), Contact: &c, Removed: true})
	return nil
}

// publishContact tells everybody of a contact that changed here.
func (n *Node) publishContact(c Contact) {
	n.noteContact(noteOf(c))
	n.contactChanged(c)
}

// contactChanged does what follows from a contact's change.
func (n *Node) contactChanged(c Contact) {
	n.contactKnown(c)
	n.hub.publish(Event{Time: time.Now(), Contact: &c})
}
