package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const (
	// endTime is how long a transfer may take to end once that was asked for.
	endTime = 10 * time.Second
	// askAgain is how often an ending transfer is looked at.
	askAgain = 50 * time.Millisecond
	// maxReopen bounds how often in a row a broken event stream is opened again.
	maxReopen = 3
)

// beginner begins a transfer.
type beginner = func(context.Context) (api.Transfer, error)

// order says how a transfer is to be followed.
type order struct {
	patience
	// stdout: the file goes to standard output too, and so nothing else does.
	stdout bool
}

// begin starts a transfer by start and follows it as o says.
func (a *app) begin(ctx context.Context, c *api.Client, o *order, start beginner) error {
	if o.none() {
		return a.beginOnly(ctx, start)
	}
	f, err := a.follow(ctx, c, &o.patience, start)
	switch {
	case err != nil || a.json:
		return err
	case o.stdout:
		return a.writeContent(ctx, c, f)
	}
	return a.say("%s", f.result())
}

// beginOnly starts a transfer and says its id.
func (a *app) beginOnly(ctx context.Context, start beginner) error {
	t, err := start(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return show.JSON(a.stdout, show.NewOfferEvent(t))
	}
	_, err = fmt.Fprintln(a.stdout, show.Text(t.ID))
	return err
}

// follow starts a transfer by start, shows how it goes, waits for its end and gives
// that end as an error. When ctx ends the transfer is cancelled, and when the patience
// does it is left to the node.
func (a *app) follow(ctx context.Context, c *api.Client, p *patience, start beginner) (*follower, error) {
	f := &follower{client: c, reporter: a.reporter(), parts: map[[2]string]filexfer.State{}}
	defer f.close()
	waiting, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	if err := f.begin(waiting, start); err != nil {
		return f, err
	}
	if p.limit() > 0 {
		defer time.AfterFunc(p.limit(), func() { enough(errEnough) }).Stop()
	}
	err := f.untilEnd(waiting)
	switch {
	case err == nil:
		return f, f.finish()
	case ctx.Err() != nil:
		return f, a.interrupt(f)
	case context.Cause(waiting) == errEnough:
		return f, a.leave(f, p)
	}
	return f, a.lost(f, err)
}

// errEnough: the time that --wait gives is over.
var errEnough = errors.New("waited long enough")

// leave says that the node goes on without this command.
func (a *app) leave(f *follower, p *patience) error {
	if f.t.State == filexfer.Finished { // somebody has it; others may still take it
		return f.finish()
	}
	return &failure{exit: exitTimeout, code: codeStillRunning,
		err: fmt.Errorf("%s has not arrived after %v (--wait); the transfer %s goes on: 'passeur transfers' shows it, 'passeur cancel %[3]s' ends it",
			show.Clip(f.t.Name, 60), p.limit(), show.Text(f.t.ID))}
}

// lost says what becomes of a transfer whose node cannot be heard any more.
func (a *app) lost(f *follower, err error) error {
	goesOn := ""
	if f.t.Direction == node.Incoming && f.t.Entry != "" {
		goesOn = "; when it runs again it goes on asking for the file"
	}
	return &failure{exit: exitError, code: api.CodeClosing,
		err: fmt.Errorf("the node in %s stopped while the transfer ran (%w)%s", a.home, err, goesOn)}
}

// result says for people that the followed transfer went well, and how.
func (f *follower) result() string {
	if f.already {
		return show.Already(f.t)
	}
	return show.Result(f.t, f.meter.Mean())
}

// interrupt cancels the transfer, unless it has ended by itself meanwhile.
func (a *app) interrupt(f *follower) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	_, err := f.client.Cancel(ctx, f.t.ID)
	var p *api.Problem
	if err != nil && !(errors.As(err, &p) && p.Code == api.CodeEnded) {
		return fmt.Errorf("interrupted, but the transfer %s could not be cancelled: %w", f.t.ID, err)
	}
	t, err := awaitEnd(ctx, f.client, f.t.ID)
	if err != nil {
		return fmt.Errorf("interrupted; the transfer %s is being cancelled: %w", f.t.ID, err)
	}
	f.take(api.Event{Time: t.Updated, Transfer: &t})
	if err := f.finish(); err != nil {
		return &failure{exit: exitInterrupted, code: codeInterrupted, err: err, told: true}
	}
	return nil // it was finished before it could be cancelled
}

