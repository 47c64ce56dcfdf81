package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

// restartTime is how long a node that has joined an account may take to start anew.
const restartTime = time.Minute

// maxCodeLine is more bytes than the text of any code has.
const maxCodeLine = 4 << 10

// qrFlags say whether a code is drawn for a camera too.
type qrFlags struct{ always, never bool }

func (q *qrFlags) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&q.always, "qr", false, "draw a QR code, also where it may not fit")
	cmd.Flags().BoolVar(&q.never, "no-qr", false, "draw no QR code")
	cmd.MarkFlagsMutuallyExclusive("qr", "no-qr")
}

// draws decides for a code whose QR code says text: where nobody says anything, it is
// drawn on terminals that are wide enough.
func (q *qrFlags) draws(stdout *os.File, text string) bool {
	width, err := show.QRWidth(text)
	if err != nil || q.never {
		return false
	}
	return q.always || stdout != nil && show.Width(stdout) >= width
}

// codeTyped gives the code that a command's arguments are, or the first line of standard
// input for "-": who shows the code at the other end of a pipe waits until it is entered.
// To ask the node for no code at all would show a new one.
func codeTyped(cmd *cobra.Command, args []string) (code string, err error) {
	if code = strings.Join(args, " "); code == "-" {
		code, err = firstLine(cmd.InOrStdin())
	}
	if err == nil && strings.TrimSpace(code) == "" {
		err = usageError("the code is empty: see '%s --help'", cmd.CommandPath())
	}
	return code, err
}

// firstLine reads a line of at most as many bytes as a line of any code has.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxCodeLine)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return line, nil
}

// pair shows or enters a one-time code, tells each step and gives the end, which is
// an error unless it is done. When ctx ends the pairing is cancelled. Command is
// what takes the code on the other side.
func (a *app) pair(ctx context.Context, c *api.Client, in api.NewPairing, command string, q *qrFlags) (api.Pairing, error) {
	return a.pairBy(ctx, c, command, q, func(ctx context.Context) (api.Pairing, error) { return c.Pair(ctx, in) })
}

// pairBy is pair for a pairing that start begins.
func (a *app) pairBy(ctx context.Context, c *api.Client, command string, q *qrFlags, start func(context.Context) (api.Pairing, error)) (api.Pairing, error) {
	f := &pairFollower{client: c, tell: func(p api.Pairing) { a.tellPairing(p, command, q) }}
	defer f.close()
	if err := f.begin(ctx, start); err != nil {
		return f.p, aboutPairing(ctx, c, err)
	}
	err := f.untilEnd(ctx)
	if ctx.Err() != nil && !f.p.State.Ended() {
		return f.p, a.interruptPairing(f)
	}
	if err == nil {
		err = pairingEnded(f.p, a.json)
	}
	return f.p, err
}

// tellPairing writes a step: for scripts as a line, for people the code on standard
// output and what happens on standard error.
func (a *app) tellPairing(p api.Pairing, command string, q *qrFlags) {
	if a.json {
		show.JSON(a.stdout, show.NewPairingEvent(p))
		return
	}
	if p.State == node.PairWaiting && show.Shown(p) {
		a.showCode(p, command, q)
	}
	if step := show.PairingStep(p); step != "" {
		a.tell("%s", step)
	}
}

// showCode writes a code: with --json as an event, with --quiet nothing else.
func (a *app) showCode(p api.Pairing, command string, q *qrFlags) {
	f, _ := a.stdout.(*os.File)
	switch {
	case a.json:
		show.JSON(a.stdout, show.NewPairingEvent(p))
	case a.quiet:
		fmt.Fprintln(a.stdout, show.Text(cmp.Or(p.Code, p.QR)))
	default:
		show.Code(a.stdout, p, command, show.CodeStyle{QR: q.draws(f, p.QR), Colour: a.colour()})
	}
}

