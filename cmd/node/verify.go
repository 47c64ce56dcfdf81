package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an export: signatures, certificates and rules",
		Long: `Check a file that 'passeur conversation export' wrote, line by line: each entry's
signature, that its device belongs to its account, and that the rules of the
conversation let it write that. It needs nothing but the file: no node, no network.
FILE - is standard input.

The exit code is 5 if anything is wrong, and the error names the line. That nothing is
missing at the end, only somebody can say who knows the newest entries: compare heads.`,
		Example: "  passeur conversation verify holiday.jsonl\n  zcat bob.jsonl.gz | passeur conversation verify - --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := openExport(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer in.Close()
			r, err := logstore.VerifyExport(cmd.Context(), in)
			if errors.Is(err, logstore.ErrExport) {
				return &failure{exit: exitBadSum, code: codeBadExport, err: fmt.Errorf("%s: %w", args[0], err)}
			}
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, show.NewVerified(r))
			}
			return show.Export(a.stdout, r)
		},
	}
}

func openExport(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError("read the export: %w", err)
	}
	return f, nil
}
