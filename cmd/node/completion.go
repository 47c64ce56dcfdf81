package main

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

// completionTime bounds how long Tab waits for the node.
const completionTime = 2 * time.Second

// safeWord matches what may be offered at Tab. Shells have run what they were
// offered as a completion, so a word that a peer chose is never offered: no file
// names, no display names, nothing but ids and the aliases that the user chose,
// and these only of such letters.
var safeWord = regexp.MustCompile(`^[A-Za-z0-9._@+-]{1,64}$`)

type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeSend offers files for the first argument, contacts for the second.
func (a *app) completeSend(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	accepted := func(c api.Contact) bool { return c.State == node.Accepted }
	return a.completeContacts(accepted)(cmd, args[1:], typed)
}

// completeContacts offers the contacts that fit for one argument.
func (a *app) completeContacts(fits func(api.Contact) bool) completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		contacts, err := c.Contacts(ctx)
		var words []cobra.Completion
		for _, contact := range contacts {
			if fits(contact) {
				words = append(words, cobra.CompletionWithDesc(contactWord(contact), string(contact.State)))
			}
		}
		return words, err
	})
}

// contactWord is the user's alias, or the account where there is none.
func contactWord(c api.Contact) string {
	if c.State == node.Pending || !safeWord.MatchString(c.Name) {
		return c.Account
	}
	return c.Name
}

// completeTransfers offers the ids of the transfers that fit for one argument.
func (a *app) completeTransfers(fits func(api.Transfer) bool) completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		transfers, err := c.Transfers(ctx)
		var words []cobra.Completion
		for _, t := range transfers {
			if fits(t) && safeWord.MatchString(t.ID) {
				words = append(words, cobra.CompletionWithDesc(t.ID, show.Size(t.Size)+", "+t.State.String()))
			}
		}
		return words, err
	})
}

func (a *app) complete(ask func(context.Context, *api.Client) ([]cobra.Completion, error)) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if err := a.prepare(cmd, nil); err != nil { // cobra does not run it for completions
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(context.Background(), completionTime)
		defer cancel()
		words, err := ask(ctx, a.client())
		if errors.Is(err, api.ErrNotRunning) {
			words = cobra.AppendActiveHelp(words, "the node is not running: start it with 'passeur run'")
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
