package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

// sendFlags say how something is sent.
type sendFlags struct {
	patience
	oneShotFlags
	limit transferLimit
	name  string // of what comes from standard input
}

func (a *app) sendCommand() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send FILE|FOLDER... CONTACT|CONVERSATION",
		Short: "Send files or a folder to people and wait until they have arrived",
		Long: `Offer a file or a folder to a contact or to everybody in a group, show how it goes, and
wait until each of them has it on one device, or on none: it has gone well when one
device has the file. Each device answers for itself, those that have not yet may do so
later; 'passeur transfers' tells what each has said. Ctrl-C cancels the transfer.

Several files of one folder go together, as a folder does: links that lead out of it,
devices and the like stay behind. FILE - is standard input, which is read to its end
first and goes by the name that --name gives.

The file becomes an entry of the conversation. Whoever was away finds it there, and
gets it ('passeur get') for as long as it lies here unchanged, or from anybody else
who has it.

With --code it goes to somebody who is no contact: a one-shot code is shown, in words and
as a QR code, and whoever enters it ('passeur receive') gets the file. The code works
once, for ten minutes or --lifetime; whoever guesses wrong burns it. Nothing else comes
of it: the two of you do not become contacts.`,
		Example: `  passeur send photo.jpg bob
  passeur send photo.jpg holiday
  passeur send ~/Pictures/summer bob
  passeur send *.jpg bob --no-wait
  passeur send film.mkv bob --limit 1M
  tar c project | passeur send - bob --name project.tar
  passeur send film.mkv --code --lifetime 1h
  passeur send --json photo.jpg bob | jq .
  passeur cancel $(passeur send --no-wait film.mkv bob)`,
		GroupID: groupFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.code {
				return cobra.MinimumNArgs(1)(cmd, args)
			}
			return cobra.MinimumNArgs(2)(cmd, args)
		},
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runSend(cmd, args, &f) },
		ValidArgsFunction: a.completeSend,
	}
	f.patience.bind(cmd)
	f.oneShotFlags.bind(cmd)
	f.limit.bind(cmd)
	cmd.Flags().StringVar(&f.name, "name", "", "the `NAME` of the file that comes from standard input (-)")
	noWords(cmd, "name")
	return cmd
}

// runSend finds what is to be sent, and to whom.
func (a *app) runSend(cmd *cobra.Command, args []string, f *sendFlags) error {
	if err := f.oneShotFlags.check(cmd); err != nil {
		return err
	}
	var in api.NewTransfer
	files := args
	if !f.code {
		files, in.Contact = args[:len(args)-1], args[len(args)-1]
	}
	if err := checkStdin(files, f.name); err != nil {
		return err
	}
	c := a.client()
	if files[0] == "-" {
		return a.sendStdin(cmd, c, in, f)
	}
	paths, err := checkPaths(files)
	if err != nil {
		return err
	}
	in.Files = paths
	err = a.send(cmd.Context(), c, in, f)
	if canUpload(err, paths) {
		return a.sendUploads(cmd.Context(), c, paths, in, f)
	}
	return err
}

// checkStdin refuses what standard input cannot be.
func checkStdin(files []string, name string) error {
	fromStdin := slices.Contains(files, "-")
	switch {
	case fromStdin && len(files) > 1:
		return usageError("standard input (-) goes alone: send the other files by another command")
	case fromStdin && name == "":
		return usageError("standard input has no name: give it one by --name, for instance --name backup.tar")
	case !fromStdin && name != "":
		return usageError("--name is for standard input: write - for the file")
	}
	return nil
}

// send begins the transfer that in says and follows it.
func (a *app) send(ctx context.Context, c *api.Client, in api.NewTransfer, f *sendFlags) error {
	if f.code {
		return a.sendByCode(ctx, c, in, f)
	}
	return a.begin(ctx, c, &order{patience: f.patience}, func(ctx context.Context) (api.Transfer, error) {
		sent, err := c.Begin(ctx, in)
		if err != nil {
			return sent.Transfer, aboutReceiver(err, in.Contact)
		}
		return f.limit.hold(ctx, c, sent.Transfer)
	})
}

// aboutReceiver says to whom or where something could not be sent.
func aboutReceiver(err error, to string) error {
	if hasCode(err, api.CodeUnknownConversation) {
		return &failure{exit: exitError, code: api.CodeUnknownConversation, err: fmt.Errorf("there is no contact or conversation %q", to)}
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
		return "", fileError("there is no file or folder %s", path)
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
