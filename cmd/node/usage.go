package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how many columns help takes, as its texts are written.
const helpWidth = 90

// writeUsage writes what follows a command's description in its help. It is cobra's
// page with flags that read like prose.
func writeUsage(cmd *cobra.Command) error {
	var b strings.Builder
	writeSynopsis(&b, cmd)
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(&b, cmd)
	writeFlags(&b, "Flags", cmd.LocalFlags())
	writeFlags(&b, "Flags of every command", cmd.InheritedFlags())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s COMMAND --help' tells more about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

func writeSynopsis(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString("Usage:\n")
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(b, "\nShort forms:\n  %s\n", cmd.NameAndAliases())
	}
}

// writeCommands lists the commands below cmd, in their groups if it has any, and then
// the topics of which there is help alone.
func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, g := range groups {
		fmt.Fprintf(b, "\n%s\n", g.Title)
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				fmt.Fprintf(b, "  %-*s %s\n", c.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	if cmd.HasHelpSubCommands() {
		b.WriteString("\nTopics ('passeur help TOPIC'):\n")
	}
	for _, c := range cmd.Commands() {
		if c.IsAdditionalHelpTopicCommand() {
			fmt.Fprintf(b, "  %-*s %s\n", c.NamePadding(), c.Name(), c.Short)
		}
	}
}

func writeFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	var names, says []string
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, say := flagText(f)
		names, says, width = append(names, name), append(says, say), max(width, len(name))
	})
	if names == nil {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for i, name := range names {
		lines := breakLines(says[i], helpWidth-width-4)
		fmt.Fprintf(b, "  %-*s  %s\n", width, name, strings.Join(lines, "\n"+strings.Repeat(" ", width+4)))
	}
}

// flagText is how a flag is written, and what it says with its default.
func flagText(f *pflag.Flag) (name, say string) {
	value, say := pflag.UnquoteUsage(f)
	if name = "    --" + f.Name; f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if f.Value.Type() != "bool" && value != "" {
		name += " " + value
	}
	switch f.DefValue {
	case "", "false", "0", "[]", "0s":
		return name, say
	}
	if strings.Contains(say, "(default") {
		return name, say
	}
	return name, say + " (default " + f.DefValue + ")"
}

// breakLines breaks a text at spaces into lines of at most width bytes, if its words
// let it.
func breakLines(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// explainArgs makes every command that is given too much or too little, or an empty
// word, say how it is written.
func explainArgs(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		explainArgs(c)
	}
	fits := cmd.Args
	if fits == nil || cmd.HasSubCommands() {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		fit := fits(cmd, args) == nil
		if i := slices.Index(args, ""); fit && i >= 0 { // "$ID" of a script that has none
			return fmt.Errorf("argument %d after '%s' is empty; write '%s'", i+1, cmd.CommandPath(), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
		if fit {
			return nil
		}
		what := "there is too much after '" + cmd.CommandPath() + "'"
		if tooFew(cmd, fits, args) {
			what = "something is missing after '" + cmd.CommandPath() + "'"
		}
		return fmt.Errorf("%s; write '%s'", what, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
}

// tooFew tells whether args would fit if there were some more.
func tooFew(cmd *cobra.Command, fits cobra.PositionalArgs, args []string) bool {
	for range 3 {
		if args = append(args[:len(args):len(args)], ""); fits(cmd, args) == nil {
			return true
		}
	}
	return false
}
