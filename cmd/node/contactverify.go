package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) contactShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ACCOUNT|NAME",
		Short:   "Show a contact: its account, its state, and how you made sure who it is",
		Example: "  passeur contact show bob",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := findContact(cmd.Context(), a.client(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, c)
			}
			return show.ContactFacts(a.stdout, c)
		},
		ValidArgsFunction: a.completeContacts(func(api.Contact) bool { return true }),
	}
}

func (a *app) contactVerifyCommand() *cobra.Command {
	var yes, undo bool
	cmd := &cobra.Command{
		Use:   "verify ACCOUNT|NAME",
		Short: "Compare a contact's account in person, and note that it is the same",
		Long: `Make sure that a contact is the person you think it is. Whoever carried a contact's
account to you, a mail server for instance, could have put his own in its place. So look
together at both screens, or read it to each other where you know the voice: the command
shows the contact's account and yours, and asks whether they are the same as on the other
side, where 'passeur contact verify' shows them too, and 'passeur id' yours.

Every character counts: alike at the beginning and the end is not enough. What is noted,
all devices of your account learn; rules with 'verified = true' then fit the contact. Two
who met by a one-time code are verified by that. With --undo the contact counts as not
verified, by whatever means.

Where there is no terminal to ask on, --yes says that you have compared.`,
		Example: "  passeur contact verify bob\n  passeur contact verify bob --undo",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verifyContact(cmd, args[0], yes || undo, !undo)
		},
		ValidArgsFunction: a.completeContacts(isAccepted),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask: you have compared the accounts, and they are the same")
	cmd.Flags().BoolVar(&undo, "undo", false, "trust no earlier comparison or code any more")
	cmd.MarkFlagsMutuallyExclusive("yes", "undo")
	return cmd
}

// verifyContact notes whether a contact is verified; unless sure, it asks before.
func (a *app) verifyContact(cmd *cobra.Command, who string, sure, verified bool) error {
	c := a.client()
	if !sure {
		if err := a.askSame(cmd, c, who); err != nil {
			return err
		}
	}
	contact, err := c.VerifyContact(cmd.Context(), who, verified)
	switch {
	case err != nil:
		return aboutContact(err, who)
	case a.json:
		return show.JSON(a.stdout, contact)
	case verified:
		return a.say("%s is verified in person", contactName(contact))
	}
	return a.say("%s is not verified any more", contactName(contact))
}

// askSame shows what two people compare and has the user say that it is the same.
func (a *app) askSame(cmd *cobra.Command, c *api.Client, who string) error {
	contact, err := findContact(cmd.Context(), c, who)
	if err != nil {
		return err
	}
	if contact.State != node.Accepted {
		return aboutContact(&api.Problem{Code: api.CodeNotAccepted}, who)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usageError("there is no terminal to ask on: compare the account of %s, %s, with what 'passeur id' shows on the contact's device, and say by --yes that it is the same",
			contactName(contact), contact.Account)
	}
	me, err := c.Node(cmd.Context())
	if err != nil {
		return err
	}
	if err := show.Comparison(a.stderr, contact, me.Account); err != nil {
		return err
	}
	fmt.Fprint(a.stderr, "\nAre both the same there, every character? Type yes or no: ")
	answer, err := readAnswer(cmd.Context(), cmd.InOrStdin())
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer, "yes") {
		return &failure{exit: exitError, code: codeCancelled,
			err: fmt.Errorf("%s is not verified; nothing was changed. If the account is another one there, this is not that person's: 'passeur contact remove %s' forgets it", contactName(contact), show.Text(who))}
	}
	return nil
}

// findContact finds whom an alias or an account means.
func findContact(ctx context.Context, c *api.Client, who string) (api.Contact, error) {
	contacts, err := c.Contacts(ctx)
	if err != nil {
		return api.Contact{}, err
	}
	for _, contact := range contacts {
		if contact.Account == who || contact.State != node.Pending && strings.EqualFold(contact.Name, who) {
			return contact, nil
		}
	}
	return api.Contact{}, aboutContact(&api.Problem{Code: api.CodeUnknownContact}, who)
}

// findRequest finds the account that asks to be a contact and calls itself who, which
// may be an account, too. What names nobody is given back: the node says what is wrong.
func findRequest(ctx context.Context, c *api.Client, who string) (string, error) {
	if strings.HasPrefix(who, conversation.AccountScheme) {
		return who, checkAccount(who)
	}
	contacts, err := c.Contacts(ctx)
	if err != nil {
		return "", err
	}
	var asking []string
	for _, contact := range contacts {
		if contact.State == node.Pending && (strings.EqualFold(contact.Name, who) || show.Text(contact.Name) == who) {
			asking = append(asking, contact.Account)
		}
	}
	switch len(asking) {
	case 0:
		return who, nil
	case 1:
		return asking[0], nil
	}
	return "", &failure{exit: exitError, code: api.CodeAmbiguous, err: fmt.Errorf("%d who ask to be contacts call themselves %q: %s",
		len(asking), who, strings.Join(asking, ", "))}
}
