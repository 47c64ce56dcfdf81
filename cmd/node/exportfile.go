package main

import (
	"bytes"
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// exportedFile is what conversation export -o FILE --json prints.
type exportedFile struct {
	File    string `json:"file"`
	Entries int    `json:"entries"`
}

func (a *app) exportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export CONVERSATION",
		Short: "Write a conversation with its signatures into a file",
		Long: `Write every entry of a conversation as one line of JSON, with the very bytes that were
signed, so that 'passeur conversation verify', or anybody else, can check it without
a node. Whoever gets the file can read the conversation.`,
		Example: "  passeur conversation export holiday -o holiday.jsonl\n  passeur conversation export bob | gzip > bob.jsonl.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return aboutEntry(a.client().Export(cmd.Context(), args[0], a.stdout), args[0], "")
			}
			entries, err := a.exportTo(cmd.Context(), args[0], output)
			if err != nil {
				return aboutEntry(err, args[0], "")
			}
			if a.json {
				return show.JSON(a.stdout, exportedFile{output, entries})
			}
			return a.say("%d entries in %s", entries, show.Text(output))
		},
		ValidArgsFunction: a.completeConversations(anyConversation),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write, which must not exist yet (default: standard output)")
	return cmd
}

// exportTo writes a new file, for the owner alone, which is there whole or not at all.
func (a *app) exportTo(ctx context.Context, ref, path string) (entries int, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fileError("write the export: %w", err)
	}
	lines := &lineCounter{f: f}
	if err := errors.Join(a.client().Export(ctx, ref, lines), f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(path))
	}
	return lines.n, nil
}

// lineCounter counts the lines that it writes.
type lineCounter struct {
	f *os.File
	n int
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte("\n"))
	return l.f.Write(p)
}
