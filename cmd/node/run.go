package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/node"
)

const runExample = `  passeur run
  passeur run --name laptop --listen 0.0.0.0:4001
  passeur run --dht client --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3…
  passeur run --role dht                  # a bootstrap node for everyone`

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the node until it is stopped (Ctrl-C, SIGTERM)",
		Long: `Run the node until it is stopped by Ctrl-C or SIGTERM. Everything else asks it.

Nodes find each other in the DHT, an address book that they keep together. --bootstrap
names a node of it to begin with; on a local network they find each other without.

When it is ready it says who it is; with --json that is one line,
{"event":"ready","account":…,"device":…,"addrs":[…]}. It says so again when this device
has joined an account ('passeur device join'): then the node starts anew, as one of that
account's. The log goes to standard error.

Each flag can be set in the environment, PASSEUR_LOG_LEVEL for --log-level, and in the
config file (TOML) under its own name. A flag counts before the environment, and that
before the file. 'passeur config example' prints such a file with every setting
explained, 'passeur config check' tells what is wrong with one. Rules about what to take,
and TURN servers, which have passwords, are in the file only.

SIGHUP or 'passeur reload' reads the file again. SIGTERM and Ctrl-C let transfers that
run go on for a while (--drain) and begin nothing new; a second signal stops at once.`,
		Example:     runExample,
		GroupID:     groupNode,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{useEnv: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.runNode(cmd) },
	}
	o.bind(cmd.Flags())
	completeRun(cmd)
	return cmd
}

func (a *app) runNode(cmd *cobra.Command) error {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to stop
	keepMemoryLow()
	s, err := a.newService(cmd.Flags())
	if err != nil {
		return err
	}
	if err := prepareHome(a.home, s.logger); err != nil {
		return err
	}
	file, err := appendTo(s.now.audit)
	if err != nil {
		return err
	}
	s.audit.file = file
	defer s.audit.Close()
	s.now.warn(s.log())
	return s.serve(cmd.Context(), func(ctx context.Context) (running, error) { return node.New(ctx, s.nodeConfig()) })
}

// prepareHome makes the home, mode 0700. An existing folder is closed to others
// if it is empty; one with content is the user's affair, and each file that
// the node makes there is closed to others anyway.
func prepareHome(home string, logger *slog.Logger) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("make the home: %w", err)
	}
	info, err := os.Stat(home)
	if err != nil {
		return fmt.Errorf("look at the home: %w", err)
	}
	open := info.Mode().Perm() & 0o077
	if open == 0 || runtime.GOOS == "windows" {
		return nil
	}
	content, err := os.ReadDir(home)
	if err != nil {
		return fmt.Errorf("look at the home: %w", err)
	}
	if len(content) == 0 {
		return os.Chmod(home, 0o700)
	}
	logger.Warn("other users may look into the home", "home", home, "mode", fs.FileMode(info.Mode().Perm()))
	return nil
}
