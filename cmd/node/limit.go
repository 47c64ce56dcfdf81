package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/rules"
)

func (a *app) limitCommand() *cobra.Command {
	var up, down rate
	cmd := &cobra.Command{
		Use:   "limit [CONTACT]",
		Short: "Show or set how fast files may go and come",
		Long: `Limit how many bytes a second the files take that go from here (--up) and come here
(--down): those of all transfers together, or those of a contact. A contact's transfers
are under both limits. It counts at once, for transfers that run, too, on any network,
and stays so when the node starts anew. Without --up and --down the limits are shown.

RATE is a number of bytes a second, with k, M or G for thousands and Ki, Mi or Gi for
1024ths: 500k, 1.5MiB. The least is 16Ki; 0 or none takes the limit away.`,
		Example: "  passeur limit --up 10M\n  passeur limit bob --up 1.5MiB --down none\n  passeur limit",
		GroupID: groupFiles,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !up.given && !down.given {
				return a.printLimits(cmd)
			}
			change := api.NewLimit{Contact: strings.Join(args, ""), Up: up.value(), Down: down.value()}
			l, err := a.client().SetLimit(cmd.Context(), change)
			if err != nil {
				return aboutContact(err, change.Contact)
			}
			if a.json {
				return show.JSON(a.stdout, l)
			}
			return show.Limits(a.stdout, []api.Limit{l})
		},
		ValidArgsFunction: a.completeContacts(isAccepted),
	}
	cmd.Flags().Var(&up, "up", "the most that goes from here, in bytes a second: 500k, 1.5MiB, none")
	cmd.Flags().Var(&down, "down", "the most that comes here, in bytes a second")
	noWords(cmd, "up", "down")
	return cmd
}

func (a *app) printLimits(cmd *cobra.Command) error {
	limits, err := a.client().Limits(cmd.Context())
	if err != nil {
		return err
	}
	if a.json {
		return show.JSON(a.stdout, limits)
	}
	return show.Limits(a.stdout, limits)
}

// rate is a flag of bytes a second.
type rate struct {
	perSecond int64
	given     bool
}

func (r *rate) String() string {
	if !r.given {
		return ""
	}
	return strconv.FormatInt(r.perSecond, 10)
}

func (r *rate) Type() string { return "RATE" }

func (r *rate) Set(text string) (err error) {
	r.perSecond, err = parseRate(text)
	r.given = err == nil
	return err
}

// value is nil if the flag was not given.
func (r *rate) value() *int64 {
	if !r.given {
		return nil
	}
	return &r.perSecond
}

// transferLimit is the flag that bounds one transfer.
type transferLimit struct{ rate }

func (l *transferLimit) bind(cmd *cobra.Command) {
	cmd.Flags().Var(l, "limit", "the most that this transfer takes, in bytes a second: 500k, 1.5MiB (see also 'passeur limit')")
	noWords(cmd, "limit")
}

func (l *transferLimit) Set(text string) error {
	if err := l.rate.Set(text); err != nil {
		return err
	}
	if l.perSecond > 0 && l.perSecond < node.MinLimit {
		return fmt.Errorf("the least is %d bytes a second", node.MinLimit)
	}
	return nil
}

// hold bounds a transfer that has begun. One that has ended already was fast enough.
func (l *transferLimit) hold(ctx context.Context, c *api.Client, t api.Transfer) (api.Transfer, error) {
	if !l.given {
		return t, nil
	}
	limited, err := c.LimitTransfer(ctx, t.ID, l.perSecond)
	if hasCode(err, api.CodeEnded) {
		return t, nil
	}
	return limited, err
}

// parseRate reads bytes a second: 500k, 1.5MiB, 10M/s; none is 0.
func parseRate(text string) (int64, error) {
	word := strings.ToLower(strings.TrimSpace(text))
	if word == "none" {
		return 0, nil
	}
	bytes, err := rules.ParseBytes(strings.TrimSuffix(word, "/s"))
	if err != nil || strings.Contains(word, "t") { // no line carries so much
		return 0, errors.New("write bytes a second, for instance 500k, 10M, 1.5MiB, or none")
	}
	return int64(math.Round(bytes)), nil
}
