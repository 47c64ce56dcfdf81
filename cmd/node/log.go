package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// logState is what log prints with --json.
type logState struct {
	Levels string `json:"levels"`
}

func (a *app) logCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "log [LEVELS]",
		Short: "Show or change how much the running node logs",
		Long: `Show how much the running node logs, or change it at once. LEVELS is debug, info, warn
or error, followed by those subsystems that differ. What is not named has the first
level. It holds until the node starts again or reloads; log-level in the config file
stays.

` + wrapped("Subsystems: "+strings.Join(subsystems, ", ")+"; and libp2p for what libraries log (libp2p/swarm2 is one of them).", "") + `
The log itself goes to standard error of 'passeur run'; under systemd, see
journalctl -u passeur.`,
		Example: "  passeur log\n  passeur log info,icetcp=debug\n  passeur log info",
		GroupID: groupNode,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			levels, err := "", error(nil)
			if len(args) == 0 {
				levels, err = c.Levels(cmd.Context())
			} else if levels, err = args[0], checkLevels(args[0]); err != nil {
				return usageError("%w", err)
			} else {
				levels, err = c.SetLevels(cmd.Context(), levels)
			}
			switch {
			case err != nil:
				return err
			case a.json:
				return show.JSON(a.stdout, logState{levels})
			}
			_, err = a.stdout.Write([]byte(show.Text(levels) + "\n"))
			return err
		},
		ValidArgsFunction: completeLevels,
	}
}

// completeLevels offers the level of all, and a first subsystem that differs.
func completeLevels(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	before, _, isList := cutLast(begun, ",")
	var list []string
	for _, word := range levelWords {
		if !isList {
			list = append(list, word)
			continue
		}
		for _, name := range append([]string{libraries}, subsystems...) {
			list = append(list, before+","+name+"="+word)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have the running node read its config file again",
		Long: `Have the running node read its config file again, as SIGHUP does, and say what became
of it. Rules, accept, downloads, reserve, limits, the log's levels and the audit file
count at once, for offers and transfers to come; what needs a restart is named. A file
that is wrong changes nothing: 'passeur config check' tells all its mistakes.`,
		Example: "  passeur config check && passeur reload",
		GroupID: groupNode,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, err := a.client().Reload(cmd.Context())
			if p := new(api.Problem); errors.As(err, &p) && p.Code == api.CodeBadConfig {
				return configError("nothing was reloaded: %w", err)
			}
			switch {
			case err != nil:
				return err
			case a.json:
				return show.JSON(a.stdout, done)
			case len(done.Restart) == 0:
				return a.say("reloaded")
			}
			return a.say("reloaded; these count when the node starts again: %s", show.Text(strings.Join(done.Restart, ", ")))
		},
	}
}