// aboutPairing says which pairing is in the way of another, and how it is ended.
func aboutPairing(ctx context.Context, c *api.Client, err error) error {
	if !hasCode(err, api.CodeBusy) {
		return err
	}
	all, failed := c.Pairings(ctx)
	i := slices.IndexFunc(all, func(p api.Pairing) bool { return !p.State.Ended() && p.Purpose != node.PairFile })
	if failed != nil || i < 0 {
		return err
	}
	return &failure{exit: exitError, code: api.CodeBusy,
		err: fmt.Errorf("another code is shown or entered on this device already; wait for its end, or end it by 'passeur cancel %s'", show.Text(all[i].ID))}
}

// interruptPairing cancels it, unless it has ended by itself meanwhile.
func (a *app) interruptPairing(f *pairFollower) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	p, err := f.client.CancelPairing(ctx, f.p.ID)
	if hasCode(err, api.CodeEnded) {
		p, err = f.client.Pairing(ctx, f.p.ID)
	}
	if err != nil {
		return fmt.Errorf("interrupted, but the pairing %s could not be cancelled: %w", f.p.ID, err)
	}
	f.take(p)
	if err := pairingEnded(p, a.json); err != nil {
		return &failure{exit: exitInterrupted, code: codeInterrupted, err: err, told: a.json}
	}
	return nil // it was done before it could be cancelled
}

// pairingEnded gives nil for a pairing that is done, else what its end means. Told:
// its last line is out.
func pairingEnded(p api.Pairing, told bool) error {
	switch p.State {
	case node.PairDone:
		return nil
	case node.PairCancelled:
		return &failure{exit: exitError, code: codeCancelled, err: errors.New(show.PairingFailure(p)), told: told}
	}
	return &failure{exit: exitOfProblem(p.Failure), code: p.Failure, err: errors.New(show.PairingFailure(p)), told: told}
}

func hasCode(err error, code string) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Code == code
}

// pairFollower keeps what is known of one pairing and tells each new state.
type pairFollower struct {
	client *api.Client
	events *api.Events // nil while none is open
	p      api.Pairing
	tell   func(api.Pairing)
}

// begin watches and only then asks, so that it misses nothing.
func (f *pairFollower) begin(ctx context.Context, start func(context.Context) (api.Pairing, error)) (err error) {
	if f.events, err = f.client.Events(ctx, ""); err != nil {
		return err
	}
	// An interrupt must not leave a code behind that nobody knows: hear the answer.
	p, err := start(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	f.take(p)
	return nil
}

// untilEnd takes events until the pairing has ended. A stream that breaks is opened
// again; a node that started anew knows the pairing no more.
func (f *pairFollower) untilEnd(ctx context.Context) error {
	for broken := 0; !f.p.State.Ended(); {
		e, err := f.events.Next()
		switch {
		case err == nil && e.Pairing != nil && e.Pairing.ID == f.p.ID:
			broken = 0
			f.take(*e.Pairing)
		case err != nil:
			if broken++; ctx.Err() != nil || broken > maxReopen {
				return err
			}
			if err := f.reopen(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *pairFollower) reopen(ctx context.Context) (err error) {
	f.close()
	if f.events, err = f.client.Events(ctx, ""); err != nil {
		return err
	}
	p, err := f.client.Pairing(ctx, f.p.ID)
	if err == nil {
		f.take(p)
	}
	return err
}

// take tells p if its state is new, or if the words to compare are.
func (f *pairFollower) take(p api.Pairing) {
	isNew := p.State != f.p.State || p.Verifier != f.p.Verifier
	f.p = p
	if isNew {
		f.tell(p)
	}
}

func (f *pairFollower) close() {
	if f.events != nil {
		f.events.Close()
		f.events = nil
	}
}

// awaitAccount waits until the node has started anew, with another account than
// before.
func awaitAccount(ctx context.Context, c *api.Client, before string) (api.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, restartTime)
	defer cancel()
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		n, err := c.Node(ctx)
		if err == nil && n.Account != before {
			return n, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return n, fmt.Errorf("this device has joined the account, but its node has not started anew: see what 'passeur run' says (%w)", errors.Join(err, ctx.Err()))
		}
	}
}
