package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) transfersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "transfers",
		Short: "List all transfers, the newest last",
		Long: `List all transfers, the newest last. States: created, awaiting-peer (the other side
must accept), awaiting-host (you must accept), ongoing, finished, closed-by-host (ended
here), closed-by-peer (ended there), invalid-path, unjoinable-peer, timeout-expired.
The path is direct, punched (through a NAT), mapped (a forwarded port) or relayed;
--json tells details.`,
		GroupID: groupFiles,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			transfers, err := a.client().Transfers(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, transfers)
			}
			return a.printTransfers(transfers)
		},
	}
}

func (a *app) printTransfers(transfers []api.Transfer) error {
	if len(transfers) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no transfers yet: 'passeur send FILE CONTACT' makes one")
		return err
	}
	rows := make([][]string, 0, len(transfers))
	for _, t := range transfers {
		rows = append(rows, transferRow(t))
	}
	return show.Table(a.stdout, []string{"ID", "", "CONTACT", "SIZE", "DONE", "STATE", "PATH", "NAME"}, rows)
}

func transferRow(t api.Transfer) []string {
	arrow := "to"
	if t.Direction == node.Incoming {
		arrow = "from"
	}
	state := t.State.String()
	if t.Code != "" {
		state += " (" + show.Text(string(t.Code)) + ")"
	}
	return []string{
		show.Text(t.ID), arrow, show.Clip(t.Contact, 40), show.Size(t.Size),
		fmt.Sprintf("%d %%", done(t)), state, show.Path(t), show.Clip(t.Name, 60),
	}
}

// done is the part that has crossed, in percent: of an empty file nothing
// before it is finished.
func done(t api.Transfer) int {
	if t.Size == 0 && !t.State.Final() {
		return 0
	}
	return show.Percent(t.Bytes, t.Size)
}
