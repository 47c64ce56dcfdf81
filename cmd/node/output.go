package main

import (
	"fmt"
	"os"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// The rules of output. What was asked for goes to standard output, however quiet: a
// list, an id, a code, a file's bytes. What was done is a sentence there, and how it
// goes along is told on standard error; with --quiet there is neither. With --json
// standard output holds JSON and nothing else, and standard error nothing but errors.

// say tells in a sentence what was done.
func (a *app) say(format string, args ...any) error {
	if a.quiet {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, format+"\n", args...)
	return err
}

// tell tells in a sentence how something goes along.
func (a *app) tell(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// detail tells what only --verbose wants to know.
func (a *app) detail(format string, args ...any) {
	if a.verbose {
		a.tell(format, args...)
	}
}

// colour tells whether standard output may have colours.
func (a *app) colour() bool {
	f, isFile := a.stdout.(*os.File)
	return isFile && show.Colour(f)
}

// width is how many columns standard output has; 0 if it is no terminal.
func (a *app) width() int {
	if f, isFile := a.stdout.(*os.File); isFile {
		return show.Width(f)
	}
	return 0
}

// reporter shows a transfer in the way that was asked for.
func (a *app) reporter() show.Reporter {
	if a.json {
		return show.NewJSONReporter(a.stdout)
	}
	if a.quiet {
		return show.NewNothing()
	}
	if f, isFile := a.stderr.(*os.File); isFile {
		return show.NewReporter(f, a.verbose)
	}
	return show.NewLines(a.stderr, a.verbose)
}
