package main

import (
	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

const nameHelp = "the `NAME` that you give the contact: letters, digits and ._@+- (default: what it calls itself)"

func (a *app) contactInviteCommand() *cobra.Command {
	var name string
	var q qrFlags
	cmd := &cobra.Command{
		Use:   "invite [--name NAME]",
		Short: "Show a code by which somebody becomes a contact",
		Long: `Show a one-time code, in words and as a QR code, and wait until somebody has entered
it by 'passeur contact join', or ten minutes are over. Ctrl-C ends it. Then you are
contacts, on both sides. Tell the code to one person, by voice for instance; it works
once, and whoever guesses wrong burns it.`,
		Example: "  passeur contact invite --name bob",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := api.NewPairing{Purpose: node.PairContact, Name: name}
			return a.pairAndSay(cmd.Context(), in, "passeur contact join", &q)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", nameHelp)
	q.bind(cmd)
	return cmd
}

func (a *app) contactJoinCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "join CODE [--name NAME]",
		Short: "Become a contact of who shows you a code",
		Long: `Enter the code that 'passeur contact invite' shows on the other side. Case and what
stands between the words do not matter, the first three letters of each word are
enough, and a single typing error is found. The text of the QR code does too. CODE -
reads it from standard input, where nobody else on the machine sees it.`,
		Example: "  passeur contact join acorn-breeze-cable-dune --name alice\n  passeur contact join aco bre cab dun",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := codeTyped(cmd, args)
			if err != nil {
				return err
			}
			in := api.NewPairing{Purpose: node.PairContact, Code: code, Name: name}
			return a.pairAndSay(cmd.Context(), in, "", nil)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&name, "name", "", nameHelp)
	return cmd
}
