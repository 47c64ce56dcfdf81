package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

// ErrNoHome: a folder is no home of a node.
var ErrNoHome = errors.New("this is no home of a passeur node")

// logFiles fits the names of [logFile].
const logFiles = "conversations-????????.db"

// CopyHome copies who a node is and what it knows to the folder to, which must be
// there and empty: its keys, its name, its state and the logs of conversations, but no
// file that was sent or received. A node may run on the home; each of the state and
// the logs is then as it was at one moment. Errors wrap ErrNoHome if there is no node.
func CopyHome(ctx context.Context, home, to string) error {
	if _, err := os.Stat(filepath.Join(home, deviceKeyFile)); err != nil {
		return fmt.Errorf("%w: %w", ErrNoHome, err)
	}
	for _, name := range []string{deviceKeyFile, accountKeyFile, accountCertFile, handoverFile, nameFile} {
		raw, err := os.ReadFile(filepath.Join(home, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), raw, 0o600)
		}
		if err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(home, logFiles))
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := logstore.Copy(ctx, path, filepath.Join(to, filepath.Base(path))); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
	}
	path := filepath.Join(home, stateFile)
	err = store.Copy(ctx, path, filepath.Join(to, stateFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a node that never ran has none
		return fmt.Errorf("copy %s: %w", path, err)
	}
	return nil
}

// CheckHome tells whose home a folder is on which no node runs, once it has read
// everything that a node would start with and found it whole. It brings old files to
// the newest schema, as a node would. Errors wrap ErrNoHome if there is no node.
func CheckHome(home string) (Identity, error) {
	if _, err := os.Stat(filepath.Join(home, deviceKeyFile)); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrNoHome, err)
	}
	_, key := os.Stat(filepath.Join(home, accountKeyFile))
	_, cert := os.Stat(filepath.Join(home, accountCertFile))
	_, handover := os.Stat(filepath.Join(home, handoverFile))
	if key != nil && cert != nil && handover != nil {
		return Identity{}, fmt.Errorf("%w: the account's key is missing", ErrNoHome)
	}
	id, err := LoadIdentity(home, "")
	if err != nil {
		return id, err
	}
	state, err := store.Open(filepath.Join(home, stateFile))
	if err != nil {
		return id, err
	}
	if err := state.Close(); err != nil {
		return id, err
	}
	files, err := filepath.Glob(filepath.Join(home, logFiles))
	if err != nil {
		return id, err
	}
	for _, path := range files {
		log, err := logstore.Open(path, logstore.Config{Self: id.Account})
		if err != nil {
			return id, err
		}
		_, read := log.Conversations()
		if err := errors.Join(read, log.Close()); err != nil {
			return id, err
		}
	}
	return id, nil
}
