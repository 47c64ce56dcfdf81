package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choice is a flag whose value is one of a few words; the first is the default.
type choice[T ~string] struct {
	value   *T
	choices []T
}

func newChoice[T ~string](value *T, choices ...T) pflag.Value {
	*value = choices[0]
	return choice[T]{value, choices}
}

func (c choice[T]) String() string { return string(*c.value) }

func (c choice[T]) Type() string {
	words := make([]string, len(c.choices))
	for i, word := range c.choices {
		words[i] = string(word)
	}
	return strings.Join(words, "|")
}

func (c choice[T]) Set(text string) error {
	if !slices.Contains(c.choices, T(text)) {
		return fmt.Errorf("it must be %s", strings.ReplaceAll(c.Type(), "|", " or "))
	}
	*c.value = T(text)
	return nil
}

// completeChoice offers a choice's words at Tab.
func completeChoice(cmd *cobra.Command, flag string) {
	words := strings.Split(cmd.Flags().Lookup(flag).Value.Type(), "|")
	// The error says that there is no such flag, and there is one.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// useEnv marks a command whose own flags can be set in the environment. Most
// must not: PASSEUR_NAME is the node's name, not that of a contact.
const useEnv = "passeur-env"

func envFlags(cmd *cobra.Command) *pflag.FlagSet {
	if cmd.Annotations[useEnv] == "" {
		return pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	return cmd.LocalNonPersistentFlags()
}

// envName is the variable of a flag: PASSEUR_LOG_FORMAT for --log-format.
func envName(flag string) string {
	return "PASSEUR_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnv sets each flag that was not given from its variable, if that is set
// and not empty, and marks it as set. A list is separated by commas or spaces.
func fromEnv(flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		text := os.Getenv(envName(f.Name))
		if f.Changed || text == "" || err != nil || f.Name == "help" {
			return
		}
		if failed := setFlag(flags, f, text); failed != nil {
			err = usageError("%s=%q: %w", envName(f.Name), text, failed)
		}
		f.Changed = true
		_ = flags.SetAnnotation(f.Name, originKey, []string{envName(f.Name)}) // there is such a flag
	})
	return err
}

func setFlag(flags *pflag.FlagSet, f *pflag.Flag, text string) error {
	list, isList := f.Value.(pflag.SliceValue)
	if !isList {
		return f.Value.Set(text)
	}
	return list.Replace(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }))
}
