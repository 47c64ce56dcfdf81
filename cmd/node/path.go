package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) pathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path CONTACT",
		Short: "Explain how a contact is reached, or why not",
		Long: `Explain how each device of a contact is reached: the connection that stands, and the
last try to make one: the addresses that both sides announced, each pair of them that
was tried with its outcome, and which one was chosen. It connects to nobody.

A path is direct, punched (both sides called at once, through their routers), mapped
(by a port that a router forwards) or relayed (by a TURN server).`,
		Example: "  passeur path bob\n  passeur path bob --json | jq '.devices[].path'",
		GroupID: groupNode,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.client().Path(cmd.Context(), args[0])
			if err != nil {
				return aboutContact(err, args[0])
			}
			if a.json {
				return show.JSON(a.stdout, e)
			}
			return show.Explanation(a.stdout, e, time.Now())
		},
		ValidArgsFunction: a.completeContacts(func(api.Contact) bool { return true }),
	}
}
