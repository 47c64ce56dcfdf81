package node

import (
	"context"
	"fmt"
)

// Verification is how the user made sure that a contact's account is that person's.
type Verification string

const (
	// NotVerified: an address was added, or a request accepted, and nothing compared.
	NotVerified Verification = ""
	// VerifiedByCode: the two met by a one-time code, which proves to each side that
	// the other knew it.
	VerifiedByCode Verification = "code"
	// VerifiedInPerson: the user says that he has compared the account with what the
	// contact's own device shows.
	VerifiedInPerson Verification = "person"
)

// VerifyContact notes that the user has compared the account of an accepted contact
// (alias or account) with the one that the contact's own device shows, or, if
// verified is false, that he trusts no earlier proof any more. The account's other
// devices are told. Errors wrap ErrUnknownContact or ErrNotAccepted.
func (n *Node) VerifyContact(_ context.Context, who string, verified bool) (Contact, error) {
	found, err := n.contacts.find(who)
	if err != nil {
		return Contact{}, err
	}
	c, err := n.contacts.change(found.Account, func(c *Contact) error {
		if c.State != Accepted {
			return fmt.Errorf("%w: %s", ErrNotAccepted, who)
		}
		if c.Verified = NotVerified; verified {
			c.Verified = VerifiedInPerson
		}
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	if c != found {
		n.publishContact(c)
	}
	return c, nil
}
