package main

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// completionTime bounds how long Tab waits for the node.
const completionTime = 2 * time.Second

// safeWord matches what may be offered at Tab. Shells have run what they were
// offered as a completion, so a word that a peer chose is never offered: no file
// names, no display names, nothing but ids and the aliases that the user chose,
// and these only of such letters; nor what would be taken for a flag.
var safeWord = regexp.MustCompile(`^[A-Za-z0-9._@+][A-Za-z0-9._@+-]{0,63}$`)

type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// describeCompletion makes the command that writes the shells' scripts say how they
// are used.
func describeCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "completion" })
	cmd := root.Commands()[i]
	cmd.Use = "completion SHELL"
	cmd.Short = "Write a script by which Tab completes passeur's commands"
	cmd.Long = `Write a script for bash, zsh, fish or powershell by which Tab completes passeur's
commands and flags, and what the node knows: contacts, conversations, devices, files
and transfers. It asks the node of the home that the line names; if that does not run,
bash and zsh say so (PASSEUR_ACTIVE_HELP=0 turns that off).

Only ids and the names that you gave your contacts are offered, never a word that
somebody else chose: shells have run what they were offered. The Debian package
installs the scripts.`
	cmd.Example = `  source <(passeur completion bash)                             # in ~/.bashrc
  source <(passeur completion zsh)                              # in ~/.zshrc
  passeur completion fish > ~/.config/fish/completions/passeur.fish`
	for _, shell := range cmd.Commands() {
		describeShell(shell)
	}
}

func describeShell(cmd *cobra.Command) {
	cmd.Short = "Write the script for " + cmd.Name()
	cmd.Long = map[string]string{
		"bash":       "It needs bash 4 and the package bash-completion.",
		"zsh":        "Zsh's own completion must be on: 'autoload -U compinit; compinit' in ~/.zshrc.",
		"fish":       "Fish finds it at its next start.",
		"powershell": "Add the line below to your profile to have it in every session.",
	}[cmd.Name()]
	cmd.Example = map[string]string{
		"bash":       "  passeur completion bash > ~/.local/share/bash-completion/completions/passeur",
		"zsh":        "  passeur completion zsh > \"${fpath[1]}/_passeur\"",
		"fish":       "  passeur completion fish > ~/.config/fish/completions/passeur.fish",
		"powershell": "  passeur completion powershell | Out-String | Invoke-Expression",
	}[cmd.Name()]
}

// completeSend offers files for the first argument, for the others contacts and the
// groups that one is in, and files where none of these begins so.
func (a *app) completeSend(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	words, _ := a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		words, err := contactWords(ctx, c, isAccepted)
		if err != nil {
			return nil, err
		}
		groups, err := conversationWords(ctx, c, func(c api.Conversation) bool {
			return c.Mode != conversation.OneToOne && canWrite(c)
		})
		return append(words, groups...), err
	})(cmd, nil, typed)
	return words, cobra.ShellCompDirectiveDefault
}

// completeGet offers conversations for the first argument, for the second the
// entries of files of it that this device has missed, not their names, which others
// chose.
func (a *app) completeGet(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeConversations(anyConversation)(cmd, args, typed)
	}
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		conv, err := c.Conversation(ctx, args[0])
		if err != nil {
			return nil, err
		}
		missed, err := c.Missed(ctx)
		var words []cobra.Completion
		for _, m := range missed {
			if m.Conversation == conv.ID && m.File != nil {
				words = append(words, cobra.CompletionWithDesc(show.ID(m.ID), show.Size(m.File.Size)))
			}
		}
		return words, err
	})(cmd, args[1:], typed)
}

// completeContacts offers the contacts that fit for one argument.
func (a *app) completeContacts(fits func(api.Contact) bool) completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		return contactWords(ctx, c, fits)
	})
}

func contactWords(ctx context.Context, c *api.Client, fits func(api.Contact) bool) (words []cobra.Completion, err error) {
	contacts, err := c.Contacts(ctx)
	for _, contact := range contacts {
		if fits(contact) {
			words = append(words, cobra.CompletionWithDesc(contactWord(contact), string(contact.State)))
		}
	}
	return words, err
}

// contactWord is the user's alias, or the account where there is none.
func contactWord(c api.Contact) string {
	if c.State == node.Pending || !safeWord.MatchString(c.Name) {
		return c.Account
	}
	return c.Name
}

// completeDevices offers the devices of the own account that fit for one argument.
func (a *app) completeDevices(fits func(api.Device) bool) completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		devices, err := c.Devices(ctx)
		var words []cobra.Completion
		for _, d := range devices {
			word := d.Name
			if !safeWord.MatchString(word) {
				word = d.ID
			}
			if fits(d) {
				words = append(words, cobra.CompletionWithDesc(word, deviceState(d)))
			}
		}
		return words, err
	})
}

// completeConversations offers, for one argument, contacts' aliases for those with
// one contact and ids for groups, whose names others may have chosen.
func (a *app) completeConversations(fits func(api.Conversation) bool) completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		return conversationWords(ctx, c, fits)
	})
}

func conversationWords(ctx context.Context, c *api.Client, fits func(api.Conversation) bool) (words []cobra.Completion, err error) {
	all, err := c.Conversations(ctx)
	for _, one := range all {
		if fits(one) {
			words = append(words, conversationWord(one))
		}
	}
	return words, err
}

func conversationWord(c api.Conversation) cobra.Completion {
	if !safeWord.MatchString(c.Name) {
		return show.ID(c.ID)
	}
	if c.Mode == conversation.OneToOne {
		return c.Name
	}
	return cobra.CompletionWithDesc(show.ID(c.ID), c.Name)
}

// completeMember offers conversations for the first argument, contacts for those
// after it.
func (a *app) completeMember(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeConversations(anyConversation)(cmd, args, typed)
	}
	return a.completeContacts(func(api.Contact) bool { return true })(cmd, args[1:], typed)
}

// completeCreate offers contacts after the name.
func (a *app) completeCreate(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeContacts(isAccepted)(cmd, nil, typed)
}

// completeTalk offers, for the first argument, whom one can write to.
func (a *app) completeTalk(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completeConversations(canWrite)(cmd, args, typed)
}

// canWrite tells whether what is written counts, as far as that is known at Tab.
func canWrite(c api.Conversation) bool { return c.Status != "invited" }

func isAccepted(c api.Contact) bool { return c.State == node.Accepted }

func anyConversation(api.Conversation) bool { return true }

// completeTransfers offers the ids of the transfers that fit for one argument.
func (a *app) completeTransfers(fits func(api.Transfer) bool) completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		return transferWords(ctx, c, fits)
	})
}

func transferWords(ctx context.Context, c *api.Client, fits func(api.Transfer) bool) (words []cobra.Completion, err error) {
	transfers, err := c.Transfers(ctx)
	for _, t := range transfers {
		if fits(t) && safeWord.MatchString(t.ID) {
			words = append(words, cobra.CompletionWithDesc(t.ID, show.Size(t.Size)+", "+t.State.String()))
		}
	}
	return words, err
}

// completeCancel offers the ids of what runs: transfers, and one-time codes.
func (a *app) completeCancel() completer {
	return a.complete(func(ctx context.Context, c *api.Client) ([]cobra.Completion, error) {
		words, err := transferWords(ctx, c, func(t api.Transfer) bool { return !t.Ended })
		if err != nil {
			return nil, err
		}
		pairings, err := c.Pairings(ctx)
		for _, p := range pairings {
			if !p.State.Ended() {
				words = append(words, cobra.CompletionWithDesc(p.ID, "code, "+string(p.State)))
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
