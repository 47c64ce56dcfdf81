package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

// Groups of the help page.
const (
	groupNode     = "node"
	groupContacts = "contacts"
	groupTalk     = "talk"
	groupFiles    = "files"
	groupMore     = "more"
)

const longHelp = `passeur carries files and messages from your devices to other people's devices,
directly and encrypted. 'passeur run' is the node: it stays on. The other commands
ask it.

Exit codes: 0 done, 1 error, 2 wrong usage, 3 refused, 4 nobody could be reached, 5 what
arrived is wrong, 6 the time was up, 130 interrupted ('passeur help exit-codes').`

const rootExample = `  passeur run                             # start the node, keep it running
  passeur device link                     # a one-time code for my other device
  passeur contact invite --name bob       # a one-time code for bob, who joins by it
  passeur message bob hello
  passeur conversation show bob
  passeur send photo.jpg bob
  passeur inbox                           # what is offered to me, what I have missed
  passeur accept 0123456789abcdef
  passeur get holiday 3f2a91c0            # from anybody in holiday who has it
  passeur doctor                          # is my network all right?
  passeur path bob                        # how do I reach bob, or why not?`

// app is what the commands share: the global flags and the outputs.
type app struct {
	home  string
	json  bool
	quiet bool
	// verbose: more is told of what happens.
	verbose bool

	stdout io.Writer
	stderr io.Writer
	// started is set once flags and arguments are found good; what fails before
	// is wrong usage.
	started bool
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started {
		err = misused(cmd, err)
		a.json = a.json || slices.Contains(args, "--json")
	}
	return report(err, a.json, stdout, stderr)
}

// exclusive is what cobra says of flags of which one may be given.
var exclusive = regexp.MustCompile(`^if any flags in the group .* are set none of the others can be; \[(.*)\] were all set$`)

// misused makes one line of what cobra says about a command line that it
// cannot read.
func misused(cmd *cobra.Command, err error) error {
	text := strings.ReplaceAll(err.Error(), "\n\nDid you mean this?\n\t", "; did you mean ")
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n\t", " or ")
	if m := exclusive.FindStringSubmatch(text); m != nil {
		text = "--" + strings.Join(strings.Fields(m[1]), " and --") + " do not go together: give one of them"
	}
	return usageError("%s: see '%s --help'", text, cmd.CommandPath())
}

func (a *app) rootCommand() *cobra.Command {
	cobra.EnableCommandSorting = false // the help page follows the order of use
	root := &cobra.Command{
		Use:               "passeur",
		Short:             "Carry files between people's devices",
		Long:              longHelp,
		Example:           rootExample,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: a.prepare,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.home, "home", "", "the `FOLDER` of the node's state (default $XDG_DATA_HOME/passeur or ~/.local/share/passeur)")
	flags.BoolVar(&a.json, "json", false, "print JSON, for scripts ('passeur help json')")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "tell nothing but errors and what was asked for (lists, ids, codes)")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "tell more: each step, the path, the rate")
	root.AddGroup(
		&cobra.Group{ID: groupNode, Title: "The node:"},
		&cobra.Group{ID: groupContacts, Title: "People:"},
		&cobra.Group{ID: groupTalk, Title: "Conversations:"},
		&cobra.Group{ID: groupFiles, Title: "Files:"},
		&cobra.Group{ID: groupMore, Title: "More:"},
	)
	help := a.helpCommand()
	root.SetHelpCommand(help)
	root.SetHelpCommandGroupID(groupMore)
	root.SetCompletionCommandGroupID(groupMore)
	root.AddCommand(
		a.runCommand(), a.configCommand(), a.reloadCommand(), a.logCommand(), a.dashboardCommand(), a.idCommand(), a.doctorCommand(), a.pathCommand(),
		a.contactCommand(), a.deviceCommand(),
		a.conversationCommand(), a.messageCommand(),
		a.sendCommand(), a.inboxCommand(), a.acceptCommand(), a.refuseCommand(), a.getCommand(), a.receiveCommand(), a.cancelCommand(), a.transfersCommand(), a.filesCommand(), a.rulesCommand(), a.limitCommand(),
		a.exportHomeCommand(), a.importHomeCommand(), a.demoCommand(), a.versionCommand(), help,
		exitCodesTopic(), jsonTopic(), environmentTopic(),
	)
	root.SetOut(a.stdout) // before the completion's commands keep it
	describeCompletion(root)
	root.SetUsageFunc(writeUsage)
	explainArgs(root)
	return root
}

// prepare reads the environment and finds the home before any command runs.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	if err := fromEnv(cmd.Root().PersistentFlags()); err != nil {
		return err
	}
	if err := fromEnv(envFlags(cmd)); err != nil {
		return err
	}
	if home := cmd.Flags().Lookup("home"); home.Changed && a.home == "" {
		return usageError("--home is empty: name the folder of the node's state, or leave it out")
	}
	if a.quiet && a.verbose {
		return usageError("--quiet and --verbose are opposites: give one of them")
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		return err
	}
	home, err := findHome(a.home)
	if err != nil {
		return err
	}
	a.home, a.started = home, true
	return nil
}

// client asks the node of this home.
func (a *app) client() *api.Client { return api.NewClient(a.home) }

// findHome gives the absolute path of the home: the one given, or where the
// XDG base directory specification puts it.
func findHome(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "passeur"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", usageError("no place for the node's state: %w; name a folder with --home", err)
	}
	return filepath.Join(user, ".local", "share", "passeur"), nil
}
