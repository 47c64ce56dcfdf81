package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// exampleAccount is well formed; nobody has it.
const exampleAccount = "passeur:nn44k7tkbfjdskbmasay5fqrf47qhjaadouxuvsmeocsupy6ux6gthqmlm"

func (s *Server) routeContacts() {
	add(s, route{
		method: http.MethodGet, path: "/v1/contacts", id: "listContacts", tag: tagContacts, summary: "All contacts",
	}, func(_ context.Context, h *house, _ *none) (*answer[[]Contact], error) {
		return inBody(each(h.Contacts(), contactOf), nil)
	})
	add(s, route{
		method: http.MethodPost, path: "/v1/contacts", id: "addContact", tag: tagContacts, summary: "Ask an account to become a contact",
		status: http.StatusCreated, example: NewContact{exampleAccount, "bob"},
		codes: []Code{CodeBadAccount, CodeOwnAccount, CodeBadName, CodeNameTaken},
	}, addContact)
	add(s, route{
		method: http.MethodPost, path: "/v1/contacts/{who}/accept", id: "acceptContact", tag: tagContacts, summary: "Accept the request of an account",
		description: "A contact that asks is named by its account: the name that it calls itself means nobody here.",
		example:     Alias{"bob"}, codes: []Code{CodeBadAccount, CodeBadName, CodeUnknownContact, CodeNotPending, CodeNameTaken},
	}, acceptContact)
	add(s, route{
		method: http.MethodPost, path: "/v1/contacts/{who}/verify", id: "verifyContact", tag: tagContacts, summary: "Note that a contact's account was compared",
		description: "For a program that has shown the account to the user, who compared it with what 'passeur id' says on the contact's own device.",
		example:     Comparison{true}, codes: []Code{CodeUnknownContact, CodeNotAccepted},
	}, verifyContact)
	add(s, route{
		method: http.MethodDelete, path: "/v1/contacts/{who}", id: "removeContact", tag: tagContacts, summary: "Forget a contact",
		description: "A request that waits is turned down: it does not come back until you ask that account, or meet it by a code. Nobody is told.",
		codes:       []Code{CodeBadAccount, CodeUnknownContact},
	}, removeContact)
}

type addContactIn struct{ Body *NewContact }

func addContact(ctx context.Context, h *house, in *addContactIn) (*answer[Contact], error) {
	asked := orZero(in.Body)
	account, err := conversation.ParseAccount(asked.Account)
	if err != nil {
		return nil, err
	}
	c, err := h.AddContact(ctx, account, asked.Name)
	return inBody(contactOf(c), err)
}

type acceptContactIn struct {
	Who  string `path:"who"`
	Body *Alias
}

func acceptContact(ctx context.Context, h *house, in *acceptContactIn) (*answer[Contact], error) {
	account, err := accountNamed(h, in.Who)
	if err != nil {
		return nil, err
	}
	c, err := h.AcceptContact(ctx, account, orZero(in.Body).Name)
	return inBody(contactOf(c), err)
}

type verifyContactIn struct {
	Who  string `path:"who"`
	Body Comparison
}

func verifyContact(ctx context.Context, h *house, in *verifyContactIn) (*answer[Contact], error) {
	c, err := h.VerifyContact(ctx, in.Who, in.Body.Verified)
	return inBody(contactOf(c), err)
}

type whoIn struct {
	Who string `path:"who"`
}

func removeContact(ctx context.Context, h *house, in *whoIn) (*none, error) {
	account, err := accountNamed(h, in.Who)
	if err != nil {
		return nil, err
	}
	return nil, h.RemoveContact(ctx, account)
}

// orZero is a body that may be left out.
func orZero[T any](body *T) T {
	if body == nil {
		return *new(T)
	}
	return *body
}

// accountNamed finds whom an account's text or a local alias means. The name of a
// pending contact is its own choice, so it names nobody here.
func accountNamed(b Backend, who string) (conversation.Account, error) {
	for _, c := range b.Contacts() {
		if strings.EqualFold(c.Name, who) && c.State != node.Pending {
			return c.Account, nil
		}
	}
	if !strings.HasPrefix(who, conversation.AccountScheme) {
		return conversation.Account{}, fmt.Errorf("%w: %q", node.ErrUnknownContact, who)
	}
	return conversation.ParseAccount(who)
}

// contactNamed finds the contact that an account's text or a local alias means.
func contactNamed(b Backend, who string) (node.Contact, error) {
	account, err := accountNamed(b, who)
	if err != nil {
		return node.Contact{}, err
	}
	for _, c := range b.Contacts() {
		if c.Account == account {
			return c, nil
		}
	}
	return node.Contact{}, fmt.Errorf("%w: %s", node.ErrUnknownContact, account)
}
