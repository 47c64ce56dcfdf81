package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func (a *app) getCommand() *cobra.Command {
	var output string
	var wait patience
	var limit transferLimit
	cmd := &cobra.Command{
		Use:   "get CONVERSATION ENTRY|FILE",
		Short: "Get a file of a conversation from anybody who has it",
		Long: `Ask the devices of all members of a conversation for one of its files, yours too, show
how it goes and wait until it is here. The first that has it gives it; what is
interrupted goes on where it stopped, also from another one. The file is named by its
entry's id or the beginning of it (see 'passeur inbox'), or by its name.

If nobody who has it can be reached, it is asked for again when one of their devices
appears, also after the node was restarted. Ctrl-C and 'passeur cancel' give it up.
With --no-wait it prints the transfer's id and leaves the rest to the node.`,
		Example: `  passeur get holiday 3f2a91c0
  passeur get bob film.mkv -o ~/Videos/
  passeur get bob backup.tar -o - | tar x`,
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.checkOutput(output, &wait)
			if err != nil {
				return err
			}
			what := api.NewGet{Conversation: args[0], File: args[1], Path: path}
			return a.get(cmd.Context(), what, &limit, &order{wait, toStdout(output)})
		},
		ValidArgsFunction: a.completeGet,
	}
	outputFlag(cmd, &output)
	wait.bind(cmd)
	limit.bind(cmd)
	return cmd
}

func (a *app) get(ctx context.Context, what api.NewGet, limit *transferLimit, o *order) error {
	c := a.client()
	return a.begin(ctx, c, o, func(ctx context.Context) (api.Transfer, error) {
		t, err := c.GetFile(ctx, what)
		if err != nil {
			return t, aboutFile(err, what.Conversation, what.File)
		}
		return limit.hold(ctx, c, t)
	})
}

// aboutFile says which conversation or file a problem is about.
func aboutFile(err error, ref, file string) error {
	var p *api.Problem
	if errors.As(err, &p) && p.Code == api.CodeUnknownEntry {
		return &failure{exit: exitError, code: p.Code, err: fmt.Errorf("there is no file %q in this conversation", file)}
	}
	return aboutEntry(err, ref, file)
}
