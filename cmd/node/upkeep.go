package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) allowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "allow CONVERSATION CONTACT",
		Short: "Let somebody who has sent too much send more",
		Long: `Each member may fill a part of this device: what he sends beyond it is not taken,
which 'passeur conversation list' tells. This lets him fill as much again.`,
		Example: "  passeur conversation allow holiday bob",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client().AllowMore(cmd.Context(), args[0], args[1])
			if err != nil {
				return aboutEntry(aboutContact(err, args[1]), args[0], "")
			}
			return a.sayConversation(c, "%s may send more to %s", show.Person(args[1]), show.ConversationName(c))
		},
		ValidArgsFunction: a.completeMember,
	}
}

func (a *app) checkCommand() *cobra.Command {
	var rebuild bool
	cmd := &cobra.Command{
		Use:   "check CONVERSATION",
		Short: "Check a conversation on this device, signatures and all",
		Long: `Verify every signature, and hold what the node has worked out of the conversation
(who is a member, what counts, what is shown) against the entries themselves. With
--rebuild that is worked out anew first. The exit code is 5 if something is wrong.`,
		Example: "  passeur conversation check holiday\n  passeur conversation check holiday --rebuild",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := a.client().CheckConversation(cmd.Context(), args[0], rebuild)
			if err != nil {
				return aboutEntry(err, args[0], "")
			}
			return a.sayFindings(found.Findings)
		},
		ValidArgsFunction: a.completeConversations(func(api.Conversation) bool { return true }),
	}
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "work out anew what is derived of the entries")
	return cmd
}

func (a *app) sayFindings(findings []string) error {
	if a.json {
		if err := show.JSON(a.stdout, map[string][]string{"findings": findings}); err != nil {
			return err
		}
	} else {
		for _, finding := range findings {
			fmt.Fprintln(a.stdout, show.Text(finding))
		}
	}
	if len(findings) > 0 {
		err := fmt.Errorf("%d things are wrong with the conversation; try --rebuild", len(findings))
		return &failure{exit: exitBadSum, code: codeDamaged, err: err}
	}
	if a.json {
		return nil
	}
	return a.say("all is well")
}
