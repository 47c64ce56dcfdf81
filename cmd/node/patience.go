package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// patience is how long a command follows the transfer that it began.
type patience struct {
	noWait bool
	wait   span
}

func (p *patience) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.noWait, "no-wait", false, "print the transfer's id at once and leave the rest to the node")
	cmd.Flags().Var(&p.wait, "wait", "wait this long at most (90s, 10m, 2h; 0: as --no-wait), then leave the rest to the node (default: until the end)")
	cmd.MarkFlagsMutuallyExclusive("no-wait", "wait")
	noWords(cmd, "wait")
}

// none: the command returns when the transfer has begun.
func (p *patience) none() bool { return p.noWait || p.wait.given && p.wait.Duration == 0 }

// limit is how long the end is waited for; 0: as long as it takes.
func (p *patience) limit() time.Duration { return p.wait.Duration }

// span is a flag of a time, which has a unit.
type span struct {
	time.Duration
	given bool
}

func (s *span) Type() string { return "TIME" }

func (s *span) String() string {
	if !s.given {
		return ""
	}
	return s.Duration.String()
}

func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("write a time with its unit, for instance 90s, 10m or 2h")
	}
	s.Duration, s.given = d, true
	return nil
}

// noWords offers nothing at Tab for flags whose values cannot be guessed.
func noWords(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		// The error says that there is no such flag, and there is one.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
}
