package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) refuseCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "refuse ID",
		Short:   "Refuse an offered file",
		Example: "  passeur refuse 0123456789abcdef",
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], a.client().Refuse, "refused")
		},
		ValidArgsFunction: a.completeTransfers(waits),
	}
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "cancel ID",
		Short:   "Cancel a transfer, in either direction",
		Example: "  passeur transfers\n  passeur cancel 0123456789abcdef",
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], a.client().Cancel, "cancelled")
		},
		ValidArgsFunction: a.completeTransfers(func(t api.Transfer) bool { return !t.State.Final() }),
	}
}

// decide asks the node to end a transfer and prints it as it is then.
func (a *app) decide(ctx context.Context, id string, do func(context.Context, string) (api.Transfer, error), done string) error {
	t, err := do(ctx, id)
	if err != nil {
		return err
	}
	if a.json {
		return show.JSON(a.stdout, t)
	}
	_, err = fmt.Fprintln(a.stdout, done, show.Clip(t.Name, 60))
	return err
}
