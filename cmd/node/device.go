package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) deviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "device",
		Short: "List, link and revoke the devices of your account",
		Long: `Your account may have several devices: each has your contacts and conversations.
'device link' on one shows a code, 'device join' on the new one takes it.

A keeper is a device that holds the account's key: only keepers link and revoke
devices. The first device is one; 'device link --keeper' makes another, and you want
two: without any keeper the account can neither grow nor be rid of a stolen device.
Whoever steals a keeper has the account; whoever steals another device has it until
you revoke that.`,
		GroupID: groupContacts,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.deviceListCommand(), a.deviceLinkCommand(), a.deviceJoinCommand(), a.deviceRevokeCommand())
	return cmd
}

func (a *app) deviceListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the devices of your account",
		Example: "  passeur device list\n  passeur device list --json | jq -r '.[].name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			devices, err := a.client().Devices(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, devices)
			}
			return a.printDevices(devices)
		},
	}
}

func (a *app) printDevices(devices []api.Device) error {
	rows := make([][]string, 0, len(devices))
	for _, d := range devices {
		rows = append(rows, []string{show.Clip(d.Name, 40), deviceState(d), d.Added.Local().Format(time.DateOnly), show.Text(d.ID)})
	}
	return show.Table(a.stdout, []string{"NAME", "STATE", "ADDED", "ID"}, rows)
}

func deviceState(d api.Device) string {
	var is []string
	for _, s := range []struct {
		so   bool
		word string
	}{{d.Revoked, "revoked"}, {d.Self, "this device"}, {d.Keeper, "keeper"}, {d.Connected, "connected"}} {
		if s.so {
			is = append(is, s.word)
		}
	}
	return strings.Join(is, ", ")
}

func (a *app) deviceLinkCommand() *cobra.Command {
	var keeper bool
	var q qrFlags
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Show a code by which another device joins your account",
		Long: `Show a one-time code, in words and as a QR code, and wait until the other device has
joined, or ten minutes are over. Ctrl-C ends it. A code works once: if somebody else
tries one, it is burnt, and you show a new one.

When both sides show the same four words, nobody is between them; they have proven
that to each other before, so compare only if you like.`,
		Example: "  passeur device link\n  passeur device link --keeper            # a second device that may link and revoke",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := api.NewPairing{Purpose: node.PairLink, Keeper: keeper}
			return a.pairAndSay(cmd.Context(), in, "passeur device join", &q)
		},
	}
	cmd.Flags().BoolVar(&keeper, "keeper", false, "hand the account's key over too: whoever has that device has the account")
	q.bind(cmd)
	return cmd
}

func (a *app) deviceJoinCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "join CODE",
		Short: "Make this device one of the account whose device shows the code",
		Long: `Enter the code that 'passeur device link' shows on a device of your account. Case and
what stands between the words do not matter, the first three letters of each word
are enough, and a single typing error is found. The text of the QR code does too.
CODE - reads it from standard input, where nobody else on the machine sees it.

The node must run, on a home without contacts and conversations of its own. When it
is done, the node starts anew as a device of that account.`,
		Example: "  passeur device join acorn-breeze-cable-dune-ember\n  passeur device join aco bre cab dun emb",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := codeTyped(cmd, args)
			if err != nil {
				return err
			}
			return a.joinAccount(cmd.Context(), code)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (a *app) joinAccount(ctx context.Context, code string) error {
	c := a.client()
	before, err := c.Node(ctx)
	if err != nil {
		return err
	}
	_, err = a.pair(ctx, c, api.NewPairing{Purpose: node.PairLink, Code: code}, "", nil)
	if err != nil && !hasCode(err, api.CodeUnknownPairing) { // that is how a node that started anew answers
		return err
	}
	now, err := awaitAccount(ctx, c, before.Account)
	if err != nil || a.json {
		return err
	}
	return a.say("this device belongs to the account %s now", show.Text(now.Account))
}

// pairAndSay pairs and says what came of it.
func (a *app) pairAndSay(ctx context.Context, in api.NewPairing, command string, q *qrFlags) error {
	p, err := a.pair(ctx, a.client(), in, command, q)
	if err != nil || a.json {
		return err
	}
	return a.say("%s", show.Paired(p))
}

// keeperLost is said when a keeper is revoked.
const keeperLost = `it was a keeper: whoever took it has the account's key, and no revocation stops him.
If it was stolen, begin a new account and meet your contacts by code again.`

func (a *app) deviceRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "Take a lost or stolen device from your account, for ever",
		Long: `Take a device from your account, for ever: nobody accepts it any more, and what it
writes from now on counts nowhere, whatever date it claims. What it wrote and no other
device of yours has seen is lost. It keeps what it has: change what it knew.

Only a keeper revokes, and no device revokes itself.`,
		Example: "  passeur device list\n  passeur device revoke phone",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.client().RevokeDevice(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if d.Keeper {
				fmt.Fprintln(a.stderr, keeperLost)
			}
			if a.json {
				return show.JSON(a.stdout, d)
			}
			return a.say("revoked %s (%s)", show.Clip(d.Name, 40), show.Text(d.ID))
		},
		ValidArgsFunction: a.completeDevices(func(d api.Device) bool { return !d.Self && !d.Revoked }),
	}
}
