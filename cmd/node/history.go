package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation"
)

// historyView is what conversation show --json prints.
type historyView struct {
	api.Conversation
	Messages []api.Message `json:"messages"`
}

// historyFlags say what of a conversation is shown.
type historyFlags struct {
	graph, all bool
	limit      int
}

func (a *app) showCommand() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "show CONVERSATION",
		Short: "Read a conversation",
		Long: `Show who is in a conversation and its newest messages, the newest last. Times are
those of this machine's clock and zone. A message that came here much later than it
was written says when, and a file that this device has missed how it can be got.

With --all it shows every entry, with the id by which other commands take it: also who
did what to whom, and what does not count, struck out, with the reason. --graph shows
which entry was written knowing which, the newest first, as 'git log --graph' does.`,
		Example: `  passeur conversation show bob
  passeur conversation show holiday --all --limit 0 | less
  passeur conversation show holiday --graph
  passeur conversation show bob --json | jq -r '.messages[].text'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.limit < 0 {
				return usageError("--limit is %d; it must be 0 (all) or more", f.limit)
			}
			return a.show(cmd.Context(), args[0], f)
		},
		ValidArgsFunction: a.completeConversations(anyConversation),
	}
	cmd.Flags().BoolVar(&f.graph, "graph", false, "draw what follows what")
	cmd.Flags().BoolVar(&f.all, "all", false, "show every entry, with its id")
	cmd.Flags().IntVar(&f.limit, "limit", 50, "how many messages to show, `N` of the newest; 0: all")
	return cmd
}

func (a *app) show(ctx context.Context, ref string, f historyFlags) error {
	c := a.client()
	conv, err := c.Conversation(ctx, ref)
	if err != nil {
		return aboutEntry(err, ref, "")
	}
	messages, older, err := newest(ctx, c, conv.ID, f.limit, f.all || f.graph)
	if err != nil {
		return err
	}
	if a.json {
		return show.JSON(a.stdout, historyView{conv, messages})
	}
	if older {
		a.tell("what is older is left out: --limit 0 shows all")
	}
	o := a.reading(f.all)
	if o.Missed, err = missedEntries(ctx, c); err != nil {
		return err
	}
	if f.graph {
		return show.Graph(a.stdout, messages, o)
	}
	if err := show.Conversation(a.stdout, conv, o); err != nil {
		return err
	}
	if conv.Mode == conversation.OneToOne && !f.all {
		messages = slices.DeleteFunc(messages, isFormality)
	}
	return show.Messages(a.stdout, messages, o)
}

// missedEntries are the entries of all files that this device has missed.
func missedEntries(ctx context.Context, c *api.Client) (map[string]bool, error) {
	missed, err := c.Missed(ctx)
	ids := map[string]bool{}
	for _, m := range missed {
		ids[m.ID] = true
	}
	return ids, err
}

// isFormality tells whether an entry means nothing to people where there are two of
// them: how the conversation began.
func isFormality(m api.Message) bool {
	return m.Action == conversation.Initial || m.Action == conversation.Invite || m.Action == conversation.Join
}

// newest gets the newest messages of a conversation, oldest first: limit of them at
// most, all if that is 0. Older: there are some before them.
func newest(ctx context.Context, c *api.Client, conv string, limit int, all bool) (messages []api.Message, older bool, err error) {
	messages = []api.Message{}
	for p := (api.Page{All: all}); limit == 0 || len(messages) <= limit; p.Before = messages[0].ID {
		p.Limit = api.MaxPage
		if limit > 0 {
			p.Limit = min(limit+1-len(messages), api.MaxPage) // one more tells whether there is any
		}
		page, err := c.Messages(ctx, conv, p)
		if err != nil || len(page) == 0 {
			return messages, false, err
		}
		messages = slices.Concat(page, messages)
	}
	return messages[1:], true, nil
}
