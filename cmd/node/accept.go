package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func (a *app) acceptCommand() *cobra.Command {
	var output string
	var only []string
	var wait patience
	var limit transferLimit
	cmd := &cobra.Command{
		Use:   "accept ID",
		Short: "Accept an offered file or folder and wait until it is here",
		Long: `Accept an offered file or folder, show how it goes and wait for the end. Nothing is
overwritten: if the name is taken, it gets another one. What is interrupted goes on by
itself where it stopped, also from somebody else who has it. Ctrl-C cancels the
transfer. With --no-wait it prints the id and leaves the rest to the node.

With -o - the file goes to standard output, and nothing else does: not a byte of it
before all are verified. It lies in the node's folder for downloads too.

With --only, which may be repeated, only those files of a folder are fetched that match
a pattern: * stands for any part of a name, ? for one character, [a-z] for one of
several. A pattern with / is for the whole path within the folder, one without for
names in it, however deep; a folder that matches brings all that it contains.`,
		Example: `  passeur accept 0123456789abcdef
  passeur accept 0123456789abcdef -o ~/Pictures/
  passeur accept 0123456789abcdef -o - | tar x
  passeur accept 0123456789abcdef --only '*.jpg' --only letters/2026`,
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.checkOutput(output, &wait)
			if err != nil {
				return err
			}
			return a.accept(cmd.Context(), args[0], path, only, &limit, &order{wait, toStdout(output)})
		},
		ValidArgsFunction: a.completeTransfers(waits),
	}
	outputFlag(cmd, &output)
	cmd.Flags().StringArrayVar(&only, "only", nil, "of a folder, fetch only what matches `PATTERN` (repeatable)")
	wait.bind(cmd)
	limit.bind(cmd)
	return cmd
}

func (a *app) accept(ctx context.Context, id, path string, only []string, limit *transferLimit, o *order) error {
	c := a.client()
	if o.stdout {
		if err := checkForStdout(ctx, c, id); err != nil {
			return err
		}
	}
	return a.begin(ctx, c, o, func(ctx context.Context) (api.Transfer, error) {
		if _, err := limit.hold(ctx, c, api.Transfer{ID: id}); err != nil {
			return api.Transfer{}, err
		}
		return c.Accept(ctx, id, path, only...)
	})
}

// outputFlag says where a file that comes is to lie.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "`FOLDER|FILE` to write to, a folder ends in / or is there; -: standard output, once every byte is verified (default: the node's folder for downloads)")
}
