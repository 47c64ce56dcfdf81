package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) filesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "files",
		Short: "List the files of conversations that lie here and that others can get",
		Long: `List the files of conversations that this device holds: those it sent and those it
got. Whoever in the conversation has missed one can get it from here for as long as it
lies where it is, unchanged. A file that you move, edit or remove is no longer held,
and nothing else happens: passeur never deletes or overwrites a file of yours.`,
		Example: "  passeur files\n  passeur files --json | jq -r '.[] | select(.state == \"held\").file'",
		GroupID: groupFiles,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := a.client().Files(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, files)
			}
			if len(files) == 0 {
				_, err := fmt.Fprintln(a.stdout, "no files yet: 'passeur send FILE CONTACT' sends one, 'passeur inbox' lists what you can get")
				return err
			}
			return show.Files(a.stdout, files)
		},
	}
}
