package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func (a *app) acceptCommand() *cobra.Command {
	var output string
	var noWait bool
	cmd := &cobra.Command{
		Use:   "accept ID",
		Short: "Accept an offered file and wait until it is here",
		Long: `Accept an offered file, show how it goes and wait for the end. Nothing is
overwritten: if the name is taken, the file gets another one. Ctrl-C cancels the
transfer. With --no-wait it prints the id and leaves the rest to the node.`,
		Example: `  passeur accept 0123456789abcdef
  passeur accept 0123456789abcdef -o ~/Pictures/`,
		GroupID: groupFiles,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := checkTarget(output)
			if err != nil {
				return err
			}
			return a.accept(cmd.Context(), args[0], path, noWait)
		},
		ValidArgsFunction: a.completeTransfers(waits),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "folder or file to write to (default: the node's folder for downloads)")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "print the transfer's id and do not wait for the end")
	return cmd
}

func (a *app) accept(ctx context.Context, id, path string, noWait bool) error {
	c := a.client()
	start := func(ctx context.Context) (api.Transfer, error) { return c.Accept(ctx, id, path) }
	if !noWait {
		return a.follow(ctx, c, start)
	}
	t, err := start(ctx)
	if err != nil {
		return err
	}
	return a.printQueued(t)
}

// checkTarget makes path absolute, since the node's working folder is another,
// and finds a missing folder before the offer is answered.
func checkTarget(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(absolute)
	if os.IsPathSeparator(path[len(path)-1]) {
		folder = absolute
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", fileError("there is no folder %s to write to", folder)
	}
	return absolute, nil
}
