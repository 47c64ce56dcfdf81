package main

import (
	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) rulesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rules",
		Short: "Show the rules that decide about files that are offered",
		Long: `Show the rules that decide about files that contacts offer, in the order in which they are
asked: the first that fits decides. The last line is what happens where none fits. What a
rule has used of its quota are the bytes that it accepted in the last 30 days. Whatever
the rules say, a part of each disk is kept free.

Rules stand in the config file, as tables [[rule]]:

  [[rule]]
  name     = "photos from alice"
  from     = ["alice"]            # aliases or accounts; left out: any contact
  verified = true                 # only contacts met by a code, or compared
  type     = ["image/*", ".pdf"]  # by the name's ending; left out: any
  max_size = "200M"
  quota    = "5G"                 # in 30 days
  folder   = "~/Pictures/alice"   # left out: the folder for downloads
  action   = "accept"             # or "ask", "refuse"`,
		Example: "  passeur rules\n  passeur rules --json | jq -r '.rules[] | select(.used > 0).name'",
		GroupID: groupFiles,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.client().Rules(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, r)
			}
			return show.Rules(a.stdout, r)
		},
	}
}