// follower keeps what is known of one transfer and reports what is new in it.
type follower struct {
	client   *api.Client
	events   *api.Events // nil while none is open
	t        api.Transfer
	reporter show.Reporter
	meter    show.Meter
	already  bool // it had ended before it began: the file is here
	// What was reported last.
	waits show.Wait
	path  string
	bytes int64
	flows bool                         // some progress, if only of 0 bytes
	parts map[[2]string]filexfer.State // by account and device
}

// begin watches and only then starts the transfer, so that it misses nothing.
func (f *follower) begin(ctx context.Context, start beginner) (err error) {
	if f.events, err = f.client.Events(ctx, ""); err != nil {
		return err
	}
	// An interrupt while the node is being asked must not leave a transfer
	// behind whose id nobody knows: hear the answer first.
	if f.t, err = start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	f.already = f.t.Ended && f.t.Entry != ""
	f.reporter.Offer(f.t)
	f.take(api.Event{Time: f.t.Updated, Transfer: &f.t})
	return nil
}

// untilEnd takes events until there is nothing left to wait for. A stream that breaks, as
// it does when this process was stopped for long, is opened again.
func (f *follower) untilEnd(ctx context.Context) error {
	for broken := 0; !show.Settled(f.t); {
		event, err := f.events.Next()
		if err == nil {
			broken = 0
			f.take(event)
			continue
		}
		if broken++; ctx.Err() != nil || broken > maxReopen {
			return err
		}
		if err := f.reopen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens the stream of events again and catches up.
func (f *follower) reopen(ctx context.Context) (err error) {
	f.events.Close()
	if f.events, err = f.client.Events(ctx, f.t.ID); err != nil {
		f.events = nil
		return err
	}
	t, err := f.client.Transfer(ctx, f.t.ID)
	if err == nil {
		f.take(api.Event{Time: t.Updated, Transfer: &t})
	}
	return err
}

func (f *follower) close() {
	f.reporter.Drop()
	if f.events != nil {
		f.events.Close()
	}
}

// take reports an event if it is about the followed transfer.
func (f *follower) take(e api.Event) {
	if e.Transfer == nil || e.Transfer.ID != f.t.ID {
		return
	}
	f.t = *e.Transfer
	if e.Phase == node.PhaseVerified {
		f.progress(e.Time) // first the last bytes, then what they are worth
	}
	if e.Phase != "" {
		f.reporter.Phase(f.t, e.Phase, e.Detail)
	}
	if f.t.Path != f.path {
		f.path = f.t.Path
		f.reporter.Path(f.t)
	}
	f.takeParts()
	f.takeWait()
	f.progress(e.Time)
}

// takeWait reports that nothing happens until somebody does something.
func (f *follower) takeWait() {
	before := f.waits
	if f.waits = show.WaitOf(f.t); f.waits != before && f.waits != show.NoWait {
		f.reporter.Waiting(f.t)
	}
}

// takeParts reports each device whose state is another than it was.
func (f *follower) takeParts() {
	for _, p := range f.t.Parts {
		key := [2]string{p.Account, p.Device}
		if f.parts[key] != p.State {
			f.parts[key] = p.State
			f.reporter.Part(f.t, p)
		}
	}
}

func (f *follower) progress(now time.Time) {
	ongoing := f.t.State == filexfer.Ongoing || f.t.State == filexfer.Finished
	if !ongoing || f.flows && f.t.Bytes == f.bytes {
		return
	}
	f.flows, f.bytes = true, f.t.Bytes
	f.reporter.Progress(f.t, f.meter.Add(now, f.t.Bytes))
}

// finish reports the end of the followed transfer, and gives it as an error.
func (f *follower) finish() error {
	f.reporter.Done(f.t, f.meter.Mean())
	return ended(f.t)
}

// awaitEnd gives the transfer as it is once it has ended.
func awaitEnd(ctx context.Context, c *api.Client, id string) (api.Transfer, error) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		t, err := c.Transfer(ctx, id)
		if err != nil || t.Ended {
			return t, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
}
