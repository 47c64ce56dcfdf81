// Command bench tells how fast passeur is on this machine, next to others who do the
// same work: each figure that counts is a ratio within one round.
//
// A row is one kind of work. Its contenders do it in turn, each round beginning with
// another one, so that what else the machine does hits all alike; medians are shown.
// Every run compares what arrived with what was sent. The contenders are nodes, as
// processes of the passeur binary; copies of a stream that stand for what the wire and
// the ciphers cost, as processes of this program; and other people's programs, as
// Debian packages them. What the machine lacks is left out, and the table says so.
//
// All of it happens in network namespaces of its own (test/lab), on loopback or over
// emulated cables (test/natlab/wire), and in a temporary folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/passeur-p2p/passeur/test/lab"
)

type options struct {
	rounds  int
	only    []string
	passeur string
	dir     string
	part    int64
	fifo    bool
	alone   bool
	list    bool

	role    string // "" for the one who starts the others
	way     string
	control string
	addr    string
	file    string
	size    size
	profile string
	rest    []string
}

func parse(args []string) (options, error) {
	o := options{size: 1 << 30}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 3, "how often each row is measured")
	f.Func("row", "`NAMES` of rows to measure, with commas (default: all; see -list)", func(s string) error {
		o.only = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	})
	f.StringVar(&o.passeur, "passeur", filepath.Join("bin", "passeur"), "the `BINARY` to measure")
	f.StringVar(&o.dir, "dir", os.TempDir(), "`FOLDER` on the disk to measure with")
	f.Int64Var(&o.part, "part", 1, "divide all sizes by this, to try the program: the figures say nothing then")
	f.BoolVar(&o.fifo, "realtime", false, "run ahead of all else on this machine (chrt -r 20)")
	f.BoolVar(&o.alone, "alone", false, "leave other people's programs out")
	f.BoolVar(&o.list, "list", false, "list the rows")
	f.StringVar(&o.role, "role", "", "for the processes that bench starts: send, receive, serve or nosync")
	f.StringVar(&o.way, "way", "", "what to send over")
	f.StringVar(&o.addr, "addr", "", "where the receiver is, or is to be")
	f.StringVar(&o.file, "file", "", "file to send or to write; none: a stream of numbers")
	f.StringVar(&o.control, "control", "", "congestion control to use; none: the host's")
	f.Var(&o.size, "size", "bytes to send, in MiB or GiB")
	f.StringVar(&o.profile, "profile", "", "file for a CPU profile of the timed part")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.rest = f.Args()
	switch {
	case o.rounds < 1:
		return o, errors.New("-rounds must be at least 1")
	case o.part < 1:
		return o, errors.New("-part must be at least 1")
	}
	return o, o.checkRows()
}

func (o options) checkRows() error {
	for _, name := range o.only {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			return fmt.Errorf("there is no row %q; -list names them", name)
		}
	}
	return nil
}

// bytes is a size of a row, or the part of it that is asked for: whole MiB.
func (o options) bytes(n int64) int64 { return max(n/o.part>>20, 1) << 20 }

func run(ctx context.Context, o options) error {
	switch o.role {
	case "send":
		return send(ctx, o)
	case "receive":
		return receive(ctx, o)
	case "serve":
		return serve(ctx, o)
	case "nosync":
		return runUnsynced(o.rest)
	}
	return fmt.Errorf("no role %q", o.role)
}

// all measures the rows that are asked for, and prints what they have shown.
func all(ctx context.Context, o options) error {
	var res []results
	var more strings.Builder
	failed := false
	for _, r := range rows {
		if len(o.only) > 0 && !slices.Contains(o.only, r.name) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		one := r.run(ctx, o)
		res = append(res, one)
		failed = failed || slices.ContainsFunc(one.judge(), func(v verdict) bool { return v.rounds == 0 })
		if r.after == nil {
			continue
		}
		if word, err := r.after(ctx, o); err == nil {
			fmt.Fprintf(&more, "\n%s\n", word)
		} else {
			fmt.Fprintf(os.Stderr, "%s: %v\n", r.name, err)
		}
	}
	fmt.Printf("%s%s\n%s", text(o, res), &more, markdown(o, res))
	if failed {
		return errors.New("some rows were not measured")
	}
	return ctx.Err()
}

// ahead runs this program again, before all others on this machine.
func ahead(args []string) error {
	chrt, err := exec.LookPath("chrt")
	if err != nil {
		return fmt.Errorf("-realtime needs chrt, of Debian's util-linux: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	words := []string{"chrt", "-r", "20", self}
	for _, a := range args {
		if a != "-realtime" && a != "--realtime" {
			words = append(words, a)
		}
	}
	return syscall.Exec(chrt, words, os.Environ())
}

// passeurEnv is where the lab's people look for the binary.
const passeurEnv = "LAB_PASSEUR"

// furnish says to all that is started where the binary and the temporary folders are.
func (o options) furnish() error {
	binary, err := filepath.Abs(o.passeur)
	if err == nil {
		_, err = os.Stat(binary)
	}
	if err != nil {
		return fmt.Errorf("find the binary to measure: %w; make build makes it", err)
	}
	os.Setenv(passeurEnv, binary)
	os.Setenv("TMPDIR", o.dir)
	return nil
}

func start() int {
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && o.list:
		for _, r := range rows {
			fmt.Printf("%-9s %s\n", r.name, r.title)
		}
		return 0
	case err == nil && o.fifo:
		err = ahead(os.Args[1:])
	case err == nil && o.role == "":
		if err = o.furnish(); err == nil {
			return lab.Main(func() int { return finish(all, o) })
		}
	case err == nil:
		return finish(run, o)
	}
	return complain(err)
}

func finish(work func(context.Context, options) error, o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return complain(work(ctx, o))
}

func complain(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}

func main() { os.Exit(start()) }
