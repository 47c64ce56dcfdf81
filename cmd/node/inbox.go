package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func (a *app) inboxCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inbox",
		Short: "List the files that wait for your answer, and those that you have missed",
		Long: `List the files that are offered to you and wait for 'passeur accept' or 'passeur
refuse', and the files of your conversations that this device has missed: 'passeur get'
asks for one. A file that you refused or gave up is not listed.`,
		Example: "  passeur inbox\n  passeur accept 0123456789abcdef\n  passeur get holiday 3f2a91c0",
		GroupID: groupFiles,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			items, err := inbox(cmd.Context(), a.client())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, items)
			}
			return show.Inbox(a.stdout, items)
		},
	}
}

// waits tells whether t is an offer that waits for this node's user.
func waits(t api.Transfer) bool {
	return t.Direction == node.Incoming && t.State == filexfer.AwaitingHost
}

// inbox gives what waits for an answer, and then what was missed.
func inbox(ctx context.Context, c *api.Client) ([]show.InboxItem, error) {
	missed, err := c.Missed(ctx) // first: what becomes an offer meanwhile is in both rather than in none
	if err != nil {
		return nil, err
	}
	transfers, err := c.Transfers(ctx)
	if err != nil {
		return nil, err
	}
	items := []show.InboxItem{}
	offered := map[string]bool{}
	for _, t := range transfers {
		if waits(t) {
			offered[t.Entry] = true
			items = append(items, show.InboxItem{
				ID: t.ID, From: t.Contact, Name: t.Name, Size: t.Size, State: t.State.String(),
				Kind: "offer", Conversation: t.Conversation, Entry: t.Entry,
			})
		}
	}
	for _, m := range missed {
		if m.File != nil && !offered[m.ID] {
			items = append(items, show.InboxItem{
				From: m.Author, Name: filexfer.SafeName(m.File.Name), Size: m.File.Size,
				Kind: "missed", Conversation: m.Conversation, Entry: m.ID,
			})
		}
	}
	return items, nameConversations(ctx, c, items)
}

// nameConversations fills in what people here call the conversations, if they are
// still known.
func nameConversations(ctx context.Context, c *api.Client, items []show.InboxItem) error {
	names := map[string]string{"": ""}
	for i, item := range items {
		name, known := names[item.Conversation]
		if !known {
			conv, err := c.Conversation(ctx, item.Conversation)
			if err != nil && !hasCode(err, api.CodeUnknownConversation) {
				return err
			}
			name = conv.Name
			names[item.Conversation] = name
		}
		items[i].ConversationName = name
	}
	return nil
}
