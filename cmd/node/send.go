package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func (a *app) sendCommand() *cobra.Command {
	var wait patience
	cmd := &cobra.Command{
		Use:   "send FILE|FOLDER... CONTACT|CONVERSATION",
		Short: "Send files or a folder to people and wait until they have arrived",
		Long: `Offer a file or a folder to a contact or to everybody in a group, show how it goes, and
wait until each of them has it on one device, or on none: it has gone well when one
device has the file. Each device answers for itself, those that have not yet may do so
later; 'passeur transfers' tells what each has said. Ctrl-C cancels the transfer.

Several files of one folder go together, as a folder does: links that lead out of it,
devices and the like stay behind.

The file becomes an entry of the conversation. Whoever was away finds it there, and
gets it ('passeur get') for as long as it lies here unchanged, or from anybody else
who has it.`,
		Example: `  passeur send photo.jpg bob
  passeur send photo.jpg holiday
  passeur send ~/Pictures/summer bob
  passeur send *.jpg bob
  passeur send --json photo.jpg bob | jq .
  passeur cancel $(passeur send --no-wait film.mkv bob)`,
		GroupID: groupFiles,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			last := len(args) - 1
			paths, err := checkPaths(args[:last])
			if err != nil {
				return err
			}
			return a.send(cmd.Context(), paths, args[last], &wait)
		},
		ValidArgsFunction: a.completeSend,
	}
	wait.bind(cmd)
	return cmd
}

func (a *app) send(ctx context.Context, paths []string, to string, wait *patience) error {
	c := a.client()
	return a.begin(ctx, c, wait, func(ctx context.Context) (api.Transfer, error) {
		t, err := c.SendFiles(ctx, paths, to)
		return t, aboutReceiver(err, to)
	})
}

// aboutReceiver says to whom or where something could not be sent.
func aboutReceiver(err error, to string) error {
	var p *api.Problem
	if errors.As(err, &p) && p.Code == api.CodeUnknownConversation {
		return &failure{exit: exitError, code: p.Code, err: fmt.Errorf("there is no contact or conversation %q", to)}
	}
	return aboutContact(err, to)
}

// aboutContact says which contact a problem is about.
func aboutContact(err error, contact string) error {
	var p *api.Problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Code {
	case api.CodeUnknownContact:
		return &failure{exit: exitError, code: p.Code, err: fmt.Errorf("there is no contact %q", contact)}
	case api.CodeNotAccepted:
		return &failure{exit: exitError, code: p.Code, err: fmt.Errorf("you and %q have not both accepted to be contacts yet", contact)}
	}
	return err
}

// checkPaths gives the absolute paths of what can be sent.
func checkPaths(paths []string) ([]string, error) {
	all := make([]string, len(paths))
	for i, path := range paths {
		var err error
		if all[i], err = checkPath(path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// checkPath gives the absolute path of what can be sent: a regular file, or a folder,
// that can be read.
func checkPath(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fileError("there is no file %s", path)
	case err != nil:
		return "", fileError("look at the file: %w", err)
	case !info.Mode().IsRegular() && !info.IsDir():
		return "", fileError("%s is neither a regular file nor a folder; only those can be sent", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fileError("read the file: %w", err)
	}
	f.Close()
	return filepath.Abs(path)
}
