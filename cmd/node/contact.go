package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) contactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contact",
		Short: "Invite, ask, accept, verify, list and remove contacts",
		Long: `Files and messages travel between contacts only: two accounts that accepted each
other. Those who can talk use a one-time code: 'contact invite' shows it, 'contact
join' takes it. Else one side asks an account with 'contact add', and the other sees
it in 'contact list' and accepts.`,
		GroupID: groupContacts,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.contactInviteCommand(), a.contactJoinCommand(),
		a.contactAddCommand(), a.contactAcceptCommand(), a.contactListCommand(), a.contactShowCommand(), a.contactVerifyCommand(), a.contactRemoveCommand(),
	)
	return cmd
}

func (a *app) contactAddCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "add ACCOUNT --name NAME",
		Short: "Ask an account to become a contact",
		Long: `Ask an account to become a contact. ACCOUNT is what 'passeur id' shows on the other side.
The request waits here until one of its devices can be reached, however long that takes,
and then there until somebody accepts. An account that has asked you is accepted by this.
One that is a contact already is renamed.

Who sent you the account, or carried it, could have put in another: 'passeur contact
verify' compares.`,
		Example: "  passeur contact add passeur:… --name bob",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAccount(args[0]); err != nil {
				return err
			}
			c, err := a.client().AddContact(cmd.Context(), args[0], name)
			if err != nil {
				return err
			}
			return a.printContact(c)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&name, "name", "", "the `NAME` that you give the contact: letters, digits and ._@+-")
	return cmd
}

func (a *app) contactAcceptCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "accept ACCOUNT|NAME [--name NAME]",
		Short: "Accept an account that asked to become a contact",
		Long: `Accept an account that asked to become a contact: by the account, or by what it calls
itself, as 'passeur contact list' shows it, if only one who asks is called so. It proves
nothing: anybody can call himself alice. --name is what you call the contact from then on;
without it, the contact keeps the name that it gave itself.`,
		Example: "  passeur contact list\n  passeur contact accept alice\n  passeur contact accept passeur:… --name alice",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.acceptContact(cmd.Context(), args[0], name)
		},
		ValidArgsFunction: a.completeContacts(func(c api.Contact) bool { return c.State == node.Pending }),
	}
	cmd.Flags().StringVar(&name, "name", "", "the `NAME` that you give the contact: letters, digits and ._@+-")
	return cmd
}

func (a *app) acceptContact(ctx context.Context, who, name string) error {
	c := a.client()
	account, err := findRequest(ctx, c, who)
	if err != nil {
		return err
	}
	contact, err := c.AcceptContact(ctx, account, name)
	if hasCode(err, api.CodeUnknownContact) {
		return &failure{exit: exitError, code: api.CodeUnknownContact, err: fmt.Errorf("nobody who asks to be a contact calls itself %q", who)}
	}
	if err != nil {
		return a.aboutName(ctx, err, account, name)
	}
	return a.printContact(contact)
}

func (a *app) contactListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List contacts and who asks to be one",
		Example: "  passeur contact list\n  passeur contact list --json | jq -r '.[] | select(.state == \"pending\").account'",
		Long: `List contacts. State requested: you asked. State pending: the other side asked and
waits for 'passeur contact accept'; its name is what it calls itself, which
proves nothing. State accepted: you may send each other files and messages.

VERIFIED is how you made sure who it is: by code, when you met by a one-time code; in
person, when you have compared the accounts ('passeur contact verify'); or no.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			contacts, err := a.client().Contacts(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, contacts)
			}
			return a.printContacts(contacts)
		},
	}
}

func (a *app) contactRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ACCOUNT|NAME",
		Short: "Forget a contact, or turn down who asks to be one",
		Long: `Forget a contact: nothing is sent to them or taken from them any more. What was said and
what lies here stays.

Who asks to be a contact is turned down, and is not told so. A request that was turned
down does not come back by itself; 'passeur contact add' and a one-time code still work.`,
		Example: "  passeur contact remove bob",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.client().RemoveContact(cmd.Context(), args[0]); err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, removedEvent{"removed", args[0]})
			}
			return a.say("removed %s", show.Text(args[0]))
		},
		ValidArgsFunction: a.completeContacts(func(api.Contact) bool { return true }),
	}
}

// removedEvent is what contact remove --json prints.
type removedEvent struct {
	Event   string `json:"event"` // "removed"
	Contact string `json:"contact"`
}

// aboutName says why an account cannot be accepted under the name that it gives
// itself, if that is what failed.
func (a *app) aboutName(ctx context.Context, err error, account, name string) error {
	var p *api.Problem
	if name != "" || !errors.As(err, &p) || p.Code != api.CodeBadName {
		return err
	}
	contacts, failed := a.client().Contacts(ctx)
	i := slices.IndexFunc(contacts, func(c api.Contact) bool { return c.Account == account })
	if failed != nil || i < 0 {
		return err
	}
	return &failure{exit: exitError, code: p.Code,
		err: fmt.Errorf(`the account calls itself "%s", which cannot be a contact's name here (1 to 64 letters, digits or any of ._@+-)`,
			show.Clip(contacts[i].Name, 40))}
}

// checkAccount finds a typing error before anybody is asked.
func checkAccount(text string) error {
	if _, err := conversation.ParseAccount(text); err != nil {
		return &failure{exit: exitError, code: api.CodeBadAccount, err: fmt.Errorf("%q: %w", text, err)}
	}
	return nil
}

func (a *app) printContact(c api.Contact) error {
	if a.json {
		return show.JSON(a.stdout, c)
	}
	what := "asked; 'passeur contact list' tells when the other side has accepted"
	if c.State == node.Accepted {
		what = "accepted; you may send each other files and messages"
	}
	return a.say("%s: %s", contactName(c), what)
}

func (a *app) printContacts(contacts []api.Contact) error {
	if len(contacts) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no contacts yet: 'passeur contact invite' shows a code for somebody, 'passeur contact add ACCOUNT --name NAME' asks")
		return err
	}
	rows := make([][]string, 0, len(contacts))
	for _, c := range contacts {
		rows = append(rows, []string{contactName(c), string(c.State), show.VerifiedHow(c), show.Text(c.Account)})
	}
	return show.Table(a.stdout, []string{"NAME", "STATE", "VERIFIED", "ACCOUNT"}, rows)
}

// contactName is the alias, or in quotes what a stranger calls itself.
func contactName(c api.Contact) string {
	if c.State == node.Pending {
		return "calls itself " + show.Clip(strconv.Quote(c.Name), 40)
	}
	return show.Clip(c.Name, 40)
}
