package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the settings of 'passeur run'",
		Long: `Look at the settings of 'passeur run': those of the config file, the environment and
the defaults. Nothing of this needs a node that runs.`,
		Example: "  passeur config example > ~/.local/share/passeur/config.toml\n  passeur config check\n  passeur config show --effective",
		GroupID: groupNode,
	}
	cmd.AddCommand(a.configCheckCommand(), a.configShowCommand(), a.configExampleCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Tell all that is wrong with a config file",
		Long: `Tell all that is wrong with a config file: FILE, or that of the home. The exit code is
0 if nothing is, 2 otherwise. A line that may hold a password is not shown.`,
		Example: "  passeur config check\n  passeur config check /etc/passeur/config.toml && systemctl reload passeur",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.checkConfig(strings.Join(args, "")) },
	}
}

// configReport is what config check prints with --json.
type configReport struct {
	File     string          `json:"file"` // "": there is none
	Mistakes []configMistake `json:"mistakes"`
}

type configMistake struct {
	Line    int    `json:"line"` // from 1; 0: of the file as a whole
	Column  int    `json:"column"`
	Key     string `json:"key"`
	Message string `json:"message"`
}

func (a *app) checkConfig(file string) error {
	given := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(runOptions).bind(given)
	if file != "" {
		if err := given.Set("config", file); err != nil {
			return err
		}
	}
	e, err := loadConfig(a.home, given)
	report := configReport{File: cmp.Or(file, filepath.Join(a.home, configName)), Mistakes: []configMistake{}}
	if err == nil {
		report.File = e.path
	}
	if a.json {
		report.Mistakes = append(report.Mistakes, jsonMistakes(err)...)
		if failed := show.JSON(a.stdout, report); failed != nil {
			return failed
		}
		if f := new(failure); errors.As(err, &f) {
			f.told = true
		}
		return err
	}
	switch {
	case err != nil:
		return err
	case e.path == "":
		return a.say("there is no config file in %s: everything is as it is by default", show.Text(a.home))
	}
	return a.say("%s is right", show.Text(e.path))
}

func jsonMistakes(err error) (list []configMistake) {
	var all *mistakes
	if !errors.As(err, &all) {
		if err != nil {
			list = append(list, configMistake{Message: err.Error()})
		}
		return list
	}
	for _, m := range all.all {
		list = append(list, configMistake{m.line, m.column, m.key, m.what})
	}
	return list
}

func (a *app) configShowCommand() *cobra.Command {
	var all bool
	var o runOptions
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the settings, and where each comes from",
		Long: `Show the settings that 'passeur run' would have, and where each comes from: a flag, the
environment, a line of the config file, or the default. Without --effective those are
left out that are as they are by default. The flags of 'passeur run' can be given, too.
Passwords are not shown.`,
		Example:     "  passeur config show\n  passeur config show --effective --json\n  PASSEUR_LISTEN=:4001 passeur config show",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{useEnv: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.showConfig(cmd.Flags(), all) },
	}
	cmd.Flags().BoolVar(&all, "effective", false, "show the defaults, too")
	o.bind(cmd.Flags())
	completeRun(cmd)
	return cmd
}

// shownSetting is a line of config show, and with --json an object of its array.
type shownSetting struct {
	Key     string `json:"key"`
	Value   any    `json:"value"` // a text, a list of texts; of a table a list of objects
	From    string `json:"from"`  // --name, PASSEUR_NAME, FILE:LINE, "default" or "role dht"
	Restart bool   `json:"restart"`
}

func (a *app) showConfig(given *pflag.FlagSet, all bool) error {
	e, err := loadConfig(a.home, given)
	if err != nil {
		return err
	}
	list := e.shown(all)
	if a.json {
		return show.JSON(a.stdout, list)
	}
	if len(list) == 0 {
		return a.say("everything is as it is by default: 'passeur config show --effective' shows it")
	}
	rows := make([][]string, 0, len(list))
	for _, s := range list {
		rows = append(rows, []string{s.Key, show.Clip(s.text(), 60), show.Text(s.From)})
	}
	return show.Table(a.stdout, []string{"KEY", "VALUE", "FROM"}, rows)
}

// shown lists the settings in the order of the documentation.
func (e *effective) shown(all bool) []shownSetting {
	list := []shownSetting{}
	for _, k := range configKeys {
		if !all && e.origin[k.name] == fromDefault {
			continue
		}
		s := shownSetting{k.name, e.flags.Lookup(k.name).Value.String(), e.origin[k.name], !k.live}
		if l, isList := e.flags.Lookup(k.name).Value.(pflag.SliceValue); isList {
			s.Value = append([]string{}, l.GetSlice()...)
		}
		list = append(list, s)
	}
	if len(e.rules) > 0 {
		list = append(list, shownSetting{"rule", e.rules, e.path, false})
	}
	if len(e.config.TURN) > 0 {
		list = append(list, shownSetting{"turn", e.shownServers(), e.path, true})
	}
	return list
}

// shownServer is a TURN server without its password.
type shownServer struct {
	URL      string `json:"url"`
	Username string `json:"username"`
}

func (e *effective) shownServers() (list []shownServer) {
	for _, s := range e.config.TURN {
		list = append(list, shownServer{s.URL, s.Username})
	}
	return list
}

// text is the value in one line; of what is empty, what that means.
func (s shownSetting) text() string {
	var words []string
	switch v := s.Value.(type) {
	case string:
		words = []string{v}
	case []string:
		words = v
	case []node.Rule:
		for _, r := range v {
			words = append(words, r.Name)
		}
	case []shownServer:
		for _, one := range v {
			words = append(words, one.URL)
		}
	}
	if text := strings.Join(words, ", "); text != "" {
		return text
	}
	k, _ := findKey(s.Key)
	return "(" + k.fallback + ")"
}

func (a *app) configExampleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a config file with every setting, explained",
		Long: `Print a config file with every setting, explained. All are comments, so the file changes
nothing until a # is taken away.`,
		Example: "  passeur config example > ~/.local/share/passeur/config.toml",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.stdout, configExample())
			return err
		},
	}
}

// configExample is a config file in which every key is a comment.
func configExample() string {
	var b strings.Builder
	b.WriteString(`# Settings of passeur run (TOML). Take the # before a key away to set it.
# A flag counts before the environment, and that before this file; --log-level is
# PASSEUR_LOG_LEVEL there. Paths are relative to this file's folder.
# 'passeur config check' tells all mistakes. What is marked "live" counts after
# 'passeur reload', the rest after a restart.
`)
	for _, k := range configKeys {
		mark := ""
		if k.live {
			mark = ", live"
		}
		fmt.Fprintf(&b, "\n%s# Default: %s%s.\n#%s = %s\n", comment(k.about), k.fallback, mark, k.name, k.example)
	}
	for _, t := range configTables {
		fmt.Fprintf(&b, "\n%s%s\n", comment(t.about), t.example)
	}
	return b.String()
}

// comment wraps a text into lines of a comment.
func comment(text string) string { return wrapped(text, "# ") }

// wrapped breaks a text into lines that begin with a prefix.
func wrapped(text, prefix string) string {
	var b strings.Builder
	width := 0
	for _, w := range strings.Fields(text) {
		switch {
		case width == 0:
			b.WriteString(prefix)
		case width+len(w) > 85:
			b.WriteString("\n" + prefix)
			width = 0
		default:
			b.WriteString(" ")
		}
		b.WriteString(w)
		width += len(w) + 1
	}
	return b.String() + "\n"
}
