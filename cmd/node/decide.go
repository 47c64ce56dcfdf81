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
		Use:   "refuse ID",
		Short: "Refuse an offered file or folder",
		Long: `Refuse an offered file or folder. The sender is told so, and 'passeur inbox' lists it no
more. What is of a conversation 'passeur get' can still fetch later.`,
		Example: "  passeur refuse 0123456789abcdef",
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], (*api.Client).Refuse, "refused")
		},
		ValidArgsFunction: a.completeTransfers(waits),
	}
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a transfer or a one-time code, or give up a wanted file",
		Long: `Cancel a transfer, in either direction, or give up a file that 'passeur get' asks for.
A one-time code that is shown or entered here is cancelled by its id, which its events
have ('--json') and Tab offers; it is burnt.`,
		Example: "  passeur transfers\n  passeur cancel 0123456789abcdef",
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.decide(cmd.Context(), args[0], (*api.Client).Cancel, "cancelled")
			if hasCode(err, api.CodeUnknownTransfer) {
				return a.cancelCode(cmd.Context(), args[0], err)
			}
			return err
		},
		ValidArgsFunction: a.completeCancel(),
	}
}

// cancelCode cancels a one-time code; unknown is what to say if there is none either.
func (a *app) cancelCode(ctx context.Context, id string, unknown error) error {
	p, err := a.client().CancelPairing(ctx, id)
	switch {
	case hasCode(err, api.CodeUnknownPairing):
		return unknown
	case err != nil:
		return err
	case a.json:
		return show.JSON(a.stdout, p)
	}
	return a.say("cancelled the code; it is burnt")
}

// decide asks the node to end a transfer, waits until it has and prints it.
func (a *app) decide(ctx context.Context, id string, do func(*api.Client, context.Context, string) (api.Transfer, error), done string) error {
	c := a.client()
	if _, err := do(c, ctx, id); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	t, err := awaitEnd(ctx, c, id)
	if err != nil {
		return fmt.Errorf("%s, but the transfer %s has not ended yet: %w", done, id, err)
	}
	if a.json {
		return show.JSON(a.stdout, t)
	}
	return a.say("%s %s", done, show.Clip(t.Name, 60))
}
