package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/passeur-p2p/passeur/cmd/node/backup"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

// minPassphrase is the shortest passphrase for an export, in bytes.
const minPassphrase = 8

// twoCopies is what people are told who get a second copy of a device.
const twoCopies = `It is the same device as the one that was exported: the two must never run at the
same time. Others would reach now one, now the other, and each would miss what the other
got. Stop the old one for good before you start this one. If you want one more device,
use 'passeur device link' instead.`

// backupResult is what export and import print with --json.
type backupResult struct {
	File    string `json:"file"`
	Home    string `json:"home"`
	Account string `json:"account"`
	Device  string `json:"device"`
	Name    string `json:"name"`
}

func (a *app) exportHomeCommand() *cobra.Command {
	var passphrase string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Seal this node's home with a passphrase into one file",
		Long: `Seal this node's home into one file: its keys, contacts, conversations, transfers and
config file, but no file that was sent or received. The node may run meanwhile. FILE
must not exist yet. It is age's format with a tar in it: who has the passphrase gets it
open by 'age -d FILE | tar x', too.

The passphrase is asked for on the terminal, twice. Without it nobody can use the file,
and with it anybody is you: choose a long one, and keep it elsewhere.`,
		Example: "  passeur export passeur-2026.age\n  passeur export --passphrase-file phrase.txt /media/stick/passeur.age",
		GroupID: groupMore,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			phrase, err := a.passphrase(cmd.Context(), passphrase, true)
			if err != nil {
				return err
			}
			id, err := a.exportHome(cmd.Context(), args[0], phrase)
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, resultOf(args[0], a.home, id))
			}
			return a.say("%s holds the device %s of the account %s", show.Text(args[0]), id.Device, id.Account)
		},
	}
	bindPassphrase(cmd, &passphrase)
	return cmd
}

func (a *app) importHomeCommand() *cobra.Command {
	var passphrase string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a home out of what 'passeur export' sealed",
		Long: `Make a home out of what 'passeur export' sealed. The home must be empty or not there
yet; either all of it is made, or nothing.

` + twoCopies,
		Example: "  passeur import passeur-2026.age\n  passeur import --home /srv/carol --passphrase-file phrase.txt passeur.age",
		GroupID: groupMore,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := mustBeEmpty(a.home); err != nil {
				return err
			}
			phrase, err := a.passphrase(cmd.Context(), passphrase, false)
			if err != nil {
				return err
			}
			id, err := importHome(cmd.Context(), args[0], a.home, phrase)
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, resultOf(args[0], a.home, id))
			}
			return a.say("%s is the device %s of the account %s now.\n%s", show.Text(a.home), id.Device, id.Account, twoCopies)
		},
	}
	bindPassphrase(cmd, &passphrase)
	return cmd
}

func bindPassphrase(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "passphrase-file", "", "`FILE` with the passphrase in its first line (default: asked for on the terminal)")
}

func resultOf(file, home string, id node.Identity) backupResult {
	return backupResult{file, home, id.Account.String(), id.Device.String(), id.Name}
}

// exportHome writes a new file, which is there whole or not at all.
func (a *app) exportHome(ctx context.Context, path, phrase string) (id node.Identity, err error) {
	temp, err := a.gather(ctx)
	if err != nil {
		return id, err
	}
	defer os.RemoveAll(temp)
	if id, err = node.CheckHome(temp); err != nil {
		return id, fmt.Errorf("what is here cannot be exported: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return id, fileError("%s is there already: an export replaces nothing", path)
	}
	if err != nil {
		return id, fileError("write the export: %w", err)
	}
	if err := errors.Join(backup.Seal(ctx, f, temp, phrase), f.Sync(), f.Close()); err != nil {
		return id, errors.Join(err, os.Remove(path))
	}
	return id, nil
}

// exportFolder fits the folders of exports that were killed.
const exportFolder = ".export-*"

// gather copies what is to be exported into a folder in the home.
func (a *app) gather(ctx context.Context) (temp string, err error) {
	left, err := filepath.Glob(filepath.Join(a.home, exportFolder))
	if err != nil {
		return "", err
	}
	for _, folder := range left {
		if err := os.RemoveAll(folder); err != nil {
			return "", err
		}
	}
	temp, err = os.MkdirTemp(a.home, exportFolder)
	if err != nil {
		return "", fmt.Errorf("look at the home: %w", err)
	}
	if err := node.CopyHome(ctx, a.home, temp); err != nil {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	config, err := os.ReadFile(filepath.Join(a.home, configName))
	if err == nil {
		err = os.WriteFile(filepath.Join(temp, configName), config, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	return temp, nil
}

// mustBeEmpty refuses a home that has something in it.
func mustBeEmpty(home string) error {
	content, err := os.ReadDir(home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the home: %w", err)
	case len(content) > 0:
		return fileError("the home %s is not empty: import into another one with --home, or move this one away", home)
	}
	return nil
}

// importHome makes the home in one step, of what has been checked.
func importHome(ctx context.Context, path, home, phrase string) (id node.Identity, err error) {
	f, err := os.Open(path)
	if err != nil {
		return id, fileError("read the export: %w", err)
	}
	defer f.Close()
	above := filepath.Dir(home)
	if err := os.MkdirAll(above, 0o700); err != nil {
		return id, fmt.Errorf("make the home: %w", err)
	}
	temp, err := os.MkdirTemp(above, ".passeur-import-*")
	if err != nil {
		return id, fmt.Errorf("make the home: %w", err)
	}
	defer os.RemoveAll(temp) // after the rename there is none
	if err := backup.Open(ctx, f, temp, phrase); err != nil {
		return id, fileError("%s: %w", path, err)
	}
	if id, err = node.CheckHome(temp); err != nil {
		return id, fileError("%s: what it holds is no home: %w", path, err)
	}
	return id, moveHome(temp, home)
}

// moveHome gives a finished folder the name of a home that is empty or not there.
func moveHome(temp, home string) error {
	if err := os.Remove(home); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make the home: %w", err)
	}
	if err := os.Rename(temp, home); err != nil {
		return fmt.Errorf("make the home: %w", err)
	}
	return nil
}

// passphrase is the first line of a file or, without one, what is typed on the
// terminal; a new one is typed twice and must not be short.
func (a *app) passphrase(ctx context.Context, path string, isNew bool) (phrase string, err error) {
	if path == "" {
		phrase, err = a.askPassphrase(ctx, isNew)
	} else if phrase, err = passwordIn(path); err != nil {
		err = fileError("the passphrase's file: %w", err)
	}
	switch {
	case err != nil:
		return "", err
	case isNew && len(phrase) < minPassphrase:
		return "", usageError("the passphrase is too short: at least %d characters, better some words", minPassphrase)
	case phrase == "":
		return "", usageError("the passphrase is empty")
	}
	return phrase, nil
}

func (a *app) askPassphrase(ctx context.Context, twice bool) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", usageError("there is no terminal to ask for the passphrase: give --passphrase-file")
	}
	phrase, err := a.readSecret(ctx, "Passphrase: ")
	if err != nil || !twice {
		return phrase, err
	}
	again, err := a.readSecret(ctx, "Once more: ")
	if err == nil && again != phrase {
		err = usageError("the two passphrases are not the same")
	}
	return phrase, err
}
