package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/cmd/node/manual"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND|TOPIC]",
		Short: "Help about any command or topic",
		Long: `Show the help of a command, as --help does, or of a topic. With --json it prints all
that is known of the command and those below it, of which the man pages are made.`,
		Example: "  passeur help contact invite\n  passeur help exit-codes\n  passeur help --json | jq -r '.commands[].path'",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if about == nil || err != nil || len(rest) > 0 {
				return usageError("there is no command or topic %q: see 'passeur --help'", strings.Join(args, " "))
			}
			if a.json {
				return show.JSON(a.stdout, manualPage(about))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: completeCommands,
	}
}

// completeCommands offers the commands and topics below those that are typed.
func completeCommands(cmd *cobra.Command, args []string, _ string) (words []cobra.Completion, _ cobra.ShellCompDirective) {
	about, _, err := cmd.Root().Find(args)
	if err == nil {
		for _, c := range about.Commands() {
			if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
				words = append(words, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// manualPage tells all of a command and those below it.
func manualPage(cmd *cobra.Command) manual.Page {
	p := manual.Page{
		Path: cmd.CommandPath(), Usage: strings.TrimSuffix(cmd.UseLine(), " [flags]"), Short: cmd.Short, Long: cmd.Long,
		Example: cmd.Example, Aliases: append([]string{}, cmd.Aliases...), Topic: cmd.IsAdditionalHelpTopicCommand(),
		Flags: []manual.Flag{}, Commands: []manual.Page{}, Groups: []manual.Group{},
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { p.Flags = append(p.Flags, manualFlag(f, cmd.Parent() == nil)) })
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { p.Flags = append(p.Flags, manualFlag(f, true)) })
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() || c.Name() == "help" {
			p.Commands = append(p.Commands, manualPage(c))
		}
	}
	for _, g := range cmd.Groups() {
		p.Groups = append(p.Groups, manualGroup(g, cmd.Commands()))
	}
	if cmd.Parent() == nil {
		for _, e := range exitCodes {
			p.Exits = append(p.Exits, manual.Status{Code: e.code, Means: e.means})
		}
	}
	return p
}

func manualFlag(f *pflag.Flag, global bool) manual.Flag {
	value, _ := pflag.UnquoteUsage(f)
	_, says := flagText(f)
	if f.Value.Type() == "bool" {
		value = ""
	}
	return manual.Flag{Name: f.Name, Shorthand: f.Shorthand, Value: value, Says: says, Default: f.DefValue, Global: global}
}

func manualGroup(g *cobra.Group, commands []*cobra.Command) manual.Group {
	out := manual.Group{Title: strings.TrimSuffix(g.Title, ":"), Commands: []string{}}
	for _, c := range commands {
		if c.GroupID == g.ID {
			out.Commands = append(out.Commands, c.Name())
		}
	}
	return out
}
