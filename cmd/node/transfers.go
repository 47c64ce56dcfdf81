package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func (a *app) transfersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "transfers",
		Short: "List all transfers, the newest last",
		Long: `List all transfers, the newest last. States: created, awaiting-peer (the other side
must accept), awaiting-host (you must accept), ongoing, finished, closed-by-host (ended
here), closed-by-peer (ended there), invalid-path (it could not be written, for want of
room for instance), unjoinable-peer (nobody could be reached), timeout-expired (nobody
decided in time). A
wanted file is asked for whenever a device that may have it appears; 'passeur cancel'
gives it up. The path is direct, punched (through a NAT), mapped (a forwarded port) or
relayed.

A file that was sent has the most hopeful state of all devices that it is offered to.
Below it is a line for each of them, unless there is only one and all is said; --json
always has them, and more details.`,
		Example: "  passeur transfers\n  passeur transfers --json | jq -r '.[] | select(.ended | not).id'",
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
		if len(t.Parts) > 1 || len(t.Parts) == 1 && t.Parts[0].Reason != "" {
			for _, p := range t.Parts {
				rows = append(rows, partRow(t, p))
			}
		}
	}
	return show.Table(a.stdout, []string{"ID", "", "CONTACT", "SIZE", "DONE", "STATE", "PATH", "NAME"}, rows)
}

func transferRow(t api.Transfer) []string {
	arrow := "to"
	if t.Direction == node.Incoming {
		arrow = "from"
	}
	state := stateText(t.State, t.Code)
	if show.Wanted(t) {
		state = "wanted"
	}
	if t.Rule != "" {
		state += " by rule " + show.Clip(t.Rule, 30)
	}
	return []string{
		show.Text(t.ID), arrow, show.Contact(t), show.Size(t.Size),
		fmt.Sprintf("%d %%", done(t.State, t.Bytes, t.Size)), state, show.Path(t), show.Clip(t.Name, 60),
	}
}

// partRow is the line of one device below the transfer's.
func partRow(t api.Transfer, p api.Part) []string {
	whole := api.Transfer{Path: p.Path, PathDetails: p.PathDetails}
	return []string{
		"  " + show.Device(p.Device), "", show.Clip(show.Person(p.Contact), 40), "",
		fmt.Sprintf("%d %%", done(p.State, p.Bytes, t.Size)), stateText(p.State, p.Code), show.Path(whole), show.Clip(p.Reason, 60),
	}
}

func stateText(state filexfer.State, code node.EndCode) string {
	if code == "" {
		return state.String()
	}
	return state.String() + " (" + show.Text(string(code)) + ")"
}

// done is how much has crossed, in percent: of an empty file nothing before it is
// finished.
func done(state filexfer.State, bytes, size int64) int {
	if size == 0 && !state.Final() {
		return 0
	}
	return show.Percent(bytes, size)
}
