package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func (a *app) receiveCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "receive CODE",
		Short: "Fetch what somebody sends by a one-shot code",
		Long: `Enter the code that 'passeur send --code' shows on the other side: it fetches what is sent
there, and nothing else comes of it. The two of you become no contacts. Case and what
stands between the words do not matter, the first three letters of each word are enough,
and a single typing error is found. The text of the QR code does too. CODE - reads it
from standard input, where nobody else on the machine sees it.

To enter the code is to accept. It works once: a wrong one burns it, on both sides, and
the sender shows a new one. What is interrupted goes on by itself, for up to a day.
Ctrl-C cancels it.`,
		Example: `  passeur receive 223-macaroni-palm-rimmed
  passeur receive 223 mac pal rim -o ~/Downloads/
  passeur receive 223-macaroni-palm-rimmed -o - | tar x`,
		GroupID: groupFiles,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := codeTyped(cmd, args)
			if err != nil {
				return err
			}
			path, err := a.checkOutput(output, &patience{})
			if err != nil {
				return err
			}
			return a.receive(cmd.Context(), api.NewReceive{Code: code, Path: path}, toStdout(output))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	outputFlag(cmd, &output)
	return cmd
}

func (a *app) receive(ctx context.Context, in api.NewReceive, stdout bool) error {
	c := a.client()
	p, err := a.pairBy(ctx, c, "", nil, func(ctx context.Context) (api.Pairing, error) { return c.Receive(ctx, in) })
	if err != nil {
		return err
	}
	return a.followCode(ctx, c, p, &order{stdout: stdout})
}
