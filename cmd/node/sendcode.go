package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// oneShotFlags say that files go to whoever enters a code.
type oneShotFlags struct {
	code     bool
	lifetime span
	qr       qrFlags
}

func (o *oneShotFlags) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.code, "code", false, "send it to whoever enters a one-shot code, which is shown: to people who are no contacts")
	cmd.Flags().Var(&o.lifetime, "lifetime", "how long the code can be entered (90s, 10m, 2h; 24h at most, default 10m)")
	o.qr.bind(cmd)
	noWords(cmd, "lifetime")
}

// check refuses flags that mean nothing without a code.
func (o *oneShotFlags) check(cmd *cobra.Command) error {
	for _, flag := range []string{"lifetime", "qr", "no-qr"} {
		if !o.code && cmd.Flags().Changed(flag) {
			return usageError("--%s is about a code: give --code too", flag)
		}
	}
	return nil
}

// sendByCode shows a code, waits until somebody has entered it, and follows the
// transfer that this begins.
func (a *app) sendByCode(ctx context.Context, c *api.Client, in api.NewTransfer, f *sendFlags) error {
	in.Code = true
	if f.lifetime.given {
		in.Lifetime = lifetimeText(f.lifetime)
	}
	if f.none() {
		return a.showCodeOnly(ctx, c, in, f)
	}
	p, err := a.pairBy(ctx, c, receiveLine, &f.qr, func(ctx context.Context) (api.Pairing, error) {
		return beginByCode(ctx, c, in, &f.limit)
	})
	if err != nil {
		return err
	}
	return a.followCode(ctx, c, p, &order{patience: f.patience})
}

// followCode follows the transfer that a one-shot code has begun.
func (a *app) followCode(ctx context.Context, c *api.Client, p api.Pairing, o *order) error {
	if ctx.Err() != nil { // interrupted just when the code was proven
		late, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		_, err := c.Cancel(late, p.Transfer)
		return errors.Join(context.Canceled, err)
	}
	return a.begin(ctx, c, o, func(ctx context.Context) (api.Transfer, error) { return c.Transfer(ctx, p.Transfer) })
}

// receiveLine is what takes the code on the other side.
const receiveLine = "passeur receive"

// lifetimeText is a time in whole seconds, as the API takes it.
func lifetimeText(s span) string { return fmt.Sprintf("%ds", int64(s.Seconds())) }

func beginByCode(ctx context.Context, c *api.Client, in api.NewTransfer, l *transferLimit) (api.Pairing, error) {
	sent, err := c.Begin(ctx, in)
	if err != nil || sent.Pairing == nil {
		return api.Pairing{}, err
	}
	_, err = l.hold(ctx, c, sent.Transfer)
	return *sent.Pairing, err
}

// showCodeOnly leaves everything after the code to the node.
func (a *app) showCodeOnly(ctx context.Context, c *api.Client, in api.NewTransfer, f *sendFlags) error {
	p, err := beginByCode(ctx, c, in, &f.limit)
	if err != nil {
		return err
	}
	a.showCode(p, receiveLine, &f.qr)
	if a.json {
		return nil
	}
	return a.say("the transfer is %s; the node waits for somebody to enter the code", show.Text(p.Transfer))
}
