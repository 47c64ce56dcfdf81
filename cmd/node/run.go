package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

var _ api.Backend = (*node.Node)(nil)

// drain is how long commands that are being answered may take when the node stops.
const drain = 2 * time.Second

const runExample = `  passeur run
  passeur run --name laptop --listen 0.0.0.0:4001
  passeur run --dht client --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3…`

// switchWord is the value of a flag that is on or off.
type switchWord string

type logFormat string

// runOptions are the flags of run.
type runOptions struct {
	config    node.Config
	mdns      switchWord
	verbose   bool
	logFormat logFormat
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the node until it is stopped (Ctrl-C, SIGTERM)",
		Long: `Run the node until it is stopped by Ctrl-C or SIGTERM. Everything else asks it.

When it is ready it says who it is; with --json that is one line,
{"event":"ready","account":…,"device":…,"addrs":[…]}. The log goes to standard error.
Each flag can be set in the environment: PASSEUR_LISTEN for --listen.`,
		Example:     runExample,
		GroupID:     groupNode,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{useEnv: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.runNode(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.config.Name, "name", "", "what this device calls itself to contacts (default: as before, or the host's name)")
	flags.StringArrayVar(&o.config.Bootstrap, "bootstrap", nil, "multiaddr, ending in /p2p/ID, of a node by which to join the DHT (repeatable)")
	flags.Var(newChoice(&o.config.DHT, node.DHTServer, node.DHTClient), "dht", "answer others' questions on the DHT, or only ask")
	flags.StringVar(&o.config.Listen, "listen", "", "HOST:PORT to listen on (default: every address, a free port)")
	flags.Var(newChoice[switchWord](&o.mdns, "on", "off"), "mdns", "find nodes on the local network")
	flags.Var(newChoice(&o.config.Accept, node.AcceptAsk, node.AcceptContacts), "accept", "ask before taking a file, or take all that contacts send")
	flags.StringVar(&o.config.Downloads, "downloads", "", "folder for files accepted without -o (default: received in the home)")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	flags.Var(newChoice[logFormat](&o.logFormat, "text", "json"), "log-format", "form of the log")
	for _, flag := range []string{"dht", "mdns", "accept", "log-format"} {
		completeChoice(cmd, flag)
	}
	return cmd
}

func (a *app) runNode(ctx context.Context, o runOptions) error {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to stop
	logger := a.newLogger(o)
	if err := prepareHome(a.home, logger); err != nil {
		return err
	}
	o.config.Home, o.config.Logger, o.config.MDNS = a.home, logger, o.mdns == "on"
	if o.config.Downloads != "" {
		downloads, err := filepath.Abs(o.config.Downloads)
		if err != nil {
			return err
		}
		o.config.Downloads = downloads
	}
	n, err := node.New(ctx, o.config)
	if err != nil {
		return startError(ctx, err)
	}
	return a.serve(ctx, n, logger)
}

// startError gives nil where the user stopped the node while it started.
func startError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("start the node: %w", err)
}

// serve answers commands until ctx ends and then closes n: before the server,
// so that who watches a transfer still hears how it ended.
func (a *app) serve(ctx context.Context, n *node.Node, logger *slog.Logger) error {
	l, err := api.Listen(a.home)
	if err != nil {
		return errors.Join(err, n.Close())
	}
	server := api.NewServer(n, logger)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	err = a.sayReady(n.Identity())
	if err == nil {
		err = waitServed(ctx, served)
	}
	logger.Info("stopping")
	return errors.Join(err, n.Close(), stopServer(server))
}

func waitServed(ctx context.Context, served <-chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		return fmt.Errorf("serve commands: %w", err)
	}
}

func stopServer(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close() // the time is up: whoever still waits is cut off
	}
	return nil
}

func (a *app) sayReady(i node.Identity) error {
	who := api.NodeOf(i)
	if a.json {
		return show.JSON(a.stdout, readyEvent{"ready", who})
	}
	fmt.Fprintf(a.stdout, "the node is ready\n  home     %s\n", show.Text(a.home))
	return printNode(a.stdout, who)
}

// readyEvent is the one line that run --json prints.
type readyEvent struct {
	Event string `json:"event"` // "ready"
	api.Node
}

func (a *app) newLogger(o runOptions) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if o.verbose {
		options.Level = slog.LevelDebug
	}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(show.Escaped(a.stderr), options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
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
