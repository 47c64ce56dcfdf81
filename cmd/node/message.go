package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/conversation"
)

func (a *app) messageCommand() *cobra.Command {
	var edit, deleted string
	cmd := &cobra.Command{
		Use:   "message CONVERSATION TEXT…",
		Short: "Write a message, or change or take back one of yours",
		Long: `Write a message to a contact (alias) or a group (name, or beginning of its id). TEXT -
reads it from standard input. It prints the message's id; the message is on disk then,
and goes to everybody as soon as one of his devices can be reached.

--edit replaces the text of a message of yours, --delete takes back a message or a
file; both take its id or the beginning of it, see 'passeur conversation show --all'.
Whoever has read it has read it.`,
		Example: `  passeur message bob see you at noon
  passeur message holiday - < plan.txt
  passeur message bob --edit 3f2a91c0 see you at one
  passeur message bob --delete 3f2a91c0`,
		GroupID: groupTalk,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (deleted != "") != (len(args) == 1) {
				return usageError("write either a text, or --delete ENTRY: see '%s --help'", cmd.CommandPath())
			}
			text, err := wordsOrInput(cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			return a.message(cmd.Context(), args[0], text, edit, deleted)
		},
		ValidArgsFunction: a.completeTalk,
	}
	cmd.Flags().StringVar(&edit, "edit", "", "replace the text of this `ENTRY`")
	cmd.Flags().StringVar(&deleted, "delete", "", "take this `ENTRY` back")
	cmd.MarkFlagsMutuallyExclusive("edit", "delete")
	return cmd
}

// wordsOrInput joins the words, or reads standard input if they are just "-".
func wordsOrInput(stdin io.Reader, words []string) (string, error) {
	if len(words) != 1 || words[0] != "-" {
		return strings.Join(words, " "), nil
	}
	text, err := io.ReadAll(io.LimitReader(stdin, conversation.MaxBody+1)) // the node refuses what is longer
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func (a *app) message(ctx context.Context, ref, text, edit, deleted string) error {
	c := a.client()
	var m api.Message
	var err error
	switch {
	case edit != "":
		m, err = c.EditMessage(ctx, ref, edit, text)
	case deleted != "":
		m, err = c.DeleteMessage(ctx, ref, deleted)
	default:
		m, err = c.SendMessage(ctx, ref, text)
	}
	if err != nil {
		return aboutEntry(err, ref, cmp.Or(edit, deleted))
	}
	if a.json {
		return show.JSON(a.stdout, m)
	}
	_, err = fmt.Fprintln(a.stdout, show.ID(m.ID))
	return err
}

// aboutEntry says which conversation or entry a problem is about.
func aboutEntry(err error, ref, entry string) error {
	var p *api.Problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Code {
	case api.CodeUnknownConversation:
		return &failure{exit: exitError, code: p.Code, err: fmt.Errorf("there is no conversation %q", ref)}
	case api.CodeUnknownEntry:
		return &failure{exit: exitError, code: p.Code, err: fmt.Errorf("there is no entry %q in this conversation", entry)}
	}
	return err
}
