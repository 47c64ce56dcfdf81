package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) idCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Show this node's account, device and addresses",
		Long: `Show this node's account, device and addresses. The account is what others need
to add you as a contact. If the home is new, the identity is made. The addresses
are known only while the node runs.`,
		Example: "  passeur id\n  passeur id --json",
		GroupID: groupNode,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := a.identity(cmd)
			if err != nil {
				return err
			}
			if a.json {
				return show.JSON(a.stdout, who)
			}
			return printNode(a.stdout, who)
		},
	}
}

// identity asks the node, or reads the home's keys if no node runs.
func (a *app) identity(cmd *cobra.Command) (api.Node, error) {
	who, err := a.client().Node(cmd.Context())
	if !errors.Is(err, api.ErrNotRunning) {
		return who, err
	}
	if err := prepareHome(a.home, slog.New(slog.DiscardHandler)); err != nil {
		return who, err
	}
	i, err := node.LoadIdentity(a.home, "")
	if err != nil {
		return who, fmt.Errorf("read the identity in %s: %w", a.home, err)
	}
	return api.NodeOf(i), nil
}

func printNode(w io.Writer, n api.Node) error {
	_, err := fmt.Fprintf(w, "  account  %s\n  device   %s\n", n.Account, n.Device)
	for _, addr := range n.Addrs {
		if err == nil {
			_, err = fmt.Fprintf(w, "  address  %s\n", addr)
		}
	}
	return err
}
