// Command bench tells how fast one stream of bytes is on this machine: over raw
// TCP, TLS, libp2p with its defaults and with ours, and over /ice.
//
// Each figure comes from two processes on loopback, a sender and a receiver,
// which are this program again. Rounds of all rows are interleaved, so that what
// else the machine does hits all alike, and ratios are taken within a round. The
// time runs from the first byte sent to the receiver's word that the last one
// came. Connecting is not in it.
//
// It measures no disk, no hash, no network.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

type options struct {
	rounds int
	size   size
	least  float64

	role    string // "" for the one who starts the others
	row     string
	addr    string
	profile string
}

func parse(args []string) (options, error) {
	o := options{size: 1 << 30}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 5, "how often each row is measured")
	f.Var(&o.size, "size", "bytes in a round, in MiB or GiB")
	f.Float64Var(&o.least, "least", 0.65, "exit with 1 if /ice is slower than this part of plain TLS")
	f.StringVar(&o.role, "role", "", "send or receive, for the processes that bench starts")
	f.StringVar(&o.row, "row", "", "what to send over")
	f.StringVar(&o.addr, "addr", "", "where the receiver is")
	f.StringVar(&o.profile, "profile", "", "file for a CPU profile of the timed part")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 {
		return o, errors.New("-rounds must be at least 1")
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	switch o.role {
	case "send":
		return send(ctx, o)
	case "receive":
		return receive(ctx, o)
	}
	return measure(ctx, o)
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
