package store

import (
	"fmt"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
)

// Contact is a row of the contacts.
type Contact struct {
	Account conversation.Account
	// Alias is what the user calls the contact; unique whatever the case. Empty
	// for a stranger who asked, and has no alias yet: any number may have none.
	Alias string
	// SelfName is what the contact calls itself: hostile text, not unique.
	SelfName string
	// State is "requested", "pending" or "accepted".
	State string
	Since time.Time
	// Verified is how the user made sure who it is: "code", "person" or empty.
	Verified string
}

// PutContact stores c in place of what was stored for its account. It returns
// ErrNameTaken if another contact has the alias.
func (s *Store) PutContact(c Contact) error {
	_, err := s.db.Exec(`
		INSERT INTO contact (account, alias, alias_key, self_name, state, since, verified) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET alias = excluded.alias, alias_key = excluded.alias_key,
			self_name = excluded.self_name, state = excluded.state, since = excluded.since,
			verified = excluded.verified`,
		c.Account[:], c.Alias, aliasKey(c.Alias), c.SelfName, c.State, milli(c.Since), c.Verified)
	if database.IsUnique(err) {
		return fmt.Errorf("%w: %q", ErrNameTaken, c.Alias)
	}
	return s.fail("put a contact", err)
}

// aliasKey is alike for names that people take for the same; nil for none.
func aliasKey(alias string) any {
	if alias == "" {
		return nil
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(alias)))
}

// DeleteContact forgets the contact; none there is no error.
func (s *Store) DeleteContact(a conversation.Account) error {
	_, err := s.db.Exec("DELETE FROM contact WHERE account = ?", a[:])
	return s.fail("delete a contact", err)
}

// Contacts gives all, by alias.
func (s *Store) Contacts() ([]Contact, error) {
	list, err := collect(s.db, scanContact,
		"SELECT account, alias, self_name, state, since, verified FROM contact ORDER BY alias_key, account")
	return list, s.fail("read the contacts", err)
}

func scanContact(row scanner) (c Contact, err error) {
	var account []byte
	var since int64
	if err := row.Scan(&account, &c.Alias, &c.SelfName, &c.State, &since, &c.Verified); err != nil {
		return c, err
	}
	c.Since = fromMilli(since)
	c.Account, err = toAccount(account)
	return c, err
}

func toAccount(raw []byte) (conversation.Account, error) {
	if len(raw) != len(conversation.Account{}) {
		return conversation.Account{}, fmt.Errorf("%w: an account of %d bytes", ErrCorrupt, len(raw))
	}
	return conversation.Account(raw), nil
}
