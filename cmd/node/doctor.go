package main

import (
	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look at this node's network and say what to do",
		Long: `Look at all that connections depend on: how others see this machine (NAT), ports
that routers forward, STUN and TURN servers, the other nodes (DHT), the inbox and the
clock. The last line is one sentence of advice. It takes up to ten seconds.

The exit code is 0 whatever it finds, 1 if the node cannot be asked.`,
		Example: "  passeur doctor\n  passeur doctor --json | jq -r .advice",
		GroupID: groupNode,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client().Doctor(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, c)
			}
			return show.Checkup(a.stdout, c)
		},
	}
}
