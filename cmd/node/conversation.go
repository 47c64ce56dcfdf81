package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) conversationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "conversation",
		Aliases: []string{"conv"},
		Short:   "Make, read and govern conversations",
		Long: `A conversation is a signed history that every member's device keeps and checks for
itself. There is one with each contact; groups are made. It is named by the contact's
alias, the group's name, or the beginning of its id (4 digits or more).

In a group the owner (who made it) and the admins invite, remove and ban; the owner
alone makes admins. Nobody acts on who has the same rank or a higher one. Removing
stops serving somebody; what he received stays with him.`,
		Example: `  passeur conversation create holiday bob carol
  passeur conversation list
  passeur conversation show holiday`,
		GroupID: groupTalk,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.createCommand(), a.conversationListCommand(), a.showCommand(),
		a.changeCommand("accept", "Join a group that you are invited to", (*api.Client).AcceptConversation, "you joined %s"),
		a.changeCommand("leave", "Leave a group, or decline an invitation", (*api.Client).LeaveConversation, "you left %s"),
		a.memberCommand(conversation.Invite, "Invite a contact into a group: all of it can be read then", "%s is invited to %s"),
		a.memberCommand(conversation.Remove, "Remove somebody from a group, or withdraw an invitation", "%s was removed from %s"),
		a.banCommand(),
		a.memberCommand(conversation.Unban, "Lift a ban: then somebody can be invited again", "%s may be invited to %s again"),
		a.memberCommand(conversation.Promote, "Make a member an admin (owner only)", "%s is an admin of %s"),
		a.memberCommand(conversation.Demote, "Make an admin an ordinary member (owner only)", "%s is an ordinary member of %s"),
		a.renewCommand(), a.exportCommand(), a.verifyCommand(), a.allowCommand(), a.checkCommand(),
	)
	return cmd
}

// createdID is what conversation create --json prints.
type createdID struct {
	ID string `json:"id"`
}

func (a *app) createCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "create NAME CONTACT…",
		Short:   "Make a group and invite contacts",
		Example: "  passeur conversation create holiday bob carol\n  id=$(passeur conversation create work bob --json | jq -r .id)",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client().CreateConversation(cmd.Context(), args[0], args[1:])
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, createdID{c.ID})
			}
			return a.say("made %s; %d invited", show.ConversationName(c), len(args)-1)
		},
		ValidArgsFunction: a.completeCreate,
	}
}

func (a *app) conversationListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List conversations, the one with the newest message first",
		Example: "  passeur conversation list\n  passeur conversation list --json | jq -r '.[].id'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.client().Conversations(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, all)
			}
			return show.Conversations(a.stdout, all, a.reading(false))
		},
	}
}

// changeCommand is a command that needs no more than a conversation.
func (a *app) changeCommand(verb, short string, do func(*api.Client, context.Context, string) (api.Conversation, error), said string) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " CONVERSATION",
		Short:   short,
		Example: "  passeur conversation " + verb + " holiday",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := do(a.client(), cmd.Context(), args[0])
			if err != nil {
				return aboutEntry(err, args[0], "")
			}
			return a.sayConversation(c, said, show.ConversationName(c))
		},
		ValidArgsFunction: a.completeConversations(func(c api.Conversation) bool {
			return (c.Status == node.Status("invited")) == (verb == "accept") || verb == "leave"
		}),
	}
}

func (a *app) renewCommand() *cobra.Command {
	cmd := a.changeCommand("renew", "Go on in a new group with the same people", (*api.Client).RenewConversation,
		"the conversation goes on as %s; its members are invited")
	cmd.Long = `Make a new group of the same name, with the members of now invited, that refers to the
old one. It repairs what nothing else can: an owner who is gone, an admin who turned
against the group, a history that was flooded.`
	return cmd
}

// memberCommand changes what somebody is in a group.
func (a *app) memberCommand(action conversation.Action, short, said string) *cobra.Command {
	return &cobra.Command{
		Use:     string(action) + " CONVERSATION CONTACT",
		Short:   short,
		Example: "  passeur conversation " + string(action) + " holiday bob",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeMember(cmd.Context(), action, args, "", said)
		},
		ValidArgsFunction: a.completeMember,
	}
}

func (a *app) banCommand() *cobra.Command {
	var before string
	cmd := a.memberCommand(conversation.Ban, "Ban somebody: what he writes counts no more, whatever its date", "%s is banned from %s")
	cmd.Long = `Ban somebody: nothing of him counts that you have not seen by now, and whoever joined
only through him is out. With --before, of what he wrote only that counts which the
entry follows on; by that the owner undoes what somebody has given an earlier date.`
	cmd.Example = "  passeur conversation ban holiday mallory\n  passeur conversation ban holiday mallory --before 3f2a91c0"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.changeMember(cmd.Context(), conversation.Ban, args, before, "%s is banned from %s")
	}
	cmd.Flags().StringVar(&before, "before", "", "the last `ENTRY` that shall count, by its id or the beginning of it")
	return cmd
}

// changeMember's args are a conversation and an account or alias.
func (a *app) changeMember(ctx context.Context, action conversation.Action, args []string, before, said string) error {
	c, err := a.client().ChangeMember(ctx, args[0], action, args[1], before)
	if err != nil {
		return aboutEntry(aboutContact(err, args[1]), args[0], before)
	}
	return a.sayConversation(c, said, show.Person(args[1]), show.ConversationName(c))
}

// sayConversation prints what was done, or with --json the conversation as it is now.
func (a *app) sayConversation(c api.Conversation, format string, args ...any) error {
	if a.json {
		return show.JSON(a.stdout, c)
	}
	return a.say(format, args...)
}

func (a *app) reading(all bool) show.Reading {
	return show.Reading{Width: a.width(), Colour: a.colour(), All: all}
}
