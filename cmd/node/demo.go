package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/demo"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo [FILE]",
		Short: "Watch a file cross between two nodes on this machine",
		Long: `Start three nodes on this machine, each a process with a home of its own: a DHT
node, Alice and Bob. They become contacts; Alice sends FILE (64 MiB of random bytes
if none is given), Bob accepts it, then he refuses another one. Every step is
told with the time since the start and checked. Nothing is left behind, and only
this machine's loopback addresses are used.`,
		Example: "  passeur demo\n  passeur demo film.mkv",
		GroupID: groupMore,
		Args:    cobra.MaximumNArgs(1),
		RunE:    a.runDemo,
	}
}

func (a *app) runDemo(cmd *cobra.Command, args []string) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the passeur program: %w", err)
	}
	cfg := demo.Config{Binary: binary, Tell: a.tellStep}
	if len(args) == 1 {
		if cfg.File, err = checkPath(args[0]); err != nil {
			return err
		}
		if info, err := os.Stat(cfg.File); err == nil && info.IsDir() {
			return fileError("%s is a folder; the demo sends a file", args[0])
		}
	}
	// A closed terminal must not leave nodes behind either.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
	defer stop()
	if err := demo.Run(ctx, cfg); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// stepEvent is one line of demo --json; time is in seconds since the start.
type stepEvent struct {
	Event string  `json:"event"` // "step"
	Time  float64 `json:"time"`
	Who   string  `json:"who"`
	What  string  `json:"what"`
}

func (a *app) tellStep(s demo.Step) {
	if a.json {
		show.JSON(a.stdout, stepEvent{"step", s.At.Seconds(), s.Who, s.What})
		return
	}
	fmt.Fprintf(a.stdout, "%s  %s  %s\n", a.paint(dim, fmt.Sprintf("%7.2f s", s.At.Seconds())), a.paint(colourOf[s.Who], fmt.Sprintf("%-5s", s.Who)), s.What)
}

// Colours (ECMA-48 SGR) of the demo.
const dim = "2"

var colourOf = map[string]string{"demo": "1", "dht": "35", "alice": "36", "bob": "33"}

// paint colours text if standard output is a terminal that may have colours.
func (a *app) paint(colour, text string) string {
	if !a.colour() {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
