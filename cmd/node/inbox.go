package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// inboxItem is one element of inbox --json.
type inboxItem struct {
	ID    string         `json:"id"`
	From  string         `json:"from"`
	Name  string         `json:"name"`
	Size  int64          `json:"size"`
	State filexfer.State `json:"state"`
}

func (a *app) inboxCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "inbox",
		Short:   "List the files that are offered to you and wait for an answer",
		Example: "  passeur inbox\n  passeur accept 0123456789abcdef",
		GroupID: groupFiles,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			transfers, err := a.client().Transfers(cmd.Context())
			if err != nil {
				return err
			}
			return a.printInbox(offered(transfers))
		},
	}
}

// waits tells whether t is an offer that waits for this node's user.
func waits(t api.Transfer) bool {
	return t.Direction == node.Incoming && t.State == filexfer.AwaitingHost
}

func offered(transfers []api.Transfer) []inboxItem {
	items := []inboxItem{}
	for _, t := range transfers {
		if waits(t) {
			items = append(items, inboxItem{t.ID, t.Contact, t.Name, t.Size, t.State})
		}
	}
	return items
}

func (a *app) printInbox(items []inboxItem) error {
	if a.json {
		return show.JSON(a.stdout, items)
	}
	if len(items) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing is offered to you")
		return err
	}
	rows := make([][]string, 0, len(items))
	for _, i := range items {
		rows = append(rows, []string{show.Text(i.ID), show.Clip(i.From, 40), show.Size(i.Size), show.Clip(i.Name, 60)})
	}
	return show.Table(a.stdout, []string{"ID", "FROM", "SIZE", "NAME"}, rows)
}
